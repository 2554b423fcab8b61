"""Verbs of the hand-over: what is given, checked, passed on, opened, and the proof of control.

A credential is in these calls and their answers alone, which go over this daemon's own socket, for
it is here that it is sealed and opened: never in a row, in a log or in the words of a failure.
"""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from node.control.context import Context
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.control.sale_names import act, find_sale, party_of, require_phase
from node.control.sale_view import sale_json
from node.core.rows import Transaction
from node.core.sale.events import GiveCredential, HandOver, RefuseCredential, ShowControl
from node.core.sale.reading import contract_of, key_of
from node.core.sale.rows import Sale, SalePhase
from node.sale.evidence_log import Log, LogFull, LogKind, append, head
from node.sale.handover import (
    Unsealable,
    credential_fault,
    key_hash,
    open_credential,
    open_handed_over,
    reseal,
    seal_credential,
    sealed_hash,
)
from node.sale.vault import BoxKey, Vault
from proto.certificate import CommitCertificate
from proto.commit import Evidence
from proto.descriptor import commit_id
from proto.sale.handover import (
    ControlProof,
    HandedOver,
    control_line,
    read_handed_over,
    sign_control,
    sign_handed_over,
)
from proto.sale.stakes import Decision, SaleRole

ENTROPY_BYTES: Final = 32
P = SalePhase
ONCE_LOCKED: Final = (P.LOCKED, P.SPLIT, P.ENDED)


def _credential(arguments: Arguments) -> bytes:
    """Base64, and never in the text of a failure."""
    text = arguments.text("credential")
    try:
        found = b64decode(text, validate=True)
    except (NotBase64, ValueError):
        raise bad_argument("credential", "no base64") from None
    if fault := credential_fault(found):
        raise bad_argument("credential", fault)
    return found


def _box(context: Context, sale: Sale) -> BoxKey:
    return Vault(context.identity.key).box(sale.id, sale.role)


def _told(context: Context, sale: Sale) -> dict[str, Any]:
    return sale_json(context, find_sale(context, sale.id.hex()), whole=True)


async def give(context: Context, arguments: Arguments) -> dict[str, Any]:
    """The seller's credential, sealed to the agent; another one until he has passed it on."""
    named, credential = arguments.text("id"), _credential(arguments)
    arguments.done()
    sale = find_sale(context, named, SaleRole.SELLER)
    require_phase(sale, P.AGREED)
    agent = party_of(sale, SaleRole.AGENT).box
    entropy = context.entropy(ENTROPY_BYTES)
    mine = _box(context, sale)
    sealed = _opened(partial(seal_credential, credential, sale.id, mine, agent, entropy))
    await act(context, partial(GiveCredential, sale=sale.id, sealed=sealed))
    return _told(context, sale)


def _opened(work: Callable[[], bytes]) -> bytes:
    """What cannot be opened is a clean no that names its cause, and nothing of what was sealed."""
    try:
        return work()
    except Unsealable as error:
        raise ControlFailure(
            "UNSEALABLE",
            f"it cannot be sealed or opened: {error.why.value}",
            "ask whoever sealed it to do it again",
        ) from None


def _received(context: Context, sale: Sale) -> bytes:
    require_phase(sale, P.AGREED, P.LOCKING)
    if not sale.credential:
        raise ControlFailure(
            "NOTHING_GIVEN",
            "the seller has not handed anything over yet",
            f"`pledgeway sale show {sale.id.hex()[:10]}` says until when she can",
        )
    seller = party_of(sale, SaleRole.SELLER).box
    mine = _box(context, sale)
    return _opened(partial(open_credential, sale.credential, sale.id, mine, seller))


async def credential(context: Context, arguments: Arguments) -> dict[str, Any]:
    """At the agent: what the seller has handed over, in base64."""
    named = arguments.text("id")
    arguments.done()
    sale = find_sale(context, named, SaleRole.AGENT)
    opened = _received(context, sale)
    return {"id": sale.id.hex(), "credential": b64encode(opened).decode()}


