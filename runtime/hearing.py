"""From the neighbours' streams into gossip: each neighbour at its own pace."""

from collections.abc import Callable

from runtime.clock import Clock
from runtime.gossip import Gossip
from runtime.gossip_turns import run_gossip
from runtime.intake import Intake
from runtime.transport import GossipArrived, GossipWish, LinkDown, LinkEvent, LinkUp, Taken


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
        """`per_s`: signature checks for one neighbour in a second. `welcome` False: no advert is
        looked at, as our Hello says (GossipWish.NOTHING)."""
        self._gossip = gossip
        self._clock = clock
        self._intake = Intake(clock, per_s)
        self._others = others
        self._welcome = welcome

    def heard(self, event: LinkEvent, taken: Taken) -> None:
        """The transport's sink."""
        if isinstance(event, LinkUp):
            self._greet(event)
        if isinstance(event, LinkDown):
            self._gossip.parted(event.peer, event.link)
        if not isinstance(event, GossipArrived):
            self._others(event, taken)
        elif self._welcome:
            self._intake.put(event, taken)
        else:
            taken()

    def _greet(self, event: LinkUp) -> None:
        wish = event.gossip
        if wish is GossipWish.COMPARED and not self._welcome:
            # It takes two to compare: whoever hears nothing says the little that is its own.
            wish = GossipWish.EVERYTHING
        self._gossip.greet(event.peer, event.link, wish, self._clock.now_us())

    async def run(self) -> None:
        """Until cancelled."""
        await run_gossip(self._gossip, self._intake.next, self._clock)
