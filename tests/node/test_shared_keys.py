"""What a transaction changes, as keys; and what memory remembers of having been read."""

from dataclasses import replace

import pytest

from node.command.sim.cores.plan import Route, chain_world, pay
from node.core.invariants import check
from node.core.rows import Incident, IncidentKind, Key, Line, Payment, Promise, Row
from node.group import row_writes
from node.shared.keys import (
    ARCHIVE,
    LINES,
    OUTBOX,
    OWNER,
    PAYMENTS_OF,
    PROMISES_OF,
    changed_keys,
    decode_keys,
    encode_keys,
)
from node.shared.memory import SharedMemory
from node.store import ROWS, archive_key, outbox, peer, setting
from proto.levels import Level
from runtime.write_plan import DeleteRows, Execute, InsertRows, UpdateRows, Write

A = Level.ATOMIC


@pytest.fixture(scope="module")
def rows() -> dict[Key, Row]:
    """Of a hop that has forwarded a payment, and the payment of its payer."""
    world, names = chain_world((A, A))
    pay(world, [Route(names, (A, A), 1000)])
    world.quiet()
    found = dict(world.nodes[names[1]].books.rows)
    payers = world.nodes["P"].books.rows.values()
    (payment,) = [row for row in payers if isinstance(row, Payment)]
    check(found.values())
    return found | {payment.key: payment}


def test_keys_survive_the_store(rows: dict[Key, Row]) -> None:
    keys = {*rows, OWNER, LINES, (OUTBOX, b"\0" * 32, b"")}
    assert decode_keys(encode_keys(keys)) == keys
    assert encode_keys(keys) == encode_keys(sorted(keys, reverse=True))
    assert decode_keys(encode_keys(())) == frozenset()


def test_every_row_is_called_by_its_key(rows: dict[Key, Row]) -> None:
    memory = SharedMemory(next(iter(chain_world((A,))[0].nodes.values())).settings)
    inserted = set(changed_keys(row_writes(memory, rows)))
    looked_up = {LINES}
    for row in rows.values():
        if isinstance(row, Promise):
            looked_up.add((PROMISES_OF, row.commit, b""))
        elif isinstance(row, Payment):
            looked_up.add((PAYMENTS_OF, row.request_hash, b""))
    assert {row.table for row in rows.values()} >= {"line", "promise", "transaction", "payment"}
    assert inserted == rows.keys() | looked_up
    updated = set(changed_keys(row_writes(memory, rows)))
    assert updated == rows.keys(), "nothing is found anew by an update"
    deletions = [
        DeleteRows(ROWS[r.table].table, [{n: getattr(r, n) for n in ROWS[r.table].key}])
        for r in rows.values()
    ]
    assert set(changed_keys(deletions)) == rows.keys()


def test_other_tables_stand_for_what_is_read_of_them() -> None:
    node = b"\1" * 32
    writes: list[Write] = [
        InsertRows(setting, [{"name": "terms", "value": "{}", "version": 1}]),
        UpdateRows(peer, [{"node": node, "alias": "P", "version": 1}]),
        InsertRows(archive_key, [{"key": 5, "block": 1}]),
        DeleteRows(outbox, [{"peer": node, "first": 7}]),
        Execute(lambda _: None),
    ]
    assert set(changed_keys(writes)) == {OWNER, ARCHIVE, (OUTBOX, node, b"")}


def test_memory_remembers_what_was_asked_of_it(rows: dict[Key, Row]) -> None:
    memory = SharedMemory(next(iter(chain_world((A,))[0].nodes.values())).settings)
    memory.take((row, 3) for row in rows.values())
    assert not memory.read
    (payment,) = [row for row in rows.values() if isinstance(row, Payment)]
    absent: Key = ("promise", b"none", b"such")
    assert memory.row(absent) is None
    assert list(memory.payments_of(payment.request_hash)) == [payment]
    assert list(memory.payments_of(b"no such")) == []
    assert memory.read == {
        absent,
        payment.key,
        (PAYMENTS_OF, payment.request_hash, b""),
        (PAYMENTS_OF, b"no such", b""),
    }


def test_memory_takes_and_drops_what_the_store_says(rows: dict[Key, Row]) -> None:
    memory = SharedMemory(next(iter(chain_world((A,))[0].nodes.values())).settings)
    memory.take((row, 3) for row in rows.values())
    (payment,) = [row for row in rows.values() if isinstance(row, Payment)]
    memory.take([(replace(payment, cost=7), 4)])
    assert [p.cost for p in memory.payments_of(payment.request_hash)] == [7]
    assert memory.versions[payment.key] == 4
    memory.drop([*rows, ("line", b"unknown", b"")])
    assert not memory.rows and not memory.versions and not list(memory.lines())
    assert not list(memory.payments_of(payment.request_hash))


def test_memory_forgets_a_line_and_an_incident_that_were_undone(rows: dict[Key, Row]) -> None:
    memory = SharedMemory(next(iter(chain_world((A,))[0].nodes.values())).settings)
    incident = Incident(b"subject", IncidentKind.LOSS, 1, b"")
    lines = [row for row in rows.values() if isinstance(row, Line)]
    memory.take((row, 1) for row in (incident, *lines))
    assert memory.owned(Incident) == [incident] and list(memory.lines()) == lines
    memory.drop([incident.key, *(line.key for line in lines)])
    assert not memory.owned(Incident) and not list(memory.lines())
