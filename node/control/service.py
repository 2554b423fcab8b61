"""The control socket: one table of verbs, and every answer durable before it is told."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from node.control import (
    agent_cases,
    agents,
    closing,
    escrow,
    escrow_propose,
    inbox,
    learned,
    lines,
    network,
    notices,
    own_accounts,
    payments,
    peers,
    pending,
    people,
    policies,
    receipts,
    registrar_verbs,
    registries,
    requesters,
    requests,
    rights,
    sale,
    sendable,
    standing,
    state,
    terms,
)
from node.control.context import Context, store
from node.control.failure import Arguments
from runtime.control import verbs_service
from runtime.rpc import Service

Verb = Callable[[Context, Arguments], Awaitable[dict[str, Any]]]
# One that answers several times; the last answer is final.
Tale = Callable[
    [Context, Arguments, Callable[[Mapping[str, Any]], Awaitable[None]]], Awaitable[None]
]

VERBS: Final[Mapping[str, Verb]] = {
    "status": state.status,
    "card": state.card,
    "audit": state.audit,
    "incidents": state.incidents,
    "network": network.network,
    "network.learn": network.learn,
    "route": network.route,
    "network.learned": learned.learned,
    "network.forget": learned.forget,
    "stop": state.stop,
    "peer.add": peers.add,
    "peer.list": peers.list_peers,
    "line.offer": lines.offer,
    "line.accept": lines.accept,
    "line.limit": lines.set_limit,
    "line.close": lines.close,
    "line.list": lines.list_lines,
    "balance": lines.balance,
    "fees.show": terms.show_fees,
    "fees.set": terms.set_fees,
    "registry.add": registries.add_registry,
    "registry.list": registries.list_registries,
    "registry.follow": registries.follow_list,
    "registry.unfollow": registries.unfollow_list,
    "registry.accept": registries.accept_registry,
    "registry.expose": registries.expose_registry,
    "registry.proof": registries.fraud_of_registry,
    "policy.add": policies.add,
    "policy.list": policies.list_policies,
    "policy.drop": policies.drop,
    "request.create": requests.create,
    "request.list": requests.list_requests,
    "request.show": requests.show,
    "request.confirm": requests.confirm,
    "request.decline": requests.decline,
    "pay.plan": payments.plan,
    "max_sendable": sendable.max_sendable,
    "payment.show": payments.show,
    "payment.list": payments.list_payments,
    "payment.abandon": payments.abandon,
    "payment.evidence": payments.evidence,
    "payment.receipt": receipts.of_payment,
    "request.receipt": receipts.of_request,
    "rights.learn": rights.learn,
    "rights.list": rights.list_rights,
    "rights.forget": rights.forget,
    "account.open": own_accounts.open_account,
    "account.import": own_accounts.import_grant,
    "account.list": own_accounts.list_accounts,
    "account.show": own_accounts.show_account,
    "escrow.propose": escrow_propose.propose,
    "escrow.list": escrow.list_exchanges,
    "escrow.show": escrow.show,
    "escrow.accept": escrow.accept,
    "escrow.leave": escrow.leave,
    "escrow.evidence": escrow.evidence,
    "escrow.stand": standing.stand,
    "escrow.standing": standing.list_standing,
    "escrow.unstand": standing.unstand,
    "escrow.inbox": inbox.inbox,
    "escrow.bundle": inbox.bundle,
    **agents.VERBS,
    **agent_cases.VERBS,
    **sale.VERBS,
    **registrar_verbs.VERBS,
    **people.VERBS,
    **closing.VERBS,
    **pending.VERBS,
    **requesters.VERBS,
    **notices.VERBS,
}

TALES: Final[Mapping[str, Tale]] = {
    "pay": payments.pay,
    "escrow.follow": escrow.follow,
    **agent_cases.TALES,
    **sale.TALES,
    **pending.TALES,
    "network.export": network.export,
    "network.adverts": network.adverts,
    "network.show": network.show,
}


def control_service(context: Context, more: Mapping[str, Verb] | None = None) -> Service:
    """The gRPC service of the control socket; `more` are verbs of one kind of daemon only."""
    verbs = {**VERBS, **(more or {})}

    async def kept() -> None:
        await store(context.engine.durable())

    return verbs_service(
        {name: partial(verb, context) for name, verb in verbs.items()},
        {name: partial(tale, context) for name, tale in TALES.items()},
        kept,
    )
