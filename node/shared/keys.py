"""What a transaction changes and what it has read, as keys that processes compare.

A key names a row; some name what a look-up of several rows depends on, and change with each row
that would be found anew. Two steps that share no key cannot tell in which order they happened.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Table

from node.core.rows import Key, Line, Payment, Promise
from node.store import ROWS, archive_key, outbox, peer, registry, setting
from runtime.write_plan import (
    DeleteRows,
    Execute,
    InsertRows,
    InsertValues,
    UpdateRows,
    UpdateValues,
    Write,
    primary_key,
)

PROMISES_OF: Final = "promises_of"  # a commit_id
PAYMENTS_OF: Final = "payments_of"  # the hash of a request
LINES: Final[Key] = ("lines", b"", b"")
OWNER: Final[Key] = ("owner", b"", b"")  # terms, registries, neighbours: read anew as a whole
ARCHIVE: Final[Key] = ("archive", b"", b"")
ADVERTS: Final[Key] = ("adverts", b"", b"")
OUTBOX: Final = "outbox"  # a neighbour
LEASE: Final = "lease"  # its name
PROCESS: Final = "process"  # its id

_OWNERS: Final = {setting.name, registry.name, peer.name}


def changed_keys(writes: Iterable[Write]) -> Iterator[Key]:
    """Of all writes but Execute, which says nothing about itself."""
    for write in writes:
        match write:
            case InsertRows(table, rows):
                for row in rows:
                    yield from _inserted(table, row)
            case InsertValues(table, columns, rows):
                for values in rows:
                    yield from _inserted(table, dict(zip(columns, values, strict=True)))
            case UpdateRows(table, rows) | DeleteRows(table, rows):
                for row in rows:
                    yield _key_of(table, [row[name] for name in primary_key(table)])
            case UpdateValues(table, columns, rows):
                for values in rows:
                    yield _key_of(table, values[len(columns) : -1])
            case Execute():
                pass


def _inserted(table: Table, row: Mapping[str, Any]) -> Iterator[Key]:
    yield _key_of(table, [row[name] for name in primary_key(table)])
    match table.name:
        case Promise.table:
            yield PROMISES_OF, bytes(row["commit"]), b""
        case Payment.table:
            yield PAYMENTS_OF, bytes(row["request_hash"]), b""
        case Line.table:
            yield LINES
        case _:
            pass


def _key_of(table: Table, key: Sequence[Any]) -> Key:
    """`key`: the values of the table's primary key."""
    if table.name in ROWS:
        return table.name, _part(key[0]), _part(key[1]) if len(key) > 1 else b""
    if table.name in _OWNERS:
        return OWNER
    if table is archive_key:
        return ARCHIVE
    assert table is outbox, table.name
    return OUTBOX, bytes(key[0]), b""


def _part(value: Any) -> bytes:
    return bytes((value,)) if isinstance(value, int) else bytes(value)


def encode_keys(keys: Iterable[Key]) -> bytes:
    """In order, each part behind its length in two bytes."""
    parts = (part for table, *ids in sorted(keys) for part in (table.encode(), *ids))
    return b"".join(len(part).to_bytes(2, "big") + part for part in parts)


def decode_keys(data: bytes) -> frozenset[Key]:
    """What `encode_keys` wrote."""
    parts, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 2], "big")
        parts.append(data[at + 2 : at + 2 + size])
        at += 2 + size
    triples = zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    return frozenset((table.decode(), first, second) for table, first, second in triples)
