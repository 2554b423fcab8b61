"""Verbs about registries: which are known, which the owner relies on, which were caught."""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import Any, Final

from node.control.context import Context, store
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.core.rows import Incident, IncidentKind
from node.exposing import Unknown as UnknownRegistry
from node.terms import KnownRegistry
from proto.fraud.file import MAX_FRAUD_BYTES, read_fraud_proof
from proto.fraud.verdict import FraudInvalid
from proto.lateness import rule_in, rule_of
from proto.registry_list import list_from_text
from proto.registry_record import RegistryRecord, read_record
from proto.wire import WireFault

EXPOSED: Final = "EXPOSED"


def registry_json(context: Context, known: KnownRegistry) -> dict[str, Any]:
    """`witnesses`: how many its record names; `witness_quorum`: how many a late proof needs;
    `witnesses_current`: those that count are those that the record names."""
    record = known.record
    rule = rule_of(record, context.book.terms.late_rules)
    return {
        "id": record.registry.hex(),
        "name": record.name,
        "accepted": known.accepted,
        "by_list": _stands_on_list(context, known),
        "exposed": read_fraud_proof(known.fraud).kind.name if known.exposed else None,
        "grpc_target": record.grpc_target,
        "archive_url": record.archive_url,
        "expires_at_us": record.expires_at_us,
        "declared_clock": record.declared_clock,
        "max_error_ms": record.max_error_us // 1000,
        "witnesses": len(record.witnesses),
        "witness_quorum": rule.quorum,
        "witnesses_current": rule.witnesses == rule_in(record).witnesses,
    }


def _stands_on_list(context: Context, known: KnownRegistry) -> bool:
    """Whether the node relies on it for the sake of the list that it follows."""
    followed = context.book.list_in_force
    return (
        followed is not None and known.record.registry in followed.registries and not known.exposed
    )


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
        if accept:
            _require_honest(known, excuse=False)
    await _learn(context, context.book.trust(record, accept, None))
    return registry_json(context, context.book.registries[record.registry])


def _require_no_fork(record: RegistryRecord, known: RegistryRecord) -> None:
    """An older record of the same operators is no harm: the newer one stays."""
    if record.roots[: len(known.roots)] != known.roots[: len(record.roots)]:
        raise ControlFailure(
            "RECORD_FORKS",
            f"its operators did not follow those of the record of {known.name!r} that is known",
            "ask the registry, by a way that you trust, which of the two is theirs",
        )


def _require_honest(known: KnownRegistry, *, excuse: bool) -> None:
    """A lie is final. A word that an outage can break is for the owner to judge."""
    name = known.record.name or known.record.registry.hex()
    if known.exposed and not known.excusable:
        raise ControlFailure(
            EXPOSED,
            f"{name} was proven to cheat",
            "pledgeway node registry proof REGISTRY --out FILE, and pledgeway verify FILE, show it",
        )
    if known.exposed and not excuse:
        raise ControlFailure(
            EXPOSED,
            f"{name} was proven to have logged later than it promised, by a lie or an outage",
            "ask its operator; accept it with --despite-lateness if you believe the outage",
        )


async def expose_registry(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Takes a file that proves a registry a cheat: it is dropped, what is open is flagged."""
    encoded = arguments.text("proof", most=2 * MAX_FRAUD_BYTES)
    arguments.done()
    try:
        verdict = await store(context.expose(b64decode(encoded, validate=True)))
    except (Base64Error, WireFault, FraudInvalid, ValueError) as error:
        raise bad_argument("proof", str(error)) from error
    except UnknownRegistry as error:
        raise ControlFailure(
            "NOT_FOUND",
            f"it accuses registry {error}, which this node does not know",
            "nothing of yours depends on it",
        ) from error
    flagged = [
        i
        for i in context.engine.memory.owned(Incident)
        if i.kind is IncidentKind.EXPOSED and verdict.registry.hex()[:8] in i.detail
    ]
    return registry_json(context, context.book.registries[verdict.registry]) | {
        "flagged": len(flagged)
    }


async def fraud_of_registry(context: Context, arguments: Arguments) -> dict[str, Any]:
    """The file that exposed a registry, for whoever wants to check it."""
    known = context.find_registry(arguments.text("registry"))
    arguments.done()
    if not known.fraud:
        raise ControlFailure("NOT_FOUND", f"nothing is known against {known.record.name}")
    return {"proof": b64encode(known.fraud).decode()}


async def _learn(context: Context, writes: list[Any]) -> None:
    await context.durable(writes)
    context.engine.use_settings(context.book.settings())
    context.advertise()


async def follow_list(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Relies on every registry that a shared list names, now and in its later editions."""
    text = arguments.text("list")
    arguments.done()
    try:
        followed = list_from_text(text)
    except WireFault as fault:
        raise bad_argument("list", str(fault)) from fault
    if followed.expires_at_us <= context.clock.now_us():
        raise bad_argument("list", "it has expired; ask its owner for a new one")
    known = context.book.followed
    if known is not None and known.owner == followed.owner and known.replaces(followed):
        raise ControlFailure("LIST_OLD", "a newer edition of this list is followed already")
    await _learn(context, context.book.follow(followed))
    return _list_json(context)


async def unfollow_list(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Relies on nothing any more for the list's sake. Promises that stand are not touched."""
    arguments.done()
    if context.book.followed is None:
        raise ControlFailure("NOT_FOUND", "no list is followed")
    await _learn(context, context.book.follow(None))
    return {}


def _list_json(context: Context) -> dict[str, Any]:
    """`missing`: registries on it whose record has not come yet, so that nothing uses them."""
    followed = context.book.followed
    if followed is None:
        return {}
    return {
        "id": followed.id.hex(),
        "owner": followed.owner.hex(),
        "sequence": followed.sequence,
        "expires_at_us": followed.expires_at_us,
        "in_force": context.book.list_in_force is not None,
        "registries": [context.registry_name(r) for r in sorted(followed.registries)],
        "missing": len(followed.registries - context.book.registries.keys()),
    }


async def list_registries(context: Context, arguments: Arguments) -> dict[str, Any]:
    arguments.done()
    known = sorted(
        context.book.registries.values(), key=lambda k: (k.record.name, k.record.registry)
    )
    listed = {"registries": [registry_json(context, k) for k in known]}
    return listed | ({"list": _list_json(context)} if context.book.followed else {})


async def accept_registry(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Changes the owner's trust. Promises that are open stay under the rules they were made.

    `witnesses`: how many of them must have cosigned a proof that comes late; kept until the owner
    says another number or drops the registry. Those count that its record names now.
    """
    known = context.find_registry(arguments.text("registry"))
    accept = arguments.flag("accept")
    quorum = arguments.maybe_number("witnesses")
    excuse = arguments.flag("despite_lateness", False)
    arguments.done()
    if accept:
        _require_honest(known, excuse=excuse)
    record = known.record
    if quorum is not None and quorum > len(record.witnesses):
        raise bad_argument("witnesses", f"its record names {len(record.witnesses)} of them")
    await _learn(context, context.book.trust(record, accept, quorum))
    return registry_json(context, known)