async def pass_on(context: Context, arguments: Arguments) -> dict[str, Any]:
    """The agent has checked and changed it: it is sealed to the buyer, and T1 formed.

    `unchanged`: it is the very credential that the seller knows, and he means that.
    """
    named, changed = arguments.text("id"), _credential(arguments)
    unchanged = arguments.flag("unchanged", False)
    arguments.done()
    sale = find_sale(context, named, SaleRole.AGENT)
    require_phase(sale, P.AGREED)
    same = _received(context, sale) == changed
    if same and not unchanged:
        raise ControlFailure(
            "UNCHANGED",
            "it is just what the seller handed over, and so she could use it afterwards",
            "change it first, or say --unchanged where it cannot be changed",
        )
    vault, now_us = Vault(context.identity.key), context.clock.now_us()
    key, buyer = vault.lock_key(sale.id), party_of(sale, SaleRole.BUYER).box
    mine, entropy = _box(context, sale), context.entropy(ENTROPY_BYTES)
    sealed = _opened(partial(reseal, changed, sale.id, mine, buyer, key, entropy))
    kinds = (LogKind.RECEIVED, LogKind.CHECKED, *(() if same else (LogKind.CHANGED,)))
    log = _logged(sale, sale.log, kinds, sale.credential, now_us)
    log = _logged(sale, log, (LogKind.RESEALED,), sealed, now_us)
    said = HandedOver(
        sale=sale.id,
        key_hash=key_hash(key),
        sealed_hash=sealed_hash(sealed),
        log_head=head(sale.id, log),
        challenge=vault.challenge(sale.id),
    )
    statement = sign_handed_over(context.identity.key, said)
    make = partial(
        HandOver,
        sale=sale.id,
        sealed=sealed,
        statement=statement,
        log=log,
        secret=key,
        salts=context.entropy(ENTROPY_BYTES),
    )
    await act(context, make)
    return _told(context, sale)


def _logged(sale: Sale, log: Log, kinds: tuple[LogKind, ...], sealed: bytes, at_us: int) -> Log:
    try:
        for kind in kinds:
            log = append(sale.id, log, kind, sealed, at_us)
    except LogFull as error:
        raise ControlFailure("LOG_FULL", str(error), "`pledgeway sale close` ends it") from error
    return log


async def refuse_credential(context: Context, arguments: Arguments) -> dict[str, Any]:
    """The agent cannot use it: the seller may give another one."""
    named = arguments.text("id")
    arguments.done()
    sale = find_sale(context, named, SaleRole.AGENT)
    require_phase(sale, P.AGREED)
    if not sale.credential:
        raise ControlFailure("NOTHING_GIVEN", "the seller has not handed anything over yet")
    kinds = (LogKind.RECEIVED, LogKind.REFUSED)
    log = _logged(sale, sale.log, kinds, sale.credential, context.clock.now_us())
    await act(context, partial(RefuseCredential, sale=sale.id, log=log))
    return _told(context, sale)


def _public_key(context: Context, sale: Sale) -> bytes:
    """K, out of the certificate of T1. ControlFailure before it is there."""
    require_phase(sale, *ONCE_LOCKED)
    transaction = context.settled.transaction(commit_id(sale.lock))
    assert isinstance(transaction, Transaction) and transaction.commit_certificate
    certificate = CommitCertificate.decode(transaction.commit_certificate)
    wanted = read_handed_over(sale.statement, sale.agent).key_hash
    for preimage in Evidence.decode(certificate.commit.evidence).preimages:
        if key_hash(preimage) == wanted:
            return preimage
    raise ControlFailure(
        "NO_KEY",
        "the registry's certificate of the lock does not show the key",
        "ask the agent for it, and the registry's operator why",
    )


async def reveal(context: Context, arguments: Arguments) -> dict[str, Any]:
    """At the buyer: what was handed over, in base64, once the lock is committed."""
    named = arguments.text("id")
    arguments.done()
    sale = find_sale(context, named, SaleRole.BUYER)
    key, agent = _public_key(context, sale), party_of(sale, SaleRole.AGENT).box
    mine = _box(context, sale)
    opened = _opened(partial(open_handed_over, sale.sealed, sale.id, mine, agent, key))
    return {"id": sale.id.hex(), "credential": b64encode(opened).decode()}


async def control(context: Context, arguments: Arguments) -> dict[str, Any]:
    """What to look for in the thing's public place. At the buyer with the line that he posts, which
    with `send` goes to the agent as well."""
    named, send = arguments.text("id"), arguments.flag("send", False)
    arguments.done()
    sale = find_sale(context, named, SaleRole.BUYER, SaleRole.SELLER, SaleRole.AGENT)
    require_phase(sale, *ONCE_LOCKED)
    wanted = wanted_proof(sale)
    told: dict[str, Any] = {
        "id": sale.id.hex(),
        "role": sale.role.name,
        "lock": wanted.lock.hex(),
        "challenge": wanted.challenge.hex(),
        "key": wanted.key.hex(),
        "line": None,
        "shown": bool(sale.shown),
        "sent": False,
    }
    if sale.role is SaleRole.BUYER:
        key = key_of(sale.seed, Decision.LOCK)
        statement = sign_control(key, wanted.lock, wanted.challenge)
        told["line"] = control_line(statement)
        if send:
            require_phase(sale, P.LOCKED)
            await act(context, partial(ShowControl, sale=sale.id, statement=statement))
            told["sent"] = True
    return told


def wanted_proof(sale: Sale) -> ControlProof:
    """The one proof of control that counts in this sale."""
    said = read_handed_over(sale.statement, sale.agent)
    (key,) = contract_of(sale).party(SaleRole.BUYER).keys_for(Decision.LOCK)
    return ControlProof(commit_id(sale.lock), said.challenge, key)
