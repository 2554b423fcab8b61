"""Numbered messages to and from neighbours: outbox, window, acknowledgement, resending.

This is the protocol's certified messaging (section 8). A message has its number from the
transaction that wrote it; it is sent after that transaction, repeated after every reconnect, and
forgotten once acknowledged. What arrives is processed once, in order, and acknowledged after its
effect is durable.
"""

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from node.core.view import MAX_PENDING_COUNT
from proto.keys import NodeId
from proto.limits import US
from runtime.transport import (
    MAX_FRAME_BYTES,
    MAX_FRAME_ENVELOPES,
    MAX_WINDOW_ENVELOPES,
    BatchArrived,
    LinkCause,
    LinkUp,
    Transport,
)

log = logging.getLogger(__name__)

# Promise, Accepted, two Claims, Denied, Abandon, Redeemed or Release, Passed: with some to spare.
MESSAGES_OF_A_PROMISE: Final = 8
# Of one neighbour. Beyond it the neighbour asks and does not listen: it is not heard either.
MAX_UNACKNOWLEDGED: Final = MESSAGES_OF_A_PROMISE * MAX_PENDING_COUNT

# So long an acknowledgement waits for a message that takes it along. The neighbour misses nothing
# meanwhile: it keeps what it has sent a little longer.
ACKNOWLEDGE_AFTER_US: Final = US // 20
# Messages of a neighbour that are durable and that it does not know to be. A window is four times
# as wide, so that it never waits for an acknowledgement that we withhold.
MAX_UNTOLD: Final = MAX_WINDOW_ENVELOPES // 4


@dataclass(slots=True)
class Neighbour:
    """What we know of the stream with one neighbour. Owned by the engine.

    `have`/`sent` are durable numbers; `seen`/`given` may run one group ahead of them.
    `outbox` holds what is not acknowledged, numbers `outbox_first`, +1, …; all of it is durable.
    """

    node: NodeId
    alias: str
    address: str
    certificate: bytes
    version: int
    have: int = 0
    sent: int = 0
    seen: int = 0
    given: int = 0
    outbox: deque[bytes] = field(default_factory=deque)
    outbox_first: int = 1
    rows: deque[tuple[int, int]] = field(default_factory=deque)  # (first, last) of outbox rows
    link: int | None = None
    told: int = 0  # the last of `have` that the peer has heard on the current link
    on_the_way: int = 0  # how many of the outbox have been handed to the current link
    deaf: bool = False  # nothing that it says on the current link is heard, acknowledgements apart

    @property
    def acknowledged(self) -> int:
        return self.outbox_first - 1


