"""Verbs of exchanges: propose, look, accept, leave, cancel, and standing offers."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from node.control.context import Context
from node.control.escrow_view import deal_json, exchange_json, seat_json
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.control.rights import card_of, exchange_of
from node.core.escrow.events import CancelDeal, JoinSeat, KeepRow, LeaveSeat, Propose
from node.core.escrow.reading import proposal_of
from node.core.escrow.rows import Deal, Seat, SeatPhase, Standing
from node.escrow.faults import TemplateFault
from node.escrow.judging import NoAccount, plan_of
from node.escrow.proposing import NotSafe, Wish, drafted, proposed
from node.escrow.standing import Rule, RuleInvalid
from node.escrow.templates import read_template
from proto.escrow.rights import canonical_json
from proto.keys import NodeId
from proto.limits import (
    MAX_COORDINATORS,
    MAX_DESCRIPTION_CHARS,
    MAX_LOCK_US,
    MAX_REQUEST_POLICIES,
    SHORT_DECISION_US,
    US,
)
from proto.policy import RegistryPolicy, single

DEFAULT_JOIN_S: Final = 300  # for people to look and accept
MAX_S: Final = MAX_LOCK_US // US
ID_DIGITS: Final = 8


async def propose(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Proposes an exchange, or with `dry_run` only says what it would be.

    `template`: the file's text; `values`: what its wildcards stand for, with a node id for each
    seat; `cards`: of the nodes on its seats, ours may be left out; `pay`: what we allow for a
    payment of ours (max_cost).
    """
    dry_run = arguments.flag("dry_run", False)
    pay = {"max_cost": cost} if (cost := arguments.maybe_number("max_cost", 1)) else {}
    wish = _wish(context, arguments)
    arguments.done()
    exchange, memory = exchange_of(context), context.engine.memory
    try:
        plan = drafted(memory, wish)
        now_us = context.clock.now_us()
        signed, proposal, preimage = proposed(
            memory, context.identity, exchange.card, wish, now_us, context.entropy
        )
    except NotSafe as fault:
        raise ControlFailure("NOT_SAFE", str(fault)) from fault
    except TemplateFault as fault:
        raise ControlFailure("TEMPLATE", str(fault)) from fault
    except KeyError as missing:
        raise _no_card(missing) from missing
    if dry_run:
        return exchange_json(context, proposal, plan) | {"proposed": False}
    _require_service(context)
    for seat in plan.seats:
        if seat.node == context.identity.node:
            # Whoever proposes joins: the invitation that reaches ourselves is answered by this.
            named = proposal.id.hex()
            own = Rule("", seat.name, proposal=named, options={"pay": pay})
            await context.do(partial(KeepRow, row=_standing(context, own)))
    await context.do(partial(Propose, signed=signed, proposal=proposal, decline_preimage=preimage))
    return exchange_json(context, proposal, plan) | {"proposed": True}


def _require_service(context: Context) -> None:
    if context.exchange is None or not context.exchange.serves:
        raise ControlFailure(
            "NO_SERVICE",
            "this node has no address for exchanges",
            'set [escrow] listen = "HOST:PORT" in its config.toml and start it again',
        )


def _no_card(missing: KeyError) -> ControlFailure:
    node = missing.args[0]
    shown = node.hex()[:ID_DIGITS] if isinstance(node, bytes) else str(node)
    return ControlFailure(
        "NO_CARD", f"the card of {shown} is missing", "ask its owner for `pledgeway node card`"
    )


