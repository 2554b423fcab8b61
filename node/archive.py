"""The archive of settled payments: where they are looked up, and the writes that change it.

Nothing here decides what is settled (node.core.settling) or when it leaves (node.archiving).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from node.archive_block import (
    decode_block,
    encode_block,
    key_of,
    key_range,
    keys_of,
    mark_of,
    promise_key,
)
from node.core.people.rows import Confirmation
from node.core.rows import Key, Payment, PaymentPhase, Row
from node.core.settling import Bundle
from node.store import ROWS, archive, archive_key
from proto.request import read_request
from runtime.faults import reading
from runtime.write_plan import Execute, InsertRows, Write

MAX_CANDIDATES: Final = 256  # blocks opened for one look-up; ids are random, so one is the rule

Wanted = Callable[[Bundle], bool]


@dataclass(frozen=True, slots=True)
class Found:
    """A bundle and the block that it lies in."""

    block: int
    bundle: Bundle


class Archive:
    """Reads on trio, writes by way of the engine. StoreFailed wherever the disk does not answer.

    `horizon_us`: a promise that could still be made after it has never been archived;
    `requests_until_us`: the same of payments. Both spare the look-up in ordinary running.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._next = 1
        self.horizon_us = 0
        self.requests_until_us = 0

    @property
    def empty(self) -> bool:
        """Whether nothing was ever archived, as far as the blocks tell."""
        return self._next == 1

    def load(self, connection: Connection) -> None:
        """What is known at start, and after a write that failed."""
        columns = (archive.c.id, archive.c.until_us, archive.c.requests_until_us)
        newest, until, requests = connection.execute(select(*map(func.max, columns))).one()
        self._next = max(self._next, (newest or 0) + 1)
        self.horizon_us = max(self.horizon_us, until or 0)
        self.requests_until_us = max(self.requests_until_us, requests or 0)

    # ------------------------------------------------------------------ changing

    def store(self, bundles: Sequence[Bundle], now_us: int) -> list[Write]:
        """The writes that put bundles into a new block."""
        block, self._next = self._next, self._next + 1
        payments = [payment for bundle in bundles for payment in bundle.payments]
        until_us = max(b.until_us for b in bundles)
        requests_until_us = max(
            (read_request(p.request, p.created_at_us).expires_at_us for p in payments), default=0
        )
        self.horizon_us = max(self.horizon_us, until_us)
        self.requests_until_us = max(self.requests_until_us, requests_until_us)
        row = {
            "id": block,
            "archived_at_us": now_us,
            "until_us": until_us,
            "requests_until_us": requests_until_us,
            "entries": len(bundles),
            "committed": sum(p.phase is PaymentPhase.COMMITTED for p in payments),
            "aborted": sum(p.phase is PaymentPhase.ABORTED for p in payments),
        }
        keys = sorted({key for bundle in bundles for key in keys_of(bundle)})
        return [
            Execute(partial(_store, row, tuple(bundles))),
            InsertRows(archive_key, [{"key": key, "block": block} for key in keys]),
        ]

    def take_back(self, found: Found) -> list[Write]:
        """The writes after which a bundle is not in the archive any more."""
        return [Execute(partial(_take_back, found))]

    # ------------------------------------------------------------------ looking

    def promise(self, promisor: bytes, promise: bytes) -> Found | None:
        key = promise_key(promisor, promise)

        def wanted(bundle: Bundle) -> bool:
            return any((p.promisor, p.id) == (promisor, promise) for p in bundle.promises)

        return self._first(key, key, wanted)

    def transaction(self, commit: bytes) -> Found | None:
        key = key_of(commit)
        return self._first(
            key, key, lambda b: b.transaction is not None and b.transaction.commit == commit
        )

    def owner(self, identity: bytes) -> Found | None:
        """The payment or request with this id."""
        key = key_of(identity)
        return self._first(key, key, lambda b: any(o.id == identity for o in b.owners))

    def committed(self, request_hash: bytes) -> Found | None:
        """The payment of a request that has been paid."""

        def wanted(bundle: Bundle) -> bool:
            return any(
                payment.phase is PaymentPhase.COMMITTED and payment.request_hash == request_hash
                for payment in bundle.payments
            )

        key = key_of(request_hash)
        return self._first(key, key, wanted)

    def row(self, key: Key) -> tuple[Row, int] | None:
        """A row of the tables that memory has let go of, with its version."""
        entry = ROWS[key[0]]
        columns = [entry.table.c[name] for name in entry.key]
        query = select(entry.table).where(*(c == k for c, k in zip(columns, key[1:], strict=False)))
        with reading(self._engine) as connection:
            found = connection.execute(query).mappings().one_or_none()
        return None if found is None else (entry.from_columns(dict(found)), found["version"])

    def paid_in_house(self, request_hash: bytes) -> Confirmation | None:
        """What a person of this node approved and another one got, once memory has let go of it.

        Of one request there may be several confirmations: many people can be asked, one pays.
        """
        entry = ROWS[Confirmation.table]
        query = select(entry.table).where(entry.table.c.request_hash == request_hash)
        with reading(self._engine) as connection:
            found = [entry.from_columns(dict(c)) for c in connection.execute(query).mappings()]
        rows = (row for row in found if isinstance(row, Confirmation) and row.settlement)
        return next(rows, None)

    def by_digits(self, digits: str, wanted: Wanted) -> list[Bundle]:
        """Bundles with an id that begins with these hex digits."""
        low, high = key_range(digits)
        return [found.bundle for found in self._find(low, high, wanted)]

    def bundles(self) -> Iterator[Bundle]:
        """Everything that lies here, block by block: for whoever checks all of it."""
        query = select(archive.c.id, archive.c.data).order_by(archive.c.id)
        with reading(self._engine) as connection:
            for block, data in connection.execute(query).all():
                yield from _present(connection, block, decode_block(data))

    def newest_payments(self) -> Iterator[Payment]:
        """From the latest to leave on; those that came back are passed over."""
        below = self._next
        paying = archive.c.committed + archive.c.aborted > 0
        while True:
            with reading(self._engine) as connection:
                query = select(archive.c.id, archive.c.data).where(archive.c.id < below, paying)
                row = connection.execute(query.order_by(archive.c.id.desc()).limit(1)).first()
                if row is None:
                    return
                below = row.id
                bundles = [b for b in decode_block(row.data) if b.payments]
                here = _present(connection, row.id, bundles)
            yield from (payment for b in reversed(here) for payment in b.payments)

    def counts(self) -> dict[PaymentPhase, int]:
        """How many payments are in the archive, by their end."""
        sums = (func.sum(archive.c.committed), func.sum(archive.c.aborted))
        with reading(self._engine) as connection:
            committed, aborted = connection.execute(select(*sums)).one()
        return {
            PaymentPhase.COMMITTED: int(committed or 0),
            PaymentPhase.ABORTED: int(aborted or 0),
        }

    def _first(self, low: int, high: int, wanted: Wanted) -> Found | None:
        return next(iter(self._find(low, high, wanted)), None)

    def _find(self, low: int, high: int, wanted: Wanted) -> list[Found]:
        query = (
            select(archive.c.id, archive.c.data)
            .where(
                archive.c.id.in_(
                    select(archive_key.c.block).where(archive_key.c.key.between(low, high))
                )
            )
            .order_by(archive.c.id.desc())
            .limit(MAX_CANDIDATES)
        )
        with reading(self._engine) as connection:
            return [
                Found(block, bundle)
                for block, data in connection.execute(query).all()
                for bundle in _present(
                    connection, block, [b for b in decode_block(data) if wanted(b)]
                )
            ]


