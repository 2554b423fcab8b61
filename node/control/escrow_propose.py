"""The verb by which an exchange is proposed: from what people type to a signed proposal."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from node.control.contacts import card_of, exchange_of, find_card, shown_id
from node.control.context import Context
from node.control.escrow_checks import checked, legs_of_ours, require_accounts, require_lines
from node.control.escrow_view import exchange_json, seats_in, told
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.control.own_accounts import open_missing
from node.core.escrow.events import KeepRow, Propose
from node.core.escrow.rows import Deal, Standing
from node.escrow.checks import Unsafe
from node.escrow.faults import FaultCode, TemplateFault
from node.escrow.filling import typed_values
from node.escrow.plan import Plan
from node.escrow.proposing import NotSafe, TooLarge, Wish, drafted, known_rights, proposed
from node.escrow.standing import Rule
from node.escrow.templates import Template, read_template
from node.escrow.wildcards import Kind, unfit_for
from proto.card import read_card
from proto.escrow.rights import canonical_json
from proto.keys import NodeId
from proto.limits import (
    DEFAULT_HOLD_MAX_US,
    MAX_COORDINATORS,
    MAX_DESCRIPTION_CHARS,
    MAX_JOINING_US,
    MAX_LOCK_US,
    MAX_REQUEST_POLICIES,
    SHORT_DECISION_US,
    US,
)
from proto.policy import RegistryPolicy, single

DEFAULT_JOIN_S: Final = 300  # for people to look and accept
MAX_S: Final = MAX_LOCK_US // US
MAX_JOIN_S: Final = MAX_JOINING_US // US
LEAST_S: Final = 5  # two round trips to each seat, a registrar and the registry
SHORT_S: Final = DEFAULT_HOLD_MAX_US // US
LEARN: Final = "`pledgeway rights learn CARD` takes the descriptions of a registrar"
# What to do about a fault of how a template is filled in, where the fault does not say it.
STEPS: Final[Mapping[FaultCode, str]] = {
    FaultCode.RIGHT_UNKNOWN: f"see `pledgeway rights list`; {LEARN}",
    FaultCode.RIGHT_AMBIGUOUS: "`pledgeway rights list` shows them",
    FaultCode.UNBOUND: "--set NAME=VALUE; `pledgeway escrow explain` shows what is to be filled in",
    FaultCode.UNKNOWN_WILDCARD: "`pledgeway escrow explain` shows what is to be filled in",
}
SAFER: Final[Mapping[Unsafe, str]] = {
    Unsafe.MONEY_LOCKED_LONG: f"--within {SHORT_S}s at most, or first the template `deposit`",
    Unsafe.LOCKED_TOO_LONG: "a shorter --within; `pledgeway rights list` shows the longest lock",
    Unsafe.RIGHT_UNKNOWN: LEARN,
}


async def propose(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Proposes an exchange, or with `dry_run` only says what it would be.

    `template`: the file's text. `settings`: texts by wildcard, as people type them; `values`: JSON
    values. `seats`: who sits where: "me", a card, an alias or the beginning of an id of somebody
    whose card was given before; or node ids among `values`, with their `cards`. `max_cost`: of a
    payment of ours, at most. `open_accounts`: where a seat of ours lacks one.
    """
    dry_run, opens = arguments.flag("dry_run", False), arguments.flag("open_accounts", False)
    pay = {"max_cost": cost} if (cost := arguments.maybe_number("max_cost", 1)) else {}
    wish = _wish(context, arguments)
    arguments.done()
    exchange, memory = exchange_of(context), context.engine.memory
    try:
        plan = drafted(memory, wish)
        wish = _under(context, wish, plan)
        now_us = context.clock.now_us()
        signed, proposal, preimage = proposed(
            memory, context.identity, exchange.card, wish, now_us, context.entropy
        )
    except NotSafe as fault:
        step = SAFER.get(fault.unsafe, "change the template or what fills it in")
        raise ControlFailure("NOT_SAFE", f"not safe: {fault}", step) from fault
    except TemplateFault as fault:
        raise _template_failure(fault) from fault
    except TooLarge as fault:
        step = "exchange it in several steps, each with fewer seats and rights"
        raise ControlFailure("TOO_LARGE", str(fault), step, fault.bytes_over) from fault
    except KeyError as missing:
        raise _no_card(missing) from missing
    if dry_run:
        shown = exchange_json(context, proposal, plan, ())
        checks = [
            await checked(context, proposal, leg, cost) for leg in legs_of_ours(context, proposal)
        ]
        serves = exchange.serves
        return shown | {"proposed": False, "checks": checks, "serves": serves}
    require_service(context)
    for seat in plan.seats:
        if seat.node == context.identity.node:
            require_lines(context, proposal, seat.name)
            if opens:
                await open_missing(context, proposal, seat.name)
            require_accounts(context, proposal)
            # Whoever proposes joins: the invitation that reaches ourselves is answered by this.
            named = proposal.id.hex()
            rule = Rule("", seat.name, proposal=named, options={"pay": pay})
            row = Standing(context.entropy(16), rule.to_json(), now_us)
            await context.do(partial(KeepRow, row=row))
    await context.do(partial(Propose, signed=signed, proposal=proposal, decline_preimage=preimage))
    deal = context.engine.memory.row((Deal.table, proposal.id, b""))
    assert isinstance(deal, Deal)
    return told(context, deal, seats_in(context, proposal.id), whole=True) | {"proposed": True}


def require_service(context: Context) -> None:
    """ControlFailure where letters cannot reach this node."""
    if not exchange_of(context).serves:
        raise ControlFailure(
            "NO_SERVICE",
            "this node has no address for exchanges",
            'set [escrow] listen = "HOST:PORT" in its config.toml and start it again',
        )


