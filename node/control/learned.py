"""Verbs about what lines refused lately: look at it, and forget it."""

from typing import Any, Final

from node.control.context import Context
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.line_memory import Refused

LEAST_DIGITS: Final = 4  # of a node's id, where it stands for its name


async def learned(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Every line that is asked for less than it advertises, and until when; the newest first."""
    arguments.done()
    now_us = context.clock.now_us()
    brands = {line.brand.guid: line.brand.name for line in context.lines}
    found = context.payer.lines.shown(now_us, context.payer.heard)
    return {"lines": [_shown(context, one, bound, brands) for one, bound in found]}


async def forget(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Forgets one line (A-B), in every brand, or all: they are asked again at once."""
    named, everything = arguments.maybe_text("line"), arguments.flag("all", False)
    arguments.done()
    if bool(named) == everything:
        raise bad_argument("line", "name one line, or all of them")
    memory = context.payer.lines
    if not named:
        return {"forgotten": memory.forget()}
    known = memory.shown(context.clock.now_us(), context.payer.heard)
    keys = [(one.line, one.brand) for one, _ in known if _is_named(context, one, named)]
    if not keys:
        step = "see `pledgeway network learned`"
        raise ControlFailure("NOT_FOUND", f"nothing was learned of a line {named!r}", step)
    return {"forgotten": memory.forget(keys)}


def _shown(context: Context, one: Refused, bound: int, brands: dict[bytes, str]) -> dict[str, Any]:
    promisor, promisee = one.line
    return {
        "from": context.alias_of(promisor),
        "to": context.alias_of(promisee),
        "from_id": promisor.hex(),
        "to_id": promisee.hex(),
        "brand": brands.get(one.brand, one.brand.hex()),
        "refused": one.asked,
        "at_most": bound,
        "reason": one.why.reason.name,
        "figure": one.why.figure,
        "certain": one.certain,
        "repeats": one.repeats,
        "refused_at_us": one.at_us,
        "asked_again_at_us": one.held_until_us,
        "forgotten_at_us": one.forgotten_us,
    }


def _is_named(context: Context, one: Refused, named: str) -> bool:
    """Whether "A-B" means this line. Names may hold hyphens themselves: each is tried."""
    parts = named.replace("→", "-").split("-")
    return any(
        _means(context, one.line[0], "-".join(parts[:i]))
        and _means(context, one.line[1], "-".join(parts[i:]))
        for i in range(1, len(parts))
    )


def _means(context: Context, node: bytes, name: str) -> bool:
    digits = len(name) >= LEAST_DIGITS and node.hex().startswith(name.lower())
    return name == context.alias_of(node) or digits
