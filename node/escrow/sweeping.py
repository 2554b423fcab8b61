"""Forgets exchanges that are over, so that what a node remembers of them stays bounded.

Nothing that was said of one can take effect again: an invitation has expired, a descriptor's time
has passed, and any other letter finds nothing. Its decision stays in the archive of transactions.
"""

import logging
from collections.abc import Iterable
from functools import partial
from typing import Final

import trio

from node.core.escrow.rows import Deal, Letter, Seat, Standing
from node.core.rows import Key, Row
from node.core.sale.rows import Sale
from node.engine import Engine, StoreUnavailable
from node.escrow.standing import Rule, RuleInvalid
from node.group import Group
from node.memory import Memory
from node.store import ROWS
from proto.limits import US
from runtime.clock import Clock
from runtime.write_plan import DeleteRows

log = logging.getLogger(__name__)

PAUSE_S: Final = 60.0
SHOWN_US: Final = 30 * 86_400 * US  # to people, who look back a month
MAX_SHOWN: Final = 2000  # beyond that the oldest go sooner: each has some 50 KB of memory and disk
# Of them sales that others offered and nobody here took part in: whoever offers and takes back all
# day long would push out what the owner did take part in.
MAX_UNTAKEN: Final = 256
LEAST_US: Final = 600 * US  # in any case: who has just settled may ask once more
BATCH: Final = 64  # exchanges in one transaction


class Sweeper:
    """Owned by the trio task that runs `run`."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled. A store that does not answer is tried again in the next round."""
        while True:
            await trio.sleep(PAUSE_S)
            try:
                while await self.once() == BATCH:
                    await trio.lowlevel.checkpoint()
            except StoreUnavailable as error:
                log.warning("old exchanges stay: %s", error)

    async def once(self) -> int:
        """Forgets some; how many."""
        if not over(self._engine.memory, self._clock.now_us()):
            return 0
        gone: list[bytes] = []
        await self._engine.work(partial(self._take, gone))
        return len(gone)

    def _take(self, gone: list[bytes], group: Group) -> None:
        """Between two events: nothing more is heard until the group is durable."""
        memory = self._engine.memory
        gone += over(memory, self._clock.now_us())[:BATCH]
        forget_rows(memory, _rows_of(memory, set(gone)), group)


def forget_rows(memory: Memory, rows: Iterable[Row], group: Group) -> None:
    """Removes them for good; those that the group is about to write stay."""
    by_table: dict[str, list[Row]] = {}
    for row in rows:
        if row.key not in group.rows:
            by_table.setdefault(row.table, []).append(row)
            memory.remove(row)
    for table, found in by_table.items():
        entry = ROWS[table]
        keys = [{name: getattr(row, name) for name in entry.key} for row in found]
        group.writes.append(DeleteRows(entry.table, keys))
    group.alone = bool(by_table)


def over(memory: Memory, now_us: int) -> list[bytes]:
    """Exchanges that may be forgotten now, those that ended first to begin with."""
    ended: dict[bytes, int] = {}
    open_ones: set[bytes] = set()
    parts = [
        *((d.id, d.phase.final, d.waiting, d.ended_at_us) for d in memory.owned(Deal)),
        *((s.deal, s.phase.final, s.waiting, s.ended_at_us) for s in memory.owned(Seat)),
        *((s.id, s.phase.final, 0, s.ended_at_us) for s in memory.owned(Sale)),
    ]
    for exchange, final, waiting, ended_at_us in parts:
        if not final or waiting:
            open_ones.add(exchange)
        else:
            ended[exchange] = max(ended.get(exchange, 0), ended_at_us)
    refused: dict[bytes, int] = {}  # what was said of a proposal that was not kept, and when
    for letter in memory.owned(Letter):
        if not letter.answered:
            open_ones.add(letter.deal)
        elif letter.deal not in ended:
            refused[letter.deal] = max(refused.get(letter.deal, 0), letter.created_at_us)
    closed = sorted((at_us, e) for e, at_us in ended.items() if e not in open_ones)
    offered = {sale.id for sale in memory.owned(Sale) if not sale.seed}
    untaken = [e for _, e in closed if e in offered]
    sooner = set(untaken[: max(0, len(untaken) - MAX_UNTAKEN)])
    others = [e for _, e in closed if e not in sooner]
    sooner.update(others[: max(0, len(others) - MAX_SHOWN)])
    gone = [e for e, at_us in refused.items() if e not in open_ones and at_us + LEAST_US <= now_us]
    return gone + [
        exchange
        for at_us, exchange in closed
        if at_us + (LEAST_US if exchange in sooner else SHOWN_US) <= now_us
    ]


def _proposal_of(standing: Standing) -> str:
    """The one that it is for, hex; empty where it is for any, or of a version that read otherwise:
    such a rule stays until its owner ends it."""
    try:
        return Rule.from_json(standing.rule).proposal
    except RuleInvalid:
        return ""


def _rows_of(memory: Memory, exchanges: set[bytes]) -> Iterable[Row]:
    found: dict[Key, Row] = {}
    for deal in memory.owned(Deal):
        if deal.id in exchanges:
            found[deal.key] = deal
    for seat in memory.owned(Seat):
        if seat.deal in exchanges:
            found[seat.key] = seat
    for sale in memory.owned(Sale):
        if sale.id in exchanges:
            found[sale.key] = sale
    for letter in memory.owned(Letter):
        if letter.deal in exchanges:
            found[letter.key] = letter
    named = {exchange.hex() for exchange in exchanges}
    for standing in memory.owned(Standing):
        # Made for one proposal alone, by whoever proposed it.
        if _proposal_of(standing) in named:
            found[standing.key] = standing
    return found.values()
