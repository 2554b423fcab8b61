"""Verbs of exchanges: look, follow, accept, leave, cancel, and take the evidence away."""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

import trio

from node.control.contacts import contacts, exchange_of
from node.control.context import Context
from node.control.escrow_checks import checked, legs_of_ours, require_lines
from node.control.escrow_propose import require_service
from node.control.escrow_view import seats_in, told
from node.control.evidence_file import certificate_file, evidence_kind
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.control.own_accounts import no_account, open_missing
from node.core.escrow.events import CancelDeal, JoinSeat, LeaveSeat
from node.core.escrow.reading import proposal_of
from node.core.escrow.rows import Deal, Seat, SeatPhase
from node.core.rows import Transaction
from node.escrow.judging import NoAccount, plan_of
from proto.descriptor import transaction_uuid
from proto.escrow.legs import Leg, MoneyCarrier
from proto.escrow.proposal import Proposal

MAX_LISTED: Final = 1000
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


def find_exchange(context: Context, named: str) -> bytes:
    """The proposal's id that begins so, or whose transaction has this UUID. ControlFailure."""
    memory = context.engine.memory
    commits = {row.id: row.commit for row in memory.owned(Deal)}
    commits |= {row.deal: row.commit for row in memory.owned(Seat)}
    found = sorted(
        deal
        for deal, commit in commits.items()
        if named
        and (
            deal.hex().startswith(named.lower())
            or (commit and str(transaction_uuid(commit)) == named.lower())
        )
    )
    if not found:
        cause = f"no exchange begins with {named!r}"
        raise ControlFailure("NOT_FOUND", cause, "see `pledgeway escrow list`")
    if len(found) > 1:
        cause = f"{len(found)} exchanges begin with {named!r}"
        raise ControlFailure("AMBIGUOUS", cause, "give more digits of its id")
    return found[0]


def _deal(context: Context, deal: bytes) -> Deal | None:
    row = context.engine.memory.row((Deal.table, deal, b""))
    return row if isinstance(row, Deal) else None


def _told(context: Context, deal: bytes, *, whole: bool = False) -> dict[str, Any]:
    return told(context, _deal(context, deal), seats_in(context, deal), whole=whole)


def money_for_us(context: Context, named: str) -> tuple[Leg, Proposal, bytes]:
    """The one leg of money that an exchange pays to this node, its proposal, and that as signed.
    ControlFailure."""
    identity = find_exchange(context, named)
    deal, seats = _deal(context, identity), seats_in(context, identity)
    known = deal if deal is not None else seats[0]
    proposal, own = proposal_of(known), context.identity.node
    legs = [
        leg
        for leg in proposal.legs
        if isinstance(leg.carrier, MoneyCarrier) and leg.carrier.payee == own
    ]
    if len(legs) != 1:
        raise ControlFailure(
            "NOT_PAID",
            f"that exchange pays this node by {len(legs) or 'no'} legs of money, and not by one",
            f"`pledgeway escrow show {identity.hex()[:10]}` shows its legs",
        )
    return legs[0], proposal, known.proposal


async def list_exchanges(context: Context, arguments: Arguments) -> dict[str, Any]:
    """All of them, the newest first: those that we look after, and seats of ours in others. Without
    their legs."""
    limit = arguments.number("limit", 50, 1, MAX_LISTED)
    live = arguments.flag("live", False)
    arguments.done()
    memory = context.engine.memory
    at_us = {row.deal: row.invited_at_us for row in memory.owned(Seat)}
    at_us |= {row.id: row.created_at_us for row in memory.owned(Deal)}
    newest = sorted(at_us.items(), key=lambda one: (-one[1], one[0]))
    met, rows = contacts(context), [(deal, _deal(context, deal)) for deal, _ in newest]
    wanted = [one for one in rows if not live or _is_live(context, *one)][:limit]
    shown = []
    for deal, row in wanted:
        one = told(context, row, seats_in(context, deal), met=met)
        del one["legs"]  # thirty-two of each would be more than an answer may hold
        shown.append(one)
        await trio.lowlevel.checkpoint()  # each has two dozen signatures to be verified
    return {"exchanges": shown}


def _is_live(context: Context, deal: bytes, row: Deal | None) -> bool:
    """Whether somebody has something left to do, by the rows alone."""
    if row is not None and not row.phase.final:
        return True
    return any(not seat.phase.final or seat.waiting for seat in seats_in(context, deal))


async def show(context: Context, arguments: Arguments) -> dict[str, Any]:
    """One of them, whole. Whoever is asked to join also sees in `checks` whether his legs could
    move now, and what a payment would cost him."""
    deal = find_exchange(context, arguments.text("id"))
    arguments.done()
    shown = _told(context, deal, whole=True)
    invited = [seat for seat in seats_in(context, deal) if seat.phase is SeatPhase.INVITED]
    proposal = proposal_of(invited[0]) if invited else None
    legs = legs_of_ours(context, proposal) if proposal is not None else []
    checks = [await checked(context, proposal, leg, None) for leg in legs if proposal is not None]
    return shown | {"checks": checks}


