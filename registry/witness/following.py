"""A witness keeps the records of its logs new by itself: a log key that changes stalls no log.

The record that is here vouches for its successor: only one that continues its chain of roots counts
(`RegistryRecord.replaces`), wherever the bytes come from. So nobody need be trusted for it, least
of all whoever sent the checkpoint that made us look.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

import trio

from proto.registry_record import RegistryRecord
from registry.home import HomeFault
from registry.witness.record_fetch import RecordFetch, RecordNotHad
from registry.witness.trust import TrustedLogs, take_record

log = logging.getLogger(__name__)

RECORD_EVERY_S: Final = 6 * 3600.0  # a key that was revoked is of use to a thief for so long
FIRST_LOOK_S: Final = 60.0  # after a start: registries on the same machine start as well
# Anybody may send a checkpoint that no known key signed; its log's registry is asked this often.
ASK_AGAIN_S: Final = 1.0
FETCH_S: Final = 10.0  # a record has a few kilobytes: whoever takes longer holds up the rest
FETCHES_AT_ONCE: Final = 4

MakeFetch = Callable[[RegistryRecord], RecordFetch]


class RecordFollower:
    """Owned by trio. `fetching` makes a look at the archive that a record names."""

    def __init__(self, folder: Path, logs: TrustedLogs, fetching: MakeFetch = RecordFetch) -> None:
        self._folder = folder
        self._logs = logs
        self._fetching = fetching
        self._wanted: dict[str, float] = {}  # by prefix of a log: when to look
        self._busy: set[str] = set()
        self._asked_at_s: dict[str, float] = {}
        self._wake = trio.Event()
        self._limiter = trio.CapacityLimiter(FETCHES_AT_ONCE)

    def doubt(self, prefix: str) -> None:
        """A key that we do not know signed a checkpoint of this log, or nobody did."""
        if prefix in self._wanted:
            return
        now_s = trio.current_time()
        # Put off, not dropped: a registry that has just started may not have answered before.
        again_s = self._asked_at_s.get(prefix, now_s - ASK_AGAIN_S) + ASK_AGAIN_S
        self._wanted[prefix] = max(now_s, again_s)
        self._wake.set()

    async def run(self) -> None:
        """For ever."""
        all_at_s = trio.current_time() + FIRST_LOOK_S
        async with trio.open_nursery() as nursery:
            while True:
                with trio.move_on_at(min([all_at_s, *self._wanted.values()])):
                    await self._wake.wait()
                self._wake = trio.Event()
                known = await trio.to_thread.run_sync(self._logs.all)
                now_s = trio.current_time()
                due = {prefix for prefix, at_s in self._wanted.items() if at_s <= now_s}
                for prefix in due:
                    del self._wanted[prefix]
                if now_s >= all_at_s:
                    all_at_s, due = now_s + RECORD_EVERY_S, set(known)
                for prefix in due & known.keys() - self._busy:
                    self._asked_at_s[prefix] = now_s
                    self._busy.add(prefix)
                    nursery.start_soon(self._renew, known[prefix].record)

    async def _renew(self, known: RegistryRecord) -> None:
        """Crash anywhere in here: the older record is whole, and the next look finds the newer."""
        try:
            async with self._limiter:
                data = await self._fetched(self._fetching(known))
            if data != known.signed:
                await trio.to_thread.run_sync(self._take, known, data)
        except RecordNotHad as fault:
            log.info("%s", fault)  # its own operators know; it is asked again
        except HomeFault as fault:
            log.warning("%s", fault)
        finally:
            self._busy.discard(known.log_origin)

    async def _fetched(self, fetch: RecordFetch) -> bytes:
        """RecordNotHad."""
        try:
            with trio.move_on_after(FETCH_S):
                return await trio.to_thread.run_sync(fetch.fetch, abandon_on_cancel=True)
        finally:
            fetch.close()
        raise RecordNotHad(f"{fetch.url}: takes longer than {FETCH_S:.0f} s")

    def _take(self, known: RegistryRecord, data: bytes) -> None:
        """In a thread. HomeFault."""
        where = known.archive_url.removesuffix("%s")
        record = take_record(self._folder, data, where, only=known.registry)
        log.info(
            "%s: record %d of registry %s replaces %d",
            where,
            record.sequence,
            record.registry.hex(),
            known.sequence,
        )
