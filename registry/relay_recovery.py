"""Which decisions may still have to be passed on: read from the store, page by page.

What is to be relayed needs no table of its own. It follows from the decisions, and passing one on
twice is harmless: the other member answers with what it has stored.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import Engine, select, tuple_

from proto.descriptor import decode_descriptor
from proto.limits import MAX_DELTA_US, MAX_POLICY_MEMBERS
from proto.statement import Outcome
from registry.log import Logged
from registry.relay import CLOCKS_APART_US
from registry.store import Key, Ledger, LedgerReader
from registry.tables import decision

PAGE: Final = 512  # decisions read at a time: a few hundred kilobytes
# L - D is at most (f + 1) delta, and n >= 3f + 1.
MAX_LATENESS_US: Final = ((MAX_POLICY_MEMBERS - 1) // 3 + 1) * MAX_DELTA_US


def oldest_key(now_us: int, guard_us: int) -> Key:
    """No decision before it can still be accepted by another member."""
    return max(0, now_us - MAX_LATENESS_US - guard_us - CLOCKS_APART_US), b""


def pages(engine: Engine, after: Key) -> Iterator[list[Logged]]:
    """COMMITTED decisions of several registries with keys above `after`, in the order of their
    keys; a page may be empty. In a thread; each page is a look of its own, so that nobody holds on
    to an old snapshot meanwhile."""
    while rows := _committed(engine, after):
        # Most are ours alone, and then nothing more is read of them.
        keys = [key for key, descriptor in rows if len(_members(descriptor)) > 1]
        found = _told(engine, keys)
        yield [found[key] for key in keys if key in found]
        after = rows[-1][0]


def _told(engine: Engine, keys: Sequence[Key]) -> dict[Key, Logged]:
    """Decisions that no failover can lose any more: what is passed on is signed."""
    with engine.connect() as connection:
        if not keys or not LedgerReader(connection).shared:
            return LedgerReader(connection).find(keys)
        ledger = Ledger(connection)
        found = ledger.find(keys)
        ledger.settle(found.values())
        return found


def _members(descriptor: bytes) -> tuple[bytes, ...]:
    return decode_descriptor(descriptor).policy.members


def _committed(engine: Engine, after: Key) -> list[tuple[Key, bytes]]:
    key = tuple_(decision.c.deadline_us, decision.c.commit_id)
    page = (
        select(decision.c.deadline_us, decision.c.commit_id, decision.c.descriptor)
        .where(key > after, decision.c.outcome == int(Outcome.COMMITTED))
        .order_by(decision.c.deadline_us, decision.c.commit_id)
        .limit(PAGE)
    )
    with engine.connect() as connection:
        return [((row[0], row[1]), row[2]) for row in connection.execute(page)]