def _present(connection: Connection, block: int, bundles: Sequence[Bundle]) -> list[Bundle]:
    """Those whose keys still point to the block: the others have come back to the live tables."""
    if not bundles:
        return []
    marks = {mark_of(bundle): bundle for bundle in bundles}
    query = select(archive_key.c.key).where(
        archive_key.c.block == block, archive_key.c.key.in_(marks)
    )
    here = set(connection.scalars(query))
    return [bundle for mark, bundle in marks.items() if mark in here]


def _store(row: Mapping[str, int], bundles: Sequence[Bundle], connection: Connection) -> None:
    """In the writer's thread: whoever hears the neighbours does not wait for the compression."""
    connection.execute(insert(archive), [{**row, "data": encode_block(bundles)}])


def _take_back(found: Found, connection: Connection) -> None:
    ends = [payment.phase for payment in found.bundle.payments]
    query = select(archive.c.data).where(archive.c.id == found.block)
    taken = mark_of(found.bundle)
    others = [b for b in decode_block(connection.scalars(query).one()) if mark_of(b) != taken]
    # Two payments of one request are found by one key: what the other needs stays.
    needed = {key for other in _present(connection, found.block, others) for key in keys_of(other)}
    connection.execute(
        delete(archive_key).where(
            archive_key.c.block == found.block,
            archive_key.c.key.in_(keys_of(found.bundle) - needed),
        )
    )
    connection.execute(
        update(archive)
        .where(archive.c.id == found.block)
        .values(
            entries=archive.c.entries - 1,
            committed=archive.c.committed - ends.count(PaymentPhase.COMMITTED),
            aborted=archive.c.aborted - ends.count(PaymentPhase.ABORTED),
        )
    )


def prune(connection: Connection, before_us: int, blocks: int) -> int:
    """Deletes the oldest blocks that left before a time, at most so many; how many went."""
    query = select(archive.c.id, archive.c.archived_at_us, archive.c.data)
    gone = []
    for block, archived_at_us, data in connection.execute(
        query.order_by(archive.c.id).limit(blocks)
    ).all():
        if archived_at_us >= before_us:
            break
        gone.append(block)
        keys = {key for bundle in decode_block(data) for key in keys_of(bundle)}
        connection.execute(
            delete(archive_key).where(archive_key.c.block == block, archive_key.c.key.in_(keys))
        )
    connection.execute(delete(archive).where(archive.c.id.in_(gone)))
    return len(gone)