class Links:
    """All neighbours' streams. Every method runs on trio, called by the engine."""

    def __init__(self, transport: Transport, max_unacknowledged: int = MAX_UNACKNOWLEDGED) -> None:
        self._transport = transport
        self._max_unacknowledged = max_unacknowledged
        self.neighbours: dict[NodeId, Neighbour] = {}
        # Whom we owe an acknowledgement that could not go along with a message. No set: in the
        # order in which they came, a run from a seed repeats.
        self.owing: dict[NodeId, None] = {}
        self._owing_since_us: int | None = None

    def positions(self, peer: NodeId) -> tuple[int, int]:
        """(have, sent) for our Hello."""
        neighbour = self.neighbours.get(peer)
        return (neighbour.have, neighbour.sent) if neighbour else (0, 0)

    def up(self, event: LinkUp) -> list[int] | None:
        """A verified stream: the outbox rows that the peer has by now, which may be deleted.

        None: it cannot be used, and has been dropped.

        A peer that has received more than we ever sent, or sent more than it remembers, tells that
        one of the two runs on an old copy of its store. Going on would sign two histories.
        """
        neighbour = self.neighbours.get(event.peer)
        if neighbour is None:
            self._transport.drop(event.peer, event.link, LinkCause.PEER_REMOVED)
            return None
        if event.have > neighbour.sent:
            log.error(
                "%s has received %d messages from us, our store knows of %d: this store is an old "
                "copy; restore the newest one before running",
                neighbour.alias, event.have, neighbour.sent,
            )  # fmt: skip
        elif event.sent < neighbour.have:
            log.error(
                "%s says it has sent %d messages, we hold %d: its store is an old copy",
                neighbour.alias, event.sent, neighbour.have,
            )  # fmt: skip
        elif event.have >= neighbour.acknowledged:
            neighbour.link = event.link
            neighbour.on_the_way = 0
            neighbour.told = neighbour.have
            neighbour.deaf = False
            # What was applied but not yet durable when the last link fell comes again.
            neighbour.seen = max(neighbour.seen, neighbour.have)
            return _forget(neighbour, event.have)
        else:
            log.error("%s has forgotten messages that it had acknowledged", neighbour.alias)
        self._transport.drop(event.peer, event.link, LinkCause.BAD_NUMBER)
        return None

    def refuse(self, event: LinkUp, cause: LinkCause) -> None:
        """Ends a link that was never taken up; its peer dials again."""
        self._transport.drop(event.peer, event.link, cause)

    def down(self, peer: NodeId, link: int) -> bool:
        """Whether this was the link in use."""
        neighbour = self.neighbours.get(peer)
        if neighbour is None or neighbour.link != link:
            return False
        neighbour.link = None
        neighbour.on_the_way = 0
        return True

    def drop(self, peer: NodeId, cause: LinkCause) -> None:
        """Ends the current link of a peer that broke the protocol. It may come back."""
        neighbour = self.neighbours.get(peer)
        if neighbour is not None and neighbour.link is not None:
            self._transport.drop(peer, neighbour.link, cause)
            # What it still says on this link is not heard any more.
            neighbour.link = None
            neighbour.on_the_way = 0

    def acknowledge(self, event: BatchArrived) -> list[int] | None:
        """Takes the peer's acknowledgement: the outbox rows to delete, or None = a lie."""
        neighbour = self.neighbours[event.peer]
        if event.ack < neighbour.acknowledged:
            return []
        if event.ack > neighbour.acknowledged + neighbour.on_the_way:
            return None
        neighbour.on_the_way -= event.ack - neighbour.acknowledged
        return _forget(neighbour, event.ack)

    def is_deaf(self, peer: NodeId) -> bool:
        """Whether this peer asks without listening: its messages are left out until it has caught
        up, and are sent again on another link. That bounds the outbox, in memory and on disk."""
        neighbour = self.neighbours[peer]
        waiting = len(neighbour.outbox)
        if not neighbour.deaf and waiting >= self._max_unacknowledged:
            neighbour.deaf = True
            log.warning("%s has not acknowledged %d messages: not heard until it does",
                        neighbour.alias, waiting)  # fmt: skip
        elif neighbour.deaf and waiting <= self._max_unacknowledged // 2:
            self.drop(peer, LinkCause.LOST)
        return neighbour.deaf

    def durable(self, peer: NodeId, envelopes: Sequence[bytes], have: int) -> bool:
        """A group has been committed: these messages may leave, this position may be told.

        Whether the position is now owed: `tell_owed` is to be called soon.
        """
        neighbour = self.neighbours[peer]
        if envelopes:
            neighbour.outbox.extend(envelopes)
            neighbour.rows.append((neighbour.sent + 1, neighbour.sent + len(envelopes)))
            neighbour.sent += len(envelopes)
        neighbour.have = have
        self.pump(peer)
        if have - neighbour.told >= MAX_UNTOLD:
            self._tell(neighbour)
        elif have != neighbour.told and neighbour.link is not None:
            self.owing[peer] = None
            return True
        return False

    def pump(self, peer: NodeId) -> None:
        """Sends what the window admits, and with it what we have."""
        neighbour = self.neighbours[peer]
        if neighbour.link is None:
            return
        while (frame := self._next_frame(neighbour)) is not None:
            first, envelopes = frame
            self._transport.send(peer, neighbour.link, first, envelopes, neighbour.have)
            neighbour.on_the_way += len(envelopes)
            neighbour.told = neighbour.have

    def tell_owed(self, now_us: int) -> int | None:
        """Acknowledges by itself what no message of ours has acknowledged for long enough; gives
        how many µs to call again in, None where nothing is owed. The clock is the monotonic one."""
        if not self.owing:
            return None
        if self._owing_since_us is None:
            self._owing_since_us = now_us
        if (wait_us := self._owing_since_us + ACKNOWLEDGE_AFTER_US - now_us) > 0:
            return wait_us
        self._owing_since_us = None
        owing, self.owing = self.owing, {}
        for peer in owing:
            neighbour = self.neighbours.get(peer)
            if neighbour is not None and neighbour.told != neighbour.have:
                self._tell(neighbour)
        return None

    def _tell(self, neighbour: Neighbour) -> None:
        if neighbour.link is not None:
            first = neighbour.outbox_first + neighbour.on_the_way
            self._transport.send(neighbour.node, neighbour.link, first, (), neighbour.have)
            neighbour.told = neighbour.have

    def _next_frame(self, neighbour: Neighbour) -> tuple[int, list[bytes]] | None:
        start = neighbour.on_the_way
        room = min(MAX_WINDOW_ENVELOPES - start, MAX_FRAME_ENVELOPES, len(neighbour.outbox) - start)
        envelopes: list[bytes] = []
        size = 0
        for i in range(start, start + room):
            envelope = neighbour.outbox[i]
            size += len(envelope) + 8
            if envelopes and size > MAX_FRAME_BYTES // 2:
                break
            envelopes.append(envelope)
        return (neighbour.outbox_first + start, envelopes) if envelopes else None


def _forget(neighbour: Neighbour, number: int) -> list[int]:
    """Drops messages up to `number` from memory; gives the rows (by their first) that are done."""
    for _ in range(neighbour.outbox_first, number + 1):
        neighbour.outbox.popleft()
    neighbour.outbox_first = max(neighbour.outbox_first, number + 1)
    done = []
    while neighbour.rows and neighbour.rows[0][1] <= number:
        done.append(neighbour.rows.popleft()[0])
    return done
