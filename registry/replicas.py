"""What the other processes of this registry decide (registry section 5.4).

Correctness needs none of it: each process reads the one database before it answers. Here whoever
waits at this process hears of what was decided at another, and its places in the calendar go.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import trio
from sqlalchemy import Engine

from registry.store_reader import LedgerReader
from registry.store_statements import Key
from runtime.faults import StoreFailed, reading
from runtime.listening import listening

MOST_AT_ONCE: Final = 4096  # log entries read at a time

Seen = dict[int, int]  # shard -> log entries that were looked at


async def follow(engine: Engine, decided: Callable[[Sequence[Key]], None]) -> None:
    """Runs on trio for ever; `decided` is called on trio, for our own decisions as well."""
    seen = await trio.to_thread.run_sync(partial(_look, engine))
    news = trio.Event()

    def heard() -> None:
        news.set()

    async with listening(engine, heard):
        while True:
            await news.wait()
            news = trio.Event()
            keys, more = await trio.to_thread.run_sync(partial(_read, engine, seen))
            if keys:
                decided(keys)
            if more:
                news.set()


def _look(engine: Engine) -> Seen:
    try:
        with reading(engine) as connection:
            return LedgerReader(connection).ends()
    except StoreFailed:
        return {}  # whoever waits is told of old decisions once more


def _read(engine: Engine, seen: Seen) -> tuple[list[Key], bool]:
    """What was decided since, and whether there is more; `seen` moves on."""
    keys: list[Key] = []
    try:
        with reading(engine) as connection:
            reader = LedgerReader(connection)
            for shard, end in reader.ends().items():
                start = seen.get(shard, 0)
                stop = min(end, start + MOST_AT_ONCE - len(keys))
                keys += reader.keys(shard, start, stop)
                seen[shard] = stop
                if stop < end:
                    return keys, True
    except StoreFailed:
        return keys, False  # the connection that is made anew counts as news
    return keys, False
