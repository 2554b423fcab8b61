"""Health as JSON and back: what `GET /health` sends and `status` reads from a stranger."""

import json
from dataclasses import asdict, fields
from typing import Final, TypeVar

from registry.health import MAX_MEMBERS, Health, MemberHealth, ShardHealth, State, WitnessHealth

MAX_HEALTH_BYTES: Final = 65_536  # a stranger's server must not fill our memory
MAX_ENTRIES: Final = MAX_MEMBERS  # or shards, or witnesses: years to come, and some

T = TypeVar("T", ShardHealth, WitnessHealth, MemberHealth)


def health_json(health: Health) -> str:
    """One JSON object on one line."""
    return json.dumps(asdict(health)) + "\n"


def read_health(data: bytes) -> Health | None:
    """None where it is the answer of no registry."""
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict):
        return None
    shards = _entries(answer.get("shards"), ShardHealth)
    witnesses = _entries(answer.get("witnesses"), WitnessHealth)
    # An older registry does not say which members it has.
    members = _entries(answer.get("members", []), MemberHealth)
    if shards is None or witnesses is None or members is None:
        return None
    if answer.get("state") not in set(State.__members__):
        return None
    values = answer | {"shards": shards, "witnesses": witnesses, "members": members}
    plain = [field for field in fields(Health) if field.type in (bool, int, str)]
    if not all(type(values.get(field.name)) is field.type for field in plain):
        return None
    return Health(**{field.name: values[field.name] for field in fields(Health)})


def _entries(value: object, kind: type[T]) -> tuple[T, ...] | None:
    if not isinstance(value, list) or len(value) > MAX_ENTRIES:
        return None
    entries = []
    for entry in value:
        if not isinstance(entry, dict):
            return None
        values = {field.name: entry.get(field.name) for field in fields(kind)}
        if not all(type(values[field.name]) is field.type for field in fields(kind)):
            return None
        entries.append(kind(**values))  # type: ignore[arg-type]  # every type was just compared
    return tuple(entries)
