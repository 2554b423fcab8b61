"""From the neighbours' streams into gossip: each neighbour at its own pace."""

from collections.abc import Callable

import trio

from runtime.clock import Clock
from runtime.gossip import Gossip
from runtime.intake import Intake
from runtime.transport import GossipArrived, LinkDown, LinkEvent, LinkUp, Taken


class Hearing:
    """What streams say about adverts goes to `gossip`, everything else to `others`. On trio."""

    def __init__(
        self,
        gossip: Gossip,
        clock: Clock,
        per_s: int,
        others: Callable[[LinkEvent, Taken], None],
        *,
        welcome: bool = True,
    ) -> None:
        """`per_s`: adverts of one neighbour in a second. `welcome` False: none is looked at."""
        self._gossip = gossip
        self._clock = clock
        self._intake = Intake(clock, per_s)
        self._others = others
        self._welcome = welcome

    def heard(self, event: LinkEvent, taken: Taken) -> None:
        """The transport's sink."""
        if isinstance(event, LinkUp) and event.gossip:
            self._gossip.greet(event.peer, event.link)
        if isinstance(event, LinkDown):
            self._gossip.parted(event.peer, event.link)
        if not isinstance(event, GossipArrived):
            self._others(event, taken)
        elif self._welcome:
            self._intake.put(event, taken)
        else:
            taken()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            event = await self._intake.next()
            assert isinstance(event, GossipArrived)
            now_us = self._clock.now_us()
            self._gossip.arrived(event.peer, event.link, event.adverts, now_us)
            await trio.lowlevel.checkpoint()
