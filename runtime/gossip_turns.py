"""The tasks that gossip needs beside the links: hearing in portions, and letting go what waited."""

from collections.abc import Awaitable, Callable
from typing import Final

import trio

from proto.limits import US
from runtime.clock import Clock
from runtime.gossip import Gossip, portions
from runtime.transport import GossipArrived, LinkEvent

PAUSE_US: Final = US // 4  # between two rounds of what has waited: many adverts share a frame


async def run_gossip(
    gossip: Gossip, next_event: Callable[[], Awaitable[LinkEvent]], clock: Clock
) -> None:
    """Until cancelled. `next_event` gives what neighbours gossip, GossipArrived alone, in turns."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_release, gossip, clock)
        while True:
            event = await next_event()
            assert isinstance(event, GossipArrived)
            await hear(gossip, event, clock)


async def hear(gossip: Gossip, event: GossipArrived, clock: Clock) -> None:
    """One frame of a neighbour; others are served between its portions."""
    honest = True
    for portion in portions(event.adverts):
        honest = honest and gossip.arrived(event.peer, event.link, portion, clock.now_us())
        await trio.lowlevel.checkpoint()
    if event.sync and honest:
        gossip.compared(event.peer, event.link, event.sync, clock.now_us())
        await trio.lowlevel.checkpoint()


async def _release(gossip: Gossip, clock: Clock) -> None:
    while True:
        wait_us = gossip.release(clock.now_us())
        if wait_us is None:
            await gossip.news_waits.wait()
        else:
            await trio.sleep(max(wait_us, PAUSE_US) / US)
