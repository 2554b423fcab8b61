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
from node.core.escrow.rows import Standing
from node.escrow.faults import TemplateFault
from node.escrow.filling import typed_values
from node.escrow.library import library
from node.escrow.standing import Rule, RuleInvalid
from node.escrow.templates import Template, read_template
from node.escrow.wildcards import NUMBERS, Kind, Wildcard
from proto.card import read_card
from proto.limits import US

RANGE: Final = re.compile(r"(-?\d+)?\.\.(-?\d+)?")
MAX_S: Final = 10 * 366 * 86_400
MAX_ONLY: Final = 64


async def stand(context: Context, arguments: Arguments) -> dict[str, Any]:
    """A standing offer: what a seat of ours joins without asking.

    Either `rule`, as node.escrow.standing reads it; or a `template`'s text with a `seat`, and for
    each wildcard a text in `values` ("5", "5..10", "5|6|7") or its name in `anything`. `only`: who
    else may sit, by card or alias. `until_s` from now; `max_cost` of a payment.
    """
    given = arguments.mapping("rule")
    rule = _given(given) if given is not None else _made(context, arguments)
    arguments.done()
    row = Standing(context.entropy(16), rule.to_json(), context.clock.now_us())
    await context.do(partial(KeepRow, row=row))
    return standing_json(row)


def _given(data: Mapping[str, Any]) -> Rule:
    try:
        rule = Rule.from_json(json.dumps(data))
    except RuleInvalid as fault:
        raise bad_argument("rule", str(fault)) from fault
    if not rule.template:
        raise bad_argument("rule", "names the SHA-256 of a template: any other would be a trap")
    return rule


def _made(context: Context, arguments: Arguments) -> Rule:
    try:
        template = read_template(arguments.text("template").encode())
    except TemplateFault as fault:
        raise ControlFailure("TEMPLATE", str(fault)) from fault
    seat = arguments.text("seat")
    typed = {name: str(text) for name, text in (arguments.mapping("values") or {}).items()}
    anything = arguments.texts("anything") or []
    until_s = arguments.maybe_number("until_s", 1, MAX_S)
    only = arguments.texts("only", MAX_ONLY) or []
    cost = arguments.maybe_number("max_cost", 1)
    typed = ids_named(context, template, typed)
    _check_names(template, seat, typed, anything)
    now_us = context.clock.now_us()
    nodes = [read_card(find_card(context, one, "only"), now_us).node for one in only]
    rule = Rule(
        template=template.hash.hex(),
        seat=seat,
        values=_values(template, typed, anything),
        until_us=now_us + until_s * US if until_s else 0,
        only=tuple(node.hex() for node in nodes),
        options={"pay": {"max_cost": cost}} if cost else {},
    )
    return _given(json.loads(rule.to_json()))  # what is kept can be read back


def _check_names(
    template: Template, seat: str, typed: Mapping[str, str], anything: list[str]
) -> None:
    """Every wildcard is bounded or said to be free: a price that was forgotten is any price."""
    seats = [one.name for one in template.seats]
    if seat not in seats:
        raise bad_argument("seat", f"{seat!r} is no seat of it: {', '.join(seats)}")
    names = [wildcard.name for wildcard in template.wildcards]
    for name in (*typed, *anything):
        if name not in names:
            raise bad_argument("values", f"{name!r} is no wildcard of it: {', '.join(names)}")
    # What has a default stands for that, and for nothing else, unless something is said.
    settled = {w.name for w in template.wildcards if w.default is not None}
    free = [name for name in names if name not in {*typed, *anything, *settled}]
    if free:
        raise ControlFailure(
            "UNBOUNDED",
            f"nothing is said about {', '.join(free)}: whoever proposes could choose it",
            f"say --value {free[0]}=VALUE, or --any {free[0]}",
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


def _value(template: Template, wildcard: Wildcard, text: str) -> Any:
    try:
        value = typed_values(template, {wildcard.name: text})[wildcard.name]
    except TemplateFault as fault:
        raise ControlFailure("TEMPLATE", str(fault)) from fault
    if (why := wildcard.fault(value)) is not None:
        raise bad_argument("values", f"{wildcard.name}: {why}")
    return value


def standing_json(row: Standing) -> dict[str, Any]:
    """A standing offer, with the name of its template where that ships."""
    rule = json.loads(row.rule)
    names = {template.hash.hex(): name for name, template in library().items()}
    return {
        "id": row.id.hex(),
        "transaction": names.get(rule["template"]),
        "rule": rule,
        "created_at_us": row.created_at_us,
        "ended": row.ended,
    }


async def list_standing(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Standing offers, the newest first; without those that one proposal alone was meant for."""
    ended = arguments.flag("ended", False)
    arguments.done()
    rows = [r for r in context.engine.memory.owned(Standing) if not json.loads(r.rule)["proposal"]]
    rows = [row for row in rows if ended or not row.ended]
    return {"standing": [standing_json(r) for r in sorted(rows, key=lambda r: -r.created_at_us)]}


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
    return standing_json(row)
