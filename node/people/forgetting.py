"""Lets go of what people have done with: from memory at once, and from the disk what is no record.

Confirmations and entries are records: they stay on the disk, where they are looked up. Sessions,
codes that were used, invitations and notices that ended are of no use to anybody after a while,
nor is what a stranger asked and nobody looked at: else whoever can ask can fill the disk.
"""

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final

import trio

from node.core.people.rows import (
    Confirmation,
    ConfirmationPhase,
    Invitation,
    KnownDomain,
    KnownRequester,
    Notice,
    RecoveryCode,
    Session,
)
from node.core.rows import Row
from node.engine import Engine, StoreUnavailable
from node.escrow.sweeping import forget_rows
from node.group import Group
from proto.limits import US
from runtime.clock import Clock

log = logging.getLogger(__name__)

PAUSE_S: Final = 60.0
SHOWN_US: Final = 3600 * US  # in memory, for pages that are open and requesters that poll
SESSION_US: Final = 86_400 * US  # longer than any session lives
MONTH_US: Final = 30 * 86_400 * US  # people look back a month at what was used or did not arrive
UNSEEN_US: Final = 60 * US  # its requester knows when it expires, and may ask that much later
BATCH: Final = 256  # rows in one transaction


class Forgetter:
    """Owned by the trio task that runs `run`."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def run(self, *, keeper: bool = True) -> None:
        """Until cancelled. `keeper`: of several processes it is the one that deletes."""
        while True:
            await trio.sleep(PAUSE_S)
            try:
                await self._engine.work(self.let_go)
                if keeper:
                    while await self.once() == BATCH:
                        await trio.lowlevel.checkpoint()
            except StoreUnavailable as error:
                log.warning("what people have done with stays: %s", error)

    def let_go(self, group: Group) -> None:
        """Memory alone: the rows stay on the disk, and come back when somebody asks for them."""
        memory, now_us = self._engine.memory, self._clock.now_us()
        for row in memory.ended_confirmations():
            done = not row.reserved and row.ended_at_us + SHOWN_US <= now_us
            if done and row.key not in group.rows and not self._unseen_since_us(row):
                memory.remove(row)

    async def once(self) -> int:
        """Deletes some; how many."""
        gone: list[Row] = []
        if not self._over():
            return 0
        await self._engine.work(partial(self._take, gone))
        return len(gone)

    def _take(self, gone: list[Row], group: Group) -> None:
        """Between two events: nothing more is heard until the group is durable."""
        gone += self._over()[:BATCH]
        forget_rows(self._engine.memory, gone, group)

    def _over(self) -> list[Row]:
        memory, now_us = self._engine.memory, self._clock.now_us()
        kinds: tuple[tuple[Iterable[Row], Callable[..., int], int], ...] = (
            (memory.owned(Session), _session_over_us, SESSION_US),
            (memory.owned(RecoveryCode), lambda row: row.used_at_us, MONTH_US),
            (memory.owned(Invitation), lambda row: row.expires_at_us, MONTH_US),
            (memory.owned(Notice), lambda row: row.ended_at_us, MONTH_US),
            (memory.owned(KnownDomain), lambda row: row.checked_at_us, MONTH_US),
            (memory.ended_confirmations(), self._unseen_since_us, UNSEEN_US),
        )
        return [
            row
            for rows, over_us, kept_us in kinds
            for row in rows
            if 0 < over_us(row) <= now_us - kept_us
        ]

    def _unseen_since_us(self, row: Confirmation) -> int:
        """When it expired, if nobody ever looked at it and whoever asked is a stranger here, whom
        no notice tells; else 0. Asked once more it is as if it had never been: nothing moved."""
        unseen = row.phase is ConfirmationPhase.EXPIRED and not row.presented_at_us
        if not unseen or row.approved or not row.requester:
            return 0
        known = self._engine.memory.row((KnownRequester.table, row.requester, b""))
        return 0 if isinstance(known, KnownRequester) else row.ended_at_us


def _session_over_us(row: Session) -> int:
    return row.ended_at_us or row.created_at_us
