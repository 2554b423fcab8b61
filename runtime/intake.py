"""What neighbours have sent and nobody has looked at yet: taken in turns, each at its own pace.

A neighbour that floods us fills its own lane; the others' are emptied as if it were silent. What
stays in a lane keeps its stream from being read (runtime.link.READ_AHEAD_FRAMES), so overload is
pushed back to its sender and never piles up here.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import trio

from proto.keys import NodeId
from proto.limits import US
from runtime.clock import Clock
from runtime.transport import BatchArrived, GossipArrived, LinkEvent, Taken

# Twice what two cores do for one neighbour at full speed; what is above it waits, unread.
MAX_MESSAGES_PER_S: Final = 20_000
# A whole network of 20,000 nodes is heard within the minute in which it may cost us a core.
MAX_ADVERTS_PER_S: Final = 5_000
# Of an advert: one that has twice as many may cost twice as many signature checks. That of a line
# has fewer; a registry's record may hold a hundred signatures.
SIGNED_BYTES: Final = 320
# A turn of a comparison may ask for half a megabyte, or for the hashes of sixty-four parts.
TURN_CHECKS: Final = 256
BURST_US: Final = US  # a second's worth at once: what gathers while a node starts or a disk stalls


@dataclass(slots=True)
class _Lane:
    """One neighbour's. `paid_until_us` is when what it was given will have been earned."""

    waiting: deque[tuple[LinkEvent, Taken]] = field(default_factory=deque)
    paid_until_us: int = 0


class Intake:
    """Lanes by neighbour. Used from trio; its clock is the monotonic one: steps do not matter."""

    def __init__(self, clock: Clock, per_s: int) -> None:
        """`per_s`: messages (or adverts) of one neighbour in a second, in the long run."""
        assert per_s > 0
        self._clock = clock
        self._per_s = per_s
        self._lanes: dict[NodeId, _Lane] = {}
        self._turns: deque[NodeId] = deque()  # who has something waiting; whose turn is next
        self._arrived = trio.Event()

    def put(self, event: LinkEvent, taken: Taken) -> None:
        """`taken` is called once the event has been taken: only then its stream is read on."""
        lane = self._lanes.get(event.peer)
        if lane is None:
            lane = self._lanes[event.peer] = _Lane()
        if not lane.waiting:
            self._turns.append(event.peer)
        lane.waiting.append((event, taken))
        self._arrived.set()

    def take(self) -> LinkEvent | None:
        """The next event whose turn it is; None where nothing waits or all have to wait."""
        now_us = self._clock.monotonic_us()
        for _ in range(len(self._turns)):
            peer = self._turns[0]
            lane = self._lanes[peer]
            if lane.paid_until_us > now_us + BURST_US:
                self._turns.rotate(-1)
                continue
            self._turns.popleft()
            event, taken = lane.waiting.popleft()
            if lane.waiting:
                self._turns.append(peer)
            cost_us = _messages(event) * US // self._per_s
            lane.paid_until_us = max(lane.paid_until_us, now_us) + cost_us
            taken()
            return event
        return None

    def wait_us(self) -> int | None:
        """How long until `take` gives something; None where nothing waits."""
        if not self._turns:
            return None
        first_us = min(self._lanes[peer].paid_until_us for peer in self._turns)
        return max(0, first_us - self._clock.monotonic_us() - BURST_US)

    async def next(self) -> LinkEvent:
        """As `take`, when there is something. For one task."""
        while (event := self.take()) is None:
            wait_us = self.wait_us()
            self._arrived = trio.Event()
            with trio.move_on_after(float("inf") if wait_us is None else wait_us / US):
                await self._arrived.wait()
        return event

    def clear(self) -> Iterator[LinkEvent]:
        """Empties all lanes; what was in them, in each lane's order."""
        for peer in self._turns:
            lane = self._lanes[peer]
            while lane.waiting:
                event, taken = lane.waiting.popleft()
                taken()
                yield event
        self._turns.clear()


def _messages(event: LinkEvent) -> int:
    """What an event counts for: messages, or signature checks. Nothing at all costs a look."""
    match event:
        case BatchArrived():
            return max(1, len(event.envelopes))
        case GossipArrived():
            checks = sum(1 + len(data) // SIGNED_BYTES for data in event.adverts)
            return max(1, checks + (TURN_CHECKS if event.sync else 0))
        case _:
            return 0
