"""Verbs about fees and registries."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from typing import Any

from node.control.context import Context
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.core.rows import Line
from node.terms import KnownRegistry
from proto.fees import Fee, FeeSet, RegistryFee, price_of_pair
from proto.lateness import quorum_of
from proto.levels import Level
from proto.limits import US
from proto.modes import Mode, mode_of
from proto.money import Rate
from proto.registry_record import RegistryRecord, read_record
from proto.wire import WireFault

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


def registry_json(context: Context, known: KnownRegistry) -> dict[str, Any]:
    """`witnesses`: how many its record names; `witness_quorum`: how many a late proof needs."""
    record = known.record
    return {
        "id": record.registry.hex(),
        "name": record.name,
        "accepted": known.accepted,
        "grpc_target": record.grpc_target,
        "archive_url": record.archive_url,
        "expires_at_us": record.expires_at_us,
        "declared_clock": record.declared_clock,
        "max_error_ms": record.max_error_us // 1000,
        "witnesses": len(record.witnesses),
        "witness_quorum": quorum_of(record, context.book.terms.witness_quorums),
    }


async def add_registry(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Takes a registry's record; with `accept` the owner trusts its decisions."""
    encoded, accept = arguments.text("record"), arguments.flag("accept", False)
    arguments.done()
    try:
        record = read_record(b64decode(encoded, validate=True))
    except (Base64Error, WireFault, ValueError) as error:
        raise bad_argument("record", str(error)) from error
    if record.expires_at_us <= context.clock.now_us():
        raise bad_argument("record", "it has expired; ask the registry's operator for a new one")
    known = context.book.registries.get(record.registry)
    if known is not None:
        _require_no_fork(record, known.record)
    await _learn(context, context.book.learn(record, accept))
    return registry_json(context, context.book.registries[record.registry])


def _require_no_fork(record: RegistryRecord, known: RegistryRecord) -> None:
    """An older record of the same operators is no harm: the newer one stays."""
    if record.roots[: len(known.roots)] != known.roots[: len(record.roots)]:
        raise ControlFailure(
            "RECORD_FORKS",
            f"its operators did not follow those of the record of {known.name!r} that is known",
            "ask the registry, by a way that you trust, which of the two is theirs",
        )


async def _learn(context: Context, writes: list[Any]) -> None:
    await context.durable(writes)
    context.engine.use_settings(context.book.settings())
    context.advertise()


async def list_registries(context: Context, arguments: Arguments) -> dict[str, Any]:
    arguments.done()
    known = sorted(
        context.book.registries.values(), key=lambda k: (k.record.name, k.record.registry)
    )
    return {"registries": [registry_json(context, k) for k in known]}


async def accept_registry(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Changes the owner's trust. Promises that are open stay under the rules they were made.

    `witnesses`: how many of them must have cosigned a proof that comes late; kept until the owner
    says another number or drops the registry.
    """
    known = context.find_registry(arguments.text("registry"))
    accept = arguments.flag("accept")
    quorum = arguments.maybe_number("witnesses")
    arguments.done()
    record = known.record
    if quorum is not None and quorum > len(record.witnesses):
        raise bad_argument("witnesses", f"its record names {len(record.witnesses)} of them")
    quorums = dict(context.book.terms.witness_quorums)
    if not accept:
        quorums.pop(record.registry, None)
    elif quorum is not None:
        quorums[record.registry] = quorum
    writes = context.book.learn(record, accept)
    if quorums != context.book.terms.witness_quorums:
        writes += context.book.change(witness_quorums=quorums)
    await _learn(context, writes)
    return registry_json(context, known)