def _wish(context: Context, arguments: Arguments) -> Wish:
    values = arguments.mapping("values") or {}
    texts = [*(arguments.texts("cards") or []), exchange_of(context).card]
    cards: dict[NodeId, str] = {}
    for text in texts:
        own = text == exchange_of(context).card
        node = context.identity.node if own else card_of(context, text, "cards").node
        cards[node] = text
    template = arguments.text("template").encode()
    try:
        name = read_template(template).name
    except TemplateFault as fault:
        raise ControlFailure("TEMPLATE", str(fault)) from fault
    instance = canonical_json({**values, "transaction": name}).encode()
    coordinators = arguments.texts("coordinators", MAX_COORDINATORS) or []
    for text in coordinators:
        card_of(context, text, "coordinators")
    note = arguments.text("note", "")
    if len(note) > MAX_DESCRIPTION_CHARS or not note.isprintable():
        raise bad_argument("note", f"at most {MAX_DESCRIPTION_CHARS} printable characters")
    return Wish(
        template=template,
        instance=instance,
        cards=cards,
        within_us=arguments.number("within_s", SHORT_DECISION_US // US, 5, MAX_S) * US,
        joined_by_us=arguments.number("join_s", DEFAULT_JOIN_S, 1, MAX_S) * US,
        policies=_policies(context, arguments.texts("registries")),
        coordinators=tuple(coordinators),
        note=note,
    )


def _policies(context: Context, named: list[str] | None) -> tuple[RegistryPolicy, ...]:
    usable = context.engine.memory.settings.usable
    if named is None:
        own = [p for p in context.book.terms.policies.values() if usable.issuperset(p.members)]
        found = [*own, *map(single, sorted(usable))][:MAX_REQUEST_POLICIES]
    else:
        found = [context.find_deciders(name) for name in named]
    if not found:
        raise ControlFailure(
            "NO_REGISTRY",
            "this node accepts no registry that could decide",
            "`pledgeway node registry add RECORD --accept`",
        )
    return tuple(found)


def _standing(context: Context, rule: Rule) -> Standing:
    return Standing(context.entropy(16), rule.to_json(), context.clock.now_us())


def find_exchange(context: Context, named: str) -> bytes:
    """The proposal's id that begins so. ControlFailure."""
    memory = context.engine.memory
    ids = {row.id for row in memory.owned(Deal)} | {row.deal for row in memory.owned(Seat)}
    found = sorted(i for i in ids if i.hex().startswith(named.lower())) if named else []
    if len(found) != 1:
        what = "no exchange begins" if not found else f"{len(found)} exchanges begin"
        raise ControlFailure("NOT_FOUND", f"{what} with {named!r}", "see `pledgeway escrow list`")
    return found[0]


def seats_in(context: Context, deal: bytes) -> list[Seat]:
    """Our seats in it."""
    found = [seat for seat in context.engine.memory.owned(Seat) if seat.deal == deal]
    return sorted(found, key=lambda seat: seat.at)


async def list_exchanges(context: Context, arguments: Arguments) -> dict[str, Any]:
    """All of them, the newest first: those that we look after, and seats of ours in others."""
    limit = arguments.number("limit", 50, 1, 1000)
    arguments.done()
    memory = context.engine.memory
    deals = {row.id: row.created_at_us for row in memory.owned(Deal)}
    seats = {row.deal: row.invited_at_us for row in memory.owned(Seat)}
    newest = sorted((seats | deals).items(), key=lambda one: -one[1])[:limit]
    return {"exchanges": [_told(context, deal) for deal, _ in newest]}


def _told(context: Context, deal: bytes) -> dict[str, Any]:
    row = context.engine.memory.row((Deal.table, deal, b""))
    seats = seats_in(context, deal)
    known = row if isinstance(row, Deal) else seats[0]
    told = exchange_json(context, proposal_of(known), None)
    told["deal"] = deal_json(context, row) if isinstance(row, Deal) else None
    told["seats_of_ours"] = [seat_json(context, seat) for seat in seats]
    return told


async def show(context: Context, arguments: Arguments) -> dict[str, Any]:
    """One of them, whole."""
    deal = find_exchange(context, arguments.text("id"))
    arguments.done()
    return _told(context, deal)


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
    arguments.done()
    _require_service(context)
    seat = _seat(context, deal, name, (SeatPhase.INVITED,))
    proposal = proposal_of(seat)
    plan = plan_of(proposal)
    assert plan is not None  # it was compiled when it came
    options = {"pay": {"max_cost": cost} if cost else {}}
    try:
        joining = exchange_of(context).judge.joining(
            proposal, plan, seat.seat, options, _labels(labels)
        )
    except NoAccount as missing:
        brand = missing.leg.brand.hex()
        raise ControlFailure(
            "ACCOUNT_UNKNOWN",
            f"leg {missing.leg.no} needs an account for brand {brand}",
            f"`pledgeway account open CARD {brand}` with its registrar's card",
            missing.leg.no,
        ) from missing
    await context.do(partial(JoinSeat, deal=deal, seat=seat.seat, joining=joining))
    return _told(context, deal)


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
        return _told(context, deal)
    free = (SeatPhase.INVITED, SeatPhase.JOINED, SeatPhase.FIXED)
    seat = _seat(context, deal, name, free)
    await context.do(partial(LeaveSeat, deal=deal, seat=seat.seat))
    return _told(context, deal)


async def stand(context: Context, arguments: Arguments) -> dict[str, Any]:
    """A standing offer: what a seat of ours joins without asking."""
    text = json.dumps(arguments.mapping("rule") or {})
    arguments.done()
    try:
        rule = Rule.from_json(text)
    except RuleInvalid as fault:
        raise bad_argument("rule", str(fault)) from fault
    if not rule.template:
        raise bad_argument("rule", "names the SHA-256 of a template: any other would be a trap")
    row = _standing(context, rule)
    await context.do(partial(KeepRow, row=row))
    return _standing_json(row)


def _standing_json(row: Standing) -> dict[str, Any]:
    return {
        "id": row.id.hex(),
        "rule": json.loads(row.rule),
        "created_at_us": row.created_at_us,
        "ended": row.ended,
    }


async def list_standing(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Standing offers, the newest first; without those that one proposal alone was meant for."""
    arguments.done()
    rows = [r for r in context.engine.memory.owned(Standing) if not json.loads(r.rule)["proposal"]]
    return {"standing": [_standing_json(r) for r in sorted(rows, key=lambda r: -r.created_at_us)]}


async def unstand(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Ends a standing offer; seats that it has taken stay taken."""
    named = arguments.text("id")
    arguments.done()
    rows = [r for r in context.engine.memory.owned(Standing) if r.id.hex().startswith(named)]
    if len(rows) != 1:
        raise ControlFailure("NOT_FOUND", f"no standing offer begins with {named!r}")
    row = Standing(rows[0].id, rows[0].rule, rows[0].created_at_us, ended=True)
    await context.do(partial(KeepRow, row=row))
    return _standing_json(row)
