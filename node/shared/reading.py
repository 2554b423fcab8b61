"""Single rows and positions, read anew from the store. StoreFailed wherever it does not answer."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine, func, select, tuple_

from node.core.rows import Key, Row
from node.store import ROWS, load_outbox, outbox, peer
from proto.keys import NodeId
from runtime.faults import reading

AT_ONCE: Final = 500  # keys in one question; a statement has room for 65,535 parameters


@dataclass(frozen=True, slots=True)
class Position:
    """A neighbour's numbers: received durably, ever given, and acknowledged by it."""

    have: int
    sent: int
    acknowledged: int


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one moment. StoreFailed."""
    with reading(engine) as connection:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield connection


def read_rows(
    connection: Connection, keys: Iterable[Key]
) -> tuple[list[tuple[Row, int]], list[Key]]:
    """Rows with their versions, and the keys of which there is no row. Other keys are passed by."""
    by_table: dict[str, list[Key]] = {}
    for key in keys:
        if key[0] in ROWS:
            by_table.setdefault(key[0], []).append(key)
    rows: list[tuple[Row, int]] = []
    gone: list[Key] = []
    for table, wanted in by_table.items():
        for start in range(0, len(wanted), AT_ONCE):
            part = wanted[start : start + AT_ONCE]
            found = list(_read(connection, table, part))
            rows += found
            present = {row.key for row, _ in found}
            gone += [key for key in part if key not in present]
    return rows, gone


def _read(connection: Connection, table: str, keys: list[Key]) -> Iterator[tuple[Row, int]]:
    entry = ROWS[table]
    columns = [entry.table.c[name] for name in entry.key]
    if len(columns) == 1:
        condition = columns[0].in_([key[1] for key in keys])
    else:
        # The second part of a key is bytes, or one small number.
        numbers = columns[1].type.python_type is int
        pairs = [(key[1], key[2][0] if numbers else key[2]) for key in keys]
        condition = tuple_(*columns).in_(pairs)
    for found in connection.execute(select(entry.table).where(condition)).mappings():
        yield entry.from_columns(dict(found)), found["version"]


def read_positions(connection: Connection, nodes: Iterable[NodeId]) -> dict[NodeId, Position]:
    """Of these neighbours, as far as they are known."""
    wanted = list(nodes)
    if not wanted:
        return {}
    query = select(outbox.c.peer, func.min(outbox.c.first)).where(outbox.c.peer.in_(wanted))
    oldest = {bytes(node): first for node, first in connection.execute(query.group_by("peer"))}
    rows = connection.execute(
        select(peer.c.node, peer.c.have, peer.c.sent).where(peer.c.node.in_(wanted))
    )
    return {
        NodeId(row.node): Position(row.have, row.sent, oldest.get(row.node, row.sent + 1) - 1)
        for row in rows
    }


def position_of(engine: Engine, node: NodeId) -> tuple[int, int]:
    """(have, sent) for a Hello: nobody else has written them since. StoreFailed."""
    with reading(engine) as connection:
        position = read_positions(connection, [node]).get(node)
    return (position.have, position.sent) if position else (0, 0)


def read_outbox(
    connection: Connection, node: NodeId, after: int
) -> list[tuple[int, tuple[bytes, ...]]]:
    """(number of the first, envelopes) of the rows behind a number, in order."""
    return [(first, sent) for _, first, sent in load_outbox(connection, node, after)]
