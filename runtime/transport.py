"""Streams between neighbours, as the node sees them: opaque bytes, events, no money.

Numbers, acknowledgements and resending are the node's (protocol 8); the transport only promises
that what it delivers on one link is in order and from the peer it names.
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from proto.keys import NodeId
from proto.limits import MAX_ENVELOPE_BYTES

MAX_FRAME_ENVELOPES: Final = 64  # x24 over single messages; more gains little and costs latency
MAX_FRAME_BYTES: Final = 1 << 20  # 16 KiB an envelope; what one peer can make us parse at once
WINDOW_FRAMES: Final = 8  # unacknowledged ones that the node may have on the way
MAX_WINDOW_ENVELOPES: Final = WINDOW_FRAMES * MAX_FRAME_ENVELOPES
MAX_QUEUED_ADVERTS: Final = 65_536  # a whole graph's; beyond it the peer has stopped reading
MAX_PEERS: Final = 1024  # each costs a connection, a task or two and its windows

assert MAX_ENVELOPE_BYTES < MAX_FRAME_BYTES


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """What a peer may send at once; an operator may ask for less than the wire admits."""

    frame_bytes: int = MAX_FRAME_BYTES
    envelope_bytes: int = MAX_ENVELOPE_BYTES


ALL_ADMITTED: Final = FrameLimits()


class GossipWish(enum.IntEnum):
    """How a neighbour wants to be told adverts. The numbers travel in Hello."""

    EVERYTHING = 0  # once at the start, then what is new: it knows no other way
    COMPARED = 1  # what it lacks, found by turns (runtime.gossip_sync), then what is new
    NOTHING = 2  # it asks somebody else for routes

    @classmethod
    def of(cls, number: int) -> "GossipWish":
        """What a Hello says; a wish that we do not know is one for everything."""
        return cls(number) if number <= max(cls) else cls.EVERYTHING


class LinkCause(enum.IntEnum):
    """Why a link ended. The numbers travel in Goodbye; causes from 32 on are HelloFault's."""

    LOST = 1  # network, or the peer's death
    REPLACED = 2  # by a newer link of the same peer
    CLOSED_BY_PEER = 3  # it said Goodbye
    PEER_REMOVED = 4  # no longer among our peers
    SHUTDOWN = 5  # our own
    FRAME_TOO_BIG = 6  # the rest: the peer broke a rule
    TOO_MANY_ENVELOPES = 7
    MALFORMED = 8
    NOT_READING = 9
    BAD_SIGNATURE = 10
    BAD_NUMBER = 11
    BAD_MESSAGE = 12


@dataclass(frozen=True, slots=True)
class PeerEndpoint:
    """How a neighbour is known: its TLS certificate (DER) and where to dial it, if known."""

    certificate_der: bytes
    address: str | None  # "host:port"


@dataclass(frozen=True, slots=True)
class LinkUp:
    """A verified stream; `have` and `sent` are the peer's positions, as its Hello says."""

    peer: NodeId
    link: int  # distinguishes successive links; never used twice
    have: int
    sent: int
    gossip: GossipWish = GossipWish.EVERYTHING


@dataclass(frozen=True, slots=True)
class LinkDown:
    """Exactly one follows each LinkUp, and nothing of that link follows it."""

    peer: NodeId
    link: int
    cause: LinkCause


@dataclass(frozen=True, slots=True)
class BatchArrived:
    """Envelopes numbered from `first` on, perhaps none, and the peer's acknowledgement."""

    peer: NodeId
    link: int
    first: int
    envelopes: tuple[bytes, ...]
    ack: int


@dataclass(frozen=True, slots=True)
class GossipArrived:
    """Adverts, unverified: each is signed by whom it speaks of, not by the peer. After them a turn
    of a comparison (GossipSync), or nothing."""

    peer: NodeId
    link: int
    adverts: tuple[bytes, ...]
    sync: bytes = b""


LinkEvent = LinkUp | LinkDown | BatchArrived | GossipArrived

Taken = Callable[[], object]
"""Called once the node is done with an event: one more frame of its link may be read."""

Positions = Callable[[NodeId], tuple[int, int]]
"""(have, sent) of a peer: highest number durably received from it, highest ever given to it."""


class Transport(Protocol):
    """Used from trio only. What names a link that is over is ignored: its LinkDown is coming."""

    async def take(self) -> tuple[LinkEvent, Taken]:
        """The next event, and what to call once the node is done with it.

        Of one link only so many frames are read ahead; where the node is slow, or slows one
        neighbour down, that neighbour's stream fills up and the others' do not.
        """
        ...

    def send(
        self, peer: NodeId, link: int, first: int, envelopes: Sequence[bytes], ack: int
    ) -> None:
        """Queues envelopes numbered from `first` on; an empty sequence only acknowledges.

        Never blocks. At most MAX_WINDOW_ENVELOPES may be unacknowledged: more is our bug.
        """
        ...

    def gossip(self, peer: NodeId, link: int, adverts: Sequence[bytes]) -> None:
        """Queues adverts. A peer that does not read them loses the link (NOT_READING)."""
        ...

    def sync(self, peer: NodeId, link: int, data: bytes) -> None:
        """Queues a turn of a comparison behind the adverts: GossipSync, at most MAX_SYNC_BYTES."""
        ...

    def drop(self, peer: NodeId, link: int, cause: LinkCause) -> None:
        """Ends a link whose peer broke the protocol; it may come back with a new one."""
        ...

    def set_peers(self, peers: Mapping[NodeId, PeerEndpoint]) -> None:
        """From now on exactly these. Who is missing loses its live link (PEER_REMOVED).

        Raises BadCertificate, and then changes nothing.
        """
        ...


class SinkTransport(Transport, Protocol):
    """A transport that hands over what arrives, with no task between."""

    def hand_to(self, sink: Callable[[LinkEvent, Taken], None]) -> None:
        """From now on `sink` gets what `take` would give. It is called on trio, must not raise."""
        ...
