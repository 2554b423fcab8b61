"""Verbs of standing offers: what seats of ours join without asking."""

import json
import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from node.control.contacts import find_card
from node.control.context import Context
from node.control.escrow_propose import ids_named
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.core.escrow.events import KeepRow
from node.core.escrow.rows import Seat, Standing
from node.escrow.faults import TemplateFault
from node.escrow.filling import typed_values
from node.escrow.library import library
from node.escrow.standing import LIMITS, MOST_USES, REGISTRAR, Rule, RuleInvalid, open_ends, uses
from node.escrow.templates import Template, read_template
from node.escrow.wildcards import NUMBERS, Kind, Wildcard, node_in_hex
from proto.card import read_card
from proto.limits import MAX_LOCK_US, US

RANGE: Final = re.compile(r"(-?\d+)?\.\.(-?\d+)?")
MAX_S: Final = 10 * 366 * 86_400
MAX_ONLY: Final = 64


async def stand(context: Context, arguments: Arguments) -> dict[str, Any]:
    """A standing offer: what a seat of ours joins without asking.

    Either `rule`, as node.escrow.standing reads it, with its `template`'s text where that does not
    ship; or a `template` with a `seat`, and for each wildcard a text in `values` ("5", "5..10",
    "5|6|7") or its name in `anything`. `only`: who else may sit, by card or alias. `until_s` from
    now; `max_cost` of a payment; `at_once`, `of_one`, `per_hour`, `per_day`: how often it is used;
    `within_s`: how long what it gives is locked at most.
    """
    given = arguments.mapping("rule")
    rule = _given(given, arguments) if given is not None else _made(context, arguments)
    arguments.done()
    row = Standing(context.entropy(16), rule.to_json(), context.clock.now_us())
    await context.do(partial(KeepRow, row=row))
    return standing_json(context, row)


def _given(data: Mapping[str, Any], arguments: Arguments) -> Rule:
    rule = _readable(json.dumps(data))
    text = arguments.text("template", "")
    known = [_template_of(text)] if text else library().values()
    template = next((one for one in known if one.hash.hex() == rule.template), None)
    if template is None:
        cause = "names by SHA-256 the template that ships or comes with it: any other were a trap"
        raise bad_argument("rule", cause)
    if rule.proposal:
        raise bad_argument("rule", "is for one proposal: `pledgeway escrow accept` is for that")
    _check_names(template, rule)
    return rule


def _template_of(text: str) -> Template:
    try:
        return read_template(text.encode())
    except TemplateFault as fault:
        raise ControlFailure("TEMPLATE", str(fault)) from fault


def _made(context: Context, arguments: Arguments) -> Rule:
    template = _template_of(arguments.text("template"))
    seat = arguments.text("seat")
    typed = {name: str(text) for name, text in (arguments.mapping("values") or {}).items()}
    anything = arguments.texts("anything") or []
    until_s = arguments.maybe_number("until_s", 1, MAX_S)
    only = arguments.texts("only", MAX_ONLY) or []
    cost = arguments.maybe_number("max_cost", 1)
    limits = _limits(arguments)
    now_us = context.clock.now_us()
    nodes = [read_card(find_card(context, one, "only"), now_us).node for one in only]
    # Names first: what a wildcard may be cannot be read for one that is not there.
    texts: Mapping[str, Any] = typed
    _check_names(template, Rule(template.hash.hex(), seat, texts, anything=tuple(anything)), False)
    keepers = {name: text for name, text in typed.items() if name.endswith(REGISTRAR)}
    named = ids_named(context, template, {n: t for n, t in typed.items() if n not in keepers})
    kept = {name: _keeper(context, text) for name, text in keepers.items()}
    rule = Rule(
        template=template.hash.hex(),
        seat=seat,
        values=_values(template, named, anything) | kept,
        until_us=now_us + until_s * US if until_s else 0,
        only=tuple(node.hex() for node in nodes),
        options={"pay": {"max_cost": cost}} if cost else {},
        anything=tuple(anything),
        **limits,
    )
    _check_names(template, rule)
    return _readable(rule.to_json())  # what is kept can be read back


def _readable(text: str) -> Rule:
    try:
        return Rule.from_json(text)
    except RuleInvalid as fault:
        raise bad_argument("rule", str(fault)) from fault


