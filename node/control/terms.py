"""Verbs about fees."""

from collections.abc import Mapping
from typing import Any

from node.control.context import Context
from node.control.failure import Arguments, bad_argument
from node.core.rows import Line
from proto.fees import Fee, FeeSet, RegistryFee, price_of_pair
from proto.levels import Level
from proto.limits import US
from proto.modes import Mode, mode_of
from proto.money import Rate

EXAMPLE_AMOUNT = 100_000  # what the fee table shows the price of


async def show_fees(context: Context, arguments: Arguments) -> dict[str, Any]:
    """The owner's terms, and their price for every pair of levels."""
    arguments.done()
    terms = context.book.terms
    lines = terms.line_fees.keys() | terms.line_registry_fees.keys()
    return {
        "fees": _fees_json(terms.fees),
        "registry_fees": _registry_fees_json(context, terms.registry_fees),
        "lines": [_line_json(context, line) for line in context.lines if line.id in lines],
        "pairs": [_pair_json(context, i, o) for i in Level for o in Level],
        "watches_registry": terms.watches_registry,
        "hold_max_ms": terms.hold_max_us // 1000,
    }


def _fees_json(fees: Mapping[Mode, Fee]) -> dict[str, Any]:
    return {
        mode.name: {"rate": str(fee.rate), "flat": fee.flat}
        for mode, fee in sorted(fees.items(), reverse=True)
    }


def _registry_fees_json(context: Context, fees: Mapping[bytes, RegistryFee]) -> dict[str, Any]:
    return {
        context.registry_name(registry): {
            "in_rate": str(fee.in_rate),
            "in_flat": fee.in_flat,
            "out_rate": str(fee.out_rate),
            "out_flat": fee.out_flat,
        }
        for registry, fee in fees.items()
    }


def _line_json(context: Context, line: Line) -> dict[str, Any]:
    """A line's own fees; null where the node's own hold."""
    terms = context.book.terms
    fees = terms.line_fees.get(line.id)
    registry_fees = terms.line_registry_fees.get(line.id)
    return {
        "line": line.id.hex(),
        "alias": context.alias_of(line.peer),
        "brand": line.brand.name,
        "fees": None if fees is None else _fees_json(fees),
        "registry_fees": (
            None if registry_fees is None else _registry_fees_json(context, registry_fees)
        ),
    }


def _pair_json(context: Context, incoming: Level, outgoing: Level) -> dict[str, Any]:
    mode = mode_of(incoming, outgoing)
    fees = FeeSet(dict(context.book.terms.fees))
    fee = fees.of(mode) if mode is not None else None
    price = price_of_pair(fees, (), incoming=incoming, outgoing=outgoing)
    return {
        "incoming": incoming.name,
        "outgoing": outgoing.name,
        "mode": mode.name if mode is not None else None,
        "rate": str(fee.rate) if fee else None,
        "flat": fee.flat if fee else None,
        "offered": price is not None,
        "price_of_100000": price.amount_in_ceil(EXAMPLE_AMOUNT) if price else None,
    }


async def set_fees(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Changes what is named and leaves the rest; null refuses a mode.

    With `line` it changes that line's own fees instead, which begin empty; `reset` gives the line
    the node's own again.
    """
    named = arguments.maybe_text("line")
    if named is not None:
        changes = _line_changes(context, context.find_line(named).id, arguments)
    else:
        changes = _node_changes(context, arguments)
    arguments.done()
    await context.durable(context.book.change(**changes))
    context.engine.use_settings(context.book.settings())
    context.advertise()
    return await show_fees(context, Arguments({}))


def _node_changes(context: Context, arguments: Arguments) -> dict[str, Any]:
    terms = context.book.terms
    hold_max_ms = arguments.number("hold_max_ms", terms.hold_max_us // 1000, 1, 10**10)
    return {
        "fees": _changed_fees(terms.fees, arguments.mapping("fees")),
        "registry_fees": _changed_registry_fees(
            context, terms.registry_fees, arguments.mapping("registry_fees")
        ),
        "watches_registry": arguments.flag("watches_registry", terms.watches_registry),
        "hold_max_us": hold_max_ms * US // 1000,
    }


def _line_changes(context: Context, line: bytes, arguments: Arguments) -> dict[str, Any]:
    terms = context.book.terms
    own, own_registry = dict(terms.line_fees), dict(terms.line_registry_fees)
    if arguments.flag("reset", False):
        own.pop(line, None)
        own_registry.pop(line, None)
    if (fees := arguments.mapping("fees")) is not None:
        own[line] = _changed_fees(own.get(line, {}), fees)
    if (fees := arguments.mapping("registry_fees")) is not None:
        own_registry[line] = _changed_registry_fees(context, own_registry.get(line, {}), fees)
    return {"line_fees": own, "line_registry_fees": own_registry}


def _changed_fees(fees: Mapping[Mode, Fee], changes: Mapping[str, Any] | None) -> dict[Mode, Fee]:
    changed = dict(fees)
    for name, value in (changes or {}).items():
        mode = _mode(name)
        if value is None:
            changed.pop(mode, None)
        else:
            changed[mode] = _fee(f"fees.{name}", value)
    return changed


def _changed_registry_fees(
    context: Context, fees: Mapping[bytes, RegistryFee], changes: Mapping[str, Any] | None
) -> dict[bytes, RegistryFee]:
    changed = dict(fees)
    for name, value in (changes or {}).items():
        known = context.find_registry(name)
        changed[known.record.registry] = _registry_fee(f"registry_fees.{name}", value)
    return changed


def _mode(name: str) -> Mode:
    try:
        return Mode[name]
    except KeyError as error:
        modes = ", ".join(m.name for m in reversed(Mode))
        raise bad_argument("fees", f"{name!r} is no mode; modes are {modes}") from error


def _fee(name: str, value: Any) -> Fee:
    if not isinstance(value, dict):
        raise bad_argument(name, "must be an object with rate and flat")
    fields = Arguments(value)
    rate, flat = fields.text("rate", "1"), fields.number("flat", 0)
    fields.done()
    try:
        return Fee(Rate.parse(rate), flat)
    except ValueError as error:
        raise bad_argument(name, str(error)) from error


def _registry_fee(name: str, value: Any) -> RegistryFee:
    if not isinstance(value, dict):
        raise bad_argument(name, "must be an object with in_rate, in_flat, out_rate, out_flat")
    fields = Arguments(value)
    rates = [fields.text(key, "1") for key in ("in_rate", "out_rate")]
    flats = [fields.number(key, 0) for key in ("in_flat", "out_flat")]
    fields.done()
    try:
        return RegistryFee(Rate.parse(rates[0]), flats[0], Rate.parse(rates[1]), flats[1])
    except ValueError as error:
        raise bad_argument(name, str(error)) from error