async def follow(context: Context, arguments: Arguments, send: Send) -> None:
    """One of them, whole, at every change until there is nothing left to do."""
    deal = find_exchange(context, arguments.text("id"))
    arguments.done()
    last: dict[str, Any] = {}
    while True:
        row, seats = _deal(context, deal), seats_in(context, deal)
        known = row if row is not None else seats[0]
        places = range(len(proposal_of(known).seats))
        changed = context.engine.next_change(
            (Deal.table, deal, b""),
            *((Seat.table, deal, bytes((at,))) for at in places),
            *((Transaction.table, one.commit, b"") for one in (row, *seats) if one and one.commit),
        )
        shown = told(context, row, seats, whole=True)
        if shown != last:
            await send(last := shown)
        if shown["next"] is None:
            return
        await changed.wait()


async def evidence(context: Context, arguments: Arguments) -> dict[str, Any]:
    """The certificate that ended it, with the records that certify its signers' keys."""
    deal = find_exchange(context, arguments.text("id"))
    arguments.done()
    rows = [row for row in (_deal(context, deal), *seats_in(context, deal)) if row is not None]
    commit = next((row.commit for row in rows if row.commit), b"")
    transaction = context.settled.transaction(commit) if commit else None
    if transaction is None or not transaction.decided:
        raise ControlFailure(
            "NOT_FOUND",
            "there is no certificate of it: no registry has decided about it"
            if commit
            else "there is no certificate of it: its terms were never fixed",
            f"`pledgeway escrow show {deal.hex()[:10]}` says what it waits for",
        )
    file = certificate_file(context, transaction)
    kind = evidence_kind(transaction)
    return {"id": deal.hex(), "file": b64encode(file).decode(), "kind": kind}


def _seat(context: Context, deal: bytes, name: str, phases: tuple[SeatPhase, ...]) -> Seat:
    seats = [s for s in seats_in(context, deal) if s.phase in phases and name in ("", s.seat)]
    if not seats:
        raise ControlFailure(
            "EXCHANGE_STATE", "no seat of ours waits for that", "see `pledgeway escrow show`"
        )
    if len(seats) > 1:
        names = ", ".join(seat.seat for seat in seats)
        raise ControlFailure(
            "AMBIGUOUS", f"several seats are ours: {names}", "name one with --seat"
        )
    return seats[0]


async def accept(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Takes a seat that we were offered."""
    deal = find_exchange(context, arguments.text("id"))
    name = arguments.text("seat", "")
    cost = arguments.maybe_number("max_cost", 1)
    labels = arguments.mapping("accounts") or {}
    opens = arguments.flag("open_accounts", False)
    arguments.done()
    require_service(context)
    seat = _seat(context, deal, name, (SeatPhase.INVITED,))
    proposal = proposal_of(seat)
    plan = plan_of(proposal)
    assert plan is not None  # it was compiled when it came
    _require_registry(context, proposal)
    require_lines(context, proposal, seat.seat)
    if opens:
        await open_missing(context, proposal, seat.seat)
    options = {"pay": {"max_cost": cost} if cost else {}}
    try:
        joining = exchange_of(context).judge.joining(
            proposal, plan, seat.seat, options, _labels(labels)
        )
    except NoAccount as missing:
        raise no_account(context, missing.leg, proposal) from missing
    await context.do(partial(JoinSeat, deal=deal, seat=seat.seat, joining=joining))
    return _told(context, deal, whole=True)


def _require_registry(context: Context, proposal: Proposal) -> None:
    """Joining without a registry in common would only make the others wait."""
    usable = context.engine.memory.settings.usable
    if not any(usable.issuperset(policy.members) for policy in proposal.policies):
        names = " or ".join(context.policy_name(policy) for policy in proposal.policies)
        raise ControlFailure(
            "NO_REGISTRY",
            f"this node accepts no registry that may decide it: {names}",
            "`pledgeway node registry add RECORD --accept`, if you trust it, or decline",
        )


def _labels(given: Mapping[str, Any]) -> dict[int, bytes]:
    try:
        return {int(no): str(label).encode() for no, label in given.items()}
    except ValueError as error:
        raise bad_argument("accounts", "a label for the number of a leg") from error


async def leave(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Declines a seat, or as the initiator cancels the whole: as early as it can be."""
    deal = find_exchange(context, arguments.text("id"))
    name = arguments.text("seat", "")
    arguments.done()
    row = context.engine.memory.row((Deal.table, deal, b""))
    initiated = isinstance(row, Deal) and proposal_of(row).initiator == context.identity.node
    if initiated and not name:
        await context.do(partial(CancelDeal, deal=deal))
        return _told(context, deal, whole=True)
    free = (SeatPhase.INVITED, SeatPhase.JOINED, SeatPhase.FIXED)
    seat = _seat(context, deal, name, free)
    await context.do(partial(LeaveSeat, deal=deal, seat=seat.seat))
    return _told(context, deal, whole=True)