def _limits(arguments: Arguments) -> dict[str, Any]:
    """Those that are said."""
    said = {name: arguments.maybe_number(name, 1, MOST_USES) for name in LIMITS}
    said["within_s"] = arguments.maybe_number("within_s", 1, MAX_LOCK_US // US)
    return {name: limit for name, limit in said.items() if limit is not None}


def _check_names(template: Template, rule: Rule, whole: bool = True) -> None:
    """Every wildcard is bounded or said to be free: a price that was forgotten is any price."""
    seats = [one.name for one in template.seats]
    if rule.seat not in seats:
        raise bad_argument("seat", f"{rule.seat!r} is no seat of it: {', '.join(seats)}")
    names = [wildcard.name for wildcard in template.wildcards]
    kept = [one.name + REGISTRAR for one in template.gathered]
    for name in (*rule.values, *rule.anything):
        if name not in (*names, *kept):
            raise bad_argument("values", f"{name!r} is no wildcard of it: {', '.join(names)}")
    free = open_ends(template, rule) if whole else []
    if not free:
        return
    first, bound = free[0], rule.values.get(free[0])
    why = "nothing is said about it" if bound is None else "there is no least one"
    if isinstance(bound, str | list):
        why = "anybody may call himself a registrar"
    value = "MIN.." if isinstance(bound, dict) else "VALUE"
    raise ControlFailure(
        "UNBOUNDED",
        f"whoever proposes could choose {', '.join(free)}: {why}",
        f"say --value {first}={value}, or --any {first} if you mean it",
    )


def _values(template: Template, typed: Mapping[str, str], anything: list[str]) -> dict[str, Any]:
    found = {name: _bounds(template, name, text) for name, text in typed.items()}
    for wildcard in template.wildcards:
        default = wildcard.default
        if default is not None and wildcard.name not in anything:
            bound = found.get(wildcard.name, default)
            # Whoever proposes may leave it out, and means the default.
            found[wildcard.name] = [default, None] if bound == default else bound
    return found


def _bounds(template: Template, name: str, text: str) -> Any:
    wildcard = next(w for w in template.wildcards if w.name == name)
    span = RANGE.fullmatch(text)
    if span is not None and wildcard.kind in (*NUMBERS, Kind.EITHER):
        ends = {
            key: int(end) for key, end in zip(("min", "max"), span.groups(), strict=True) if end
        }
        if not ends:
            raise bad_argument("values", f"{name}: say MIN..MAX, MIN.. or ..MAX")
        return ends
    return (
        [_value(template, wildcard, one) for one in text.split("|")]
        if "|" in text
        else _value(template, wildcard, text)
    )


def _keeper(context: Context, text: str) -> str:
    """A registrar by its id, its card or its alias."""
    if node_in_hex(text) is not None:
        return text
    return read_card(find_card(context, text, "values"), context.clock.now_us()).node.hex()


def _value(template: Template, wildcard: Wildcard, text: str) -> Any:
    try:
        value = typed_values(template, {wildcard.name: text})[wildcard.name]
    except TemplateFault as fault:
        raise ControlFailure("TEMPLATE", str(fault)) from fault
    if (why := wildcard.fault(value)) is not None:
        raise bad_argument("values", f"{wildcard.name}: {why}")
    return value


def standing_json(context: Context, row: Standing) -> dict[str, Any]:
    """A standing offer, with the name of its template where that ships, and how often it was used
    of late."""
    rule = json.loads(row.rule)
    names = {template.hash.hex(): name for name, template in library().items()}
    used = uses(context.engine.memory.owned(Seat), row.id, context.clock.now_us())
    return {
        "id": row.id.hex(),
        "transaction": names.get(rule["template"]),
        "rule": rule,
        "created_at_us": row.created_at_us,
        "ended": row.ended,
        "used": {"at_once": used.at_once, "per_hour": used.per_hour, "per_day": used.per_day},
    }


async def list_standing(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Standing offers, the newest first; without those that one proposal alone was meant for."""
    ended = arguments.flag("ended", False)
    arguments.done()
    rows = [r for r in context.engine.memory.owned(Standing) if not json.loads(r.rule)["proposal"]]
    rows = [row for row in rows if ended or not row.ended]
    newest = sorted(rows, key=lambda row: -row.created_at_us)
    return {"standing": [standing_json(context, row) for row in newest]}


async def unstand(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Ends a standing offer; seats that it has taken stay taken."""
    named = arguments.text("id")
    arguments.done()
    owned = context.engine.memory.owned(Standing)
    rows = [r for r in owned if named and r.id.hex().startswith(named.lower())]
    if len(rows) != 1:
        cause = f"{len(rows) or 'no'} standing offers begin with {named!r}"
        raise ControlFailure("NOT_FOUND", cause, "see `pledgeway escrow standing`")
    row = Standing(rows[0].id, rows[0].rule, rows[0].created_at_us, ended=True)
    await context.do(partial(KeepRow, row=row))
    return standing_json(context, row)