def _template_failure(fault: TemplateFault) -> ControlFailure:
    return ControlFailure("TEMPLATE", str(fault), STEPS.get(fault.code, ""))


def _no_card(missing: KeyError) -> ControlFailure:
    node = missing.args[0]
    shown = shown_id(node) if isinstance(node, bytes) else str(node)
    step = "ask its owner for the output of `pledgeway node card`, and say --seat NAME=FILE"
    return ControlFailure("NO_CARD", f"the card of {shown} is missing", step)


def _wish(context: Context, arguments: Arguments) -> Wish:
    data = arguments.text("template").encode()
    try:
        template = read_template(data)
    except TemplateFault as fault:
        raise _template_failure(fault) from fault
    own = exchange_of(context).card
    cards = {context.identity.node: own}
    for text in arguments.texts("cards") or []:
        cards[card_of(context, text, "cards").node] = text
    values = dict(arguments.mapping("values") or {})
    values |= _settings(context, template, arguments.mapping("settings") or {})
    values |= _seats(context, template, arguments.mapping("seats") or {}, cards)
    absent = [seat.name for seat in template.seats if seat.name not in values]
    if absent:
        step = f"say --seat {absent[0]}=CARDFILE, or --seat {absent[0]}=me"
        raise ControlFailure("SEAT_EMPTY", f"nobody sits as {', '.join(absent)}", step)
    named = arguments.texts("coordinators", MAX_COORDINATORS) or []
    note = arguments.text("note", "")
    if len(note) > MAX_DESCRIPTION_CHARS or not note.isprintable():
        raise bad_argument("note", f"at most {MAX_DESCRIPTION_CHARS} printable characters")
    registries = arguments.texts("registries")
    return Wish(
        template=data,
        instance=canonical_json({**values, "transaction": template.name}).encode(),
        cards=cards,
        within_us=arguments.number("within_s", SHORT_DECISION_US // US, LEAST_S, MAX_S) * US,
        joined_by_us=arguments.number("join_s", DEFAULT_JOIN_S, 1, MAX_JOIN_S) * US,
        policies=_policies(context, registries),
        coordinators=tuple(find_card(context, one, "coordinators") for one in named),
        note=note,
    )


def _settings(context: Context, template: Template, typed: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return dict(typed_values(template, ids_named(context, template, typed)))
    except TemplateFault as fault:
        raise _template_failure(fault) from fault


def ids_named(context: Context, template: Template, typed: Mapping[str, Any]) -> dict[str, str]:
    """The same texts; a registrar that is named as a seat may be, and a right that is called by
    its name, become their ids."""
    kinds = {w.name: w.kind for w in template.wildcards}
    texts = {name: str(text) for name, text in typed.items()}
    for name, text in texts.items():
        kind = kinds.get(name)
        if kind is Kind.REGISTRAR and unfit_for(kind, text):
            texts[name] = _node_of(context, find_card(context, text, name)).hex()
        elif kind is Kind.RIGHT_BRAND and unfit_for(kind, text):
            texts[name] = _brand_called(context, text, name)
    return texts


def _brand_called(context: Context, named: str, name: str) -> str:
    rights = known_rights(context.engine.memory)
    found = [guid.hex() for guid, right in sorted(rights.items()) if right.brand.name == named]
    if len(found) != 1:
        what = f"{len(found)} rights are" if found else "no right that this node has learned of is"
        step = "give the id of its brand: `pledgeway rights list`"
        code = "AMBIGUOUS" if found else "NOT_FOUND"
        raise ControlFailure(code, f"{name}: {what} called {named!r}", f"{step}; {LEARN}")
    return found[0]


def _node_of(context: Context, card: str) -> NodeId:
    return read_card(card, context.clock.now_us()).node


def _seats(
    context: Context, template: Template, named: Mapping[str, Any], cards: dict[NodeId, str]
) -> dict[str, str]:
    """Node ids by seat; the cards of those who sit there go to `cards`."""
    found: dict[str, str] = {}
    known = [seat.name for seat in template.seats]
    for seat, whom in named.items():
        if seat not in known:
            raise bad_argument("seats", f"{seat!r} is no seat of it: {', '.join(known)}")
        text = find_card(context, str(whom), "seats")
        node = _node_of(context, text)
        cards[node] = text
        found[seat] = node.hex()
    return found


def _policies(context: Context, named: list[str] | None) -> tuple[RegistryPolicy, ...]:
    usable = context.engine.memory.settings.usable
    if named:
        return tuple(dict.fromkeys(context.find_deciders(name) for name in named))
    own = [p for p in context.book.terms.policies.values() if usable.issuperset(p.members)]
    found = [*own, *map(single, sorted(usable))]
    if not found:
        raise ControlFailure(
            "NO_REGISTRY",
            "this node accepts no registry that could decide",
            "`pledgeway node registry add RECORD --accept`",
        )
    return tuple(found)


def _under(context: Context, wish: Wish, plan: Plan) -> Wish:
    """The same wish under those registries alone at which every registrar in it would lock."""
    rights = known_rights(context.engine.memory)
    found = list(wish.policies)
    for brand in dict.fromkeys(leg.brand for leg in plan.legs if leg.registrar is not None):
        right = rights[brand]
        kept = [policy for policy in found if policy in right.policies]
        if not kept:
            theirs = ", ".join(map(context.policy_name, right.policies)) or "none"
            raise ControlFailure(
                "NO_REGISTRY",
                f"no registry suits all: {right.brand.name!r} moves under {theirs}",
                "accept one of these: `pledgeway node registry add RECORD --accept`, or learn the"
                " right again where its registrar has changed it",
            )
        found = kept
    return replace(wish, policies=tuple(found[:MAX_REQUEST_POLICIES]))
