"""What two stores of adverts say to find their differences: questions and answers, by turns.

A message has at most MAX_SYNC_BYTES. The shapes that `read_sync` lets through are bounded, so that
whoever goes through one does a bounded amount of work. Raises WireFault for everything else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from proto.gossip_summary import FAN, ID_BYTES, VERSION_BYTES, is_prefix
from proto.v1 import node_pb2 as pb
from proto.wire import WireFault, parse

MAX_SYNC_BYTES: Final = 16_384  # what every neighbour admits, however little its owner allows
MAX_LOOKS: Final = 64  # in a turn: their answers have 200 bytes each and fit
MAX_WANTS: Final = 512  # in a turn: 6 KiB beside the looks
LIST_MAX: Final = 8  # of so few a part is told id by id: 224 bytes, where sixteen hashes are 192
MAX_LISTED: Final = 32  # that a list may have: another release may prefer longer ones
ITEM_BYTES: Final = ID_BYTES + VERSION_BYTES


@dataclass(frozen=True, slots=True)
class Look:
    """A question about a part. `digest` empty: it is known to differ. `give`: adverts at once."""

    prefix: str
    digest: bytes = b""
    give: bool = False


@dataclass(frozen=True, slots=True)
class Sight:
    """What the other has in a part: its sixteen hashes, or id -> version of all that lies in it.

    Neither: the same as the asker, or all that it has was given.
    """

    children: tuple[bytes, ...] = ()
    items: Mapping[bytes, bytes] | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """One turn of who drives. `full`: adverts of unknown keys are not welcome."""

    turn: int
    looks: tuple[Look, ...] = ()
    wants: tuple[bytes, ...] = ()
    full: bool = False

    def encode(self) -> bytes:
        looks = [pb.GossipLook(prefix=k.prefix, digest=k.digest, give=k.give) for k in self.looks]
        return pb.GossipSync(
            turn=self.turn, full=self.full, looks=looks, wants=self.wants
        ).SerializeToString()


@dataclass(frozen=True, slots=True)
class Answer:
    """To one turn, after the adverts that it asked for. `served`: of its wants, from the first."""

    turn: int
    sights: tuple[Sight, ...] = ()
    served: int = 0
    full: bool = False

    def encode(self) -> bytes:
        return pb.GossipSync(
            turn=self.turn,
            full=self.full,
            answer=True,
            served=self.served,
            sights=[_sight_to_message(sight) for sight in self.sights],
        ).SerializeToString()


def read_sync(data: bytes) -> Ask | Answer:
    """Reads what a neighbour says. Raises WireFault."""
    if len(data) > MAX_SYNC_BYTES:
        raise WireFault(f"a comparison of adverts has at most {MAX_SYNC_BYTES} bytes a turn")
    m = parse(pb.GossipSync, data)
    if max(len(m.looks), len(m.sights)) > MAX_LOOKS or len(m.wants) > MAX_WANTS:
        raise WireFault("a comparison of adverts with too much in a turn")
    if m.answer:
        if m.looks or m.wants:
            raise WireFault("a comparison of adverts that asks and answers at once")
        return Answer(m.turn, tuple(_sight(s) for s in m.sights), m.served, m.full)
    if m.sights or m.served:
        raise WireFault("a comparison of adverts that asks and answers at once")
    if any(len(item) != ID_BYTES for item in m.wants):
        raise WireFault(f"the id of an advert's key has {ID_BYTES} bytes")
    return Ask(m.turn, tuple(_look(look) for look in m.looks), tuple(m.wants), m.full)


def _look(message: pb.GossipLook) -> Look:
    if not is_prefix(message.prefix) or len(message.digest) not in (0, ID_BYTES):
        raise WireFault("a comparison of adverts that asks about no part")
    return Look(message.prefix, message.digest, message.give)


def _sight_to_message(sight: Sight) -> pb.GossipSight:
    listed = sight.items is not None
    items = b"".join(item + version for item, version in (sight.items or {}).items())
    return pb.GossipSight(children=b"".join(sight.children), items=items, listed=listed)


def _sight(message: pb.GossipSight) -> Sight:
    if message.listed:
        count, rest = divmod(len(message.items), ITEM_BYTES)
        if rest or count > MAX_LISTED or message.children:
            raise WireFault("a comparison of adverts with a list that is none")
        starts = range(0, len(message.items), ITEM_BYTES)
        entries = [message.items[start : start + ITEM_BYTES] for start in starts]
        return Sight(items={entry[:ID_BYTES]: entry[ID_BYTES:] for entry in entries})
    if message.items or len(message.children) not in (0, FAN * ID_BYTES):
        raise WireFault("a comparison of adverts with a wrong number of hashes")
    starts = range(0, len(message.children), ID_BYTES)
    return Sight(tuple(message.children[start : start + ID_BYTES] for start in starts))
