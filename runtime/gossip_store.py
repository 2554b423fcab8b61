"""The adverts that are known: the newest of each subject, in bounded memory, ready to be compared.

Pure but for its size: no clock, no wire. Who is cut off where there is no room is decided fairly:
what has expired goes first, then adverts of the origin that has most. Nobody protected goes (this
node and its neighbours), and of one origin everybody keeps the same adverts, whatever their order.
"""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from proto.adverts import (
    FRAUD_KIND,
    LINE_KIND,
    NODE_KIND,
    RECORD_KIND,
    Advert,
    AdvertKey,
    LineAdvert,
    NodeAdvert,
    RecordAdvert,
)
from proto.envelope import Envelope
from proto.gossip_summary import Summary, key_id, version_of
from proto.registry_list import LIST_KIND
from proto.v1 import types_pb2 as pb
from proto.wire import parse
from runtime.gossip_limits import MAX_OF_A_KIND, GossipLimits

OWN_CAPS = {RECORD_KIND: MAX_OF_A_KIND, LIST_KIND: MAX_OF_A_KIND, FRAUD_KIND: MAX_OF_A_KIND}


@dataclass(frozen=True, slots=True)
class Held:
    """A verified advert and the exact bytes to pass on. `id` and `version` as stores compare."""

    key: AdvertKey
    advert: Advert
    data: bytes
    origin: bytes  # who signed it, or the registry of a record
    id: bytes
    version: bytes

    def replaces(self, known: "Held") -> bool:
        """Of two adverts of one subject: newer, or of the same age and preferred by everybody."""
        ours, theirs = self.advert, known.advert
        if isinstance(ours, RecordAdvert) and isinstance(theirs, RecordAdvert):
            # Its chain of roots must go on where the other's ends; a fork never counts.
            tied = (ours.record.roots, ours.sequence) == (theirs.record.roots, theirs.sequence)
            return ours.record.replaces(theirs.record) or (tied and self.version > known.version)
        return self.version > known.version


def hold(advert: Advert, data: bytes) -> Held:
    """`data`: the Envelope bytes that `advert` was read from."""
    key = kind, subject = advert.key
    match advert:
        case NodeAdvert():
            origin: bytes = advert.node
        case LineAdvert():
            origin = advert.promisor
        case _:
            origin = subject
    version = version_of(advert.sequence, _content(kind, data))
    return Held(key, advert, data, origin, key_id(kind, subject), version)


def _content(kind: str, data: bytes) -> bytes:
    """What of an advert its signer answers for: anybody can write the rest in other ways."""
    if kind == FRAUD_KIND:
        return b""  # any proof is as good as any other of its rank
    payload = Envelope.decode_unverified(data).payload
    return parse(pb.SignedRegistryRecord, payload).record if kind == RECORD_KIND else payload


class Store:
    """Owned by whoever gossips. `protected`: origins whose adverts are never pushed out.
    `forgotten` is told of each advert that goes without being replaced."""

    def __init__(
        self,
        limits: GossipLimits,
        protected: Callable[[bytes], bool],
        forgotten: Callable[[Advert], None] = lambda _: None,
    ) -> None:
        self.summary = Summary()
        self.bytes = 0  # of all adverts as they travel
        self.evicted = 0
        self._limits = limits
        self._protected = protected
        self._forgotten = forgotten
        self._held: dict[AdvertKey, Held] = {}
        self._by_id: dict[bytes, Held] = {}
        self._data: set[bytes] = set()
        self._of_kind: dict[str, int] = {}
        self._origins = _Origins()
        self._expiries: list[tuple[int, bytes]] = []  # a heap, with what was replaced still in it

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Held]:
        return iter(self._held.values())

    def __contains__(self, data: bytes) -> bool:
        """Whether exactly these bytes are held."""
        return data in self._data

    @property
    def full(self) -> bool:
        return len(self) >= self._limits.adverts or self.bytes >= self._limits.stored_bytes

    def get(self, key: AdvertKey) -> Held | None:
        return self._held.get(key)

    def by_id(self, item: bytes) -> Held | None:
        return self._by_id.get(item)

    def count(self, kind: str) -> int:
        """How many adverts of a kind are held."""
        return self._of_kind.get(kind, 0)

    def is_news(self, held: Held) -> bool:
        """Whether it is unknown, or replaces what is known."""
        known = self._held.get(held.key)
        return known is None or held.replaces(known)

    def put(self, held: Held, now_us: int) -> str | None:
        """Keeps what is news. Where there is no room: why, and nothing has changed for it."""
        known = self._held.get(held.key)
        if fault := self._make_room(held, known, now_us):
            return fault
        kind = held.key[0]
        if (known := self._held.get(held.key)) is not None:
            self._data.discard(known.data)
            self.bytes -= len(known.data)
        else:
            self._of_kind[kind] = self.count(kind) + 1
            if kind not in OWN_CAPS:
                self._origins.add(held.origin, held.key, held.id)
        self._held[held.key] = held
        self._by_id[held.id] = held
        self._data.add(held.data)
        self.bytes += len(held.data)
        self.summary.put(held.id, held.version)
        heapq.heappush(self._expiries, (held.advert.expires_at_us, held.id))
        if len(self._expiries) > 2 * len(self._held) + 1024:
            self._expiries = [(h.advert.expires_at_us, h.id) for h in self]
            heapq.heapify(self._expiries)
        return None

    def forget_expired(self, now_us: int) -> None:
        """Of what was replaced meanwhile only the entry in the heap goes."""
        while self._expiries and self._expiries[0][0] <= now_us:
            held = self._by_id.get(heapq.heappop(self._expiries)[1])
            if held is not None and held.advert.expires_at_us <= now_us:
                self._remove(held)

    def _remove(self, held: Held) -> None:
        kind = held.key[0]
        del self._held[held.key]
        del self._by_id[held.id]
        self._data.discard(held.data)
        self.bytes -= len(held.data)
        self._of_kind[kind] -= 1
        if kind not in OWN_CAPS:
            self._origins.remove(held.origin, held.key)
        self.summary.remove(held.id)
        self._forgotten(held.advert)

    # ------------------------------------------------------------------ room

    def _make_room(self, held: Held, known: Held | None, now_us: int) -> str | None:
        kind = held.key[0]
        if self._protected(held.origin) and kind not in OWN_CAPS:
            return self._room_of_origin(held, known)
        if known is None and self.count(kind) >= OWN_CAPS.get(kind, self._limits.adverts):
            self.forget_expired(now_us)
            if kind in OWN_CAPS and self.count(kind) >= OWN_CAPS[kind]:
                return f"at most {OWN_CAPS[kind]} of this kind are kept"
        if fault := self._room_of_origin(held, known):
            return fault
        more = len(held.data) - (len(known.data) if known else 0)
        if self._fits(more, known):
            return None
        self.forget_expired(now_us)
        known = self._held.get(held.key)
        while not self._fits(more, known):
            victim = self._victim(held)
            if victim is None or victim.key == held.key:
                return f"no more than {self._limits.adverts} adverts are kept"
            self._remove(victim)
            self.evicted += 1
        return None

    def _fits(self, more: int, known: Held | None) -> bool:
        count = len(self) + (known is None)
        within = self.bytes + more <= self._limits.stored_bytes
        return count <= self._limits.adverts and (within or more <= 0)

    def _room_of_origin(self, held: Held, known: Held | None) -> str | None:
        """Of one origin those with the smallest ids stay, so that all nodes keep the same ones."""
        kind, _ = held.key
        if known is not None or kind != LINE_KIND:
            return None
        if self._origins.count(held.origin) < self._limits.per_origin:
            return None
        last = self._origins.last(held.origin, apart_from=(NODE_KIND, held.origin))
        if last is None or held.id >= last[1]:
            return f"no more than {self._limits.per_origin} adverts of one node are kept"
        self._remove(self._held[last[0]])
        self.evicted += 1
        return None

    def _victim(self, held: Held) -> Held | None:
        """Of the origin that has most, where that is more than the new one's own would have."""
        most = self._origins.most(self._protected)
        if most is None or self._origins.count(most) <= self._origins.count(held.origin) + 1:
            return None
        return self._held[self._origins.newest(most)]


class _Origins:
    """Which adverts each origin has; who has most, at once, however many there are."""

    def __init__(self) -> None:
        self._of: dict[bytes, dict[AdvertKey, bytes]] = {}
        self._with: dict[int, dict[bytes, None]] = {}  # origins, by how many they have
        self._most = 0

    def count(self, origin: bytes) -> int:
        return len(self._of.get(origin, ()))

    def add(self, origin: bytes, key: AdvertKey, item: bytes) -> None:
        mine = self._of.setdefault(origin, {})
        before = len(mine)
        mine[key] = item
        self._move(origin, before, len(mine))

    def remove(self, origin: bytes, key: AdvertKey) -> None:
        mine = self._of[origin]
        before = len(mine)
        del mine[key]
        if not mine:
            del self._of[origin]
        self._move(origin, before, len(mine))

    def _move(self, origin: bytes, before: int, after: int) -> None:
        if before:
            del self._with[before][origin]
            if not self._with[before]:
                del self._with[before]
        if after:
            self._with.setdefault(after, {})[origin] = None
        self._most = max(self._most, after)
        while self._most and self._most not in self._with:
            self._most -= 1

    def most(self, apart_from: Callable[[bytes], bool]) -> bytes | None:
        """Who has most. It passes those `apart_from` names: our neighbours, so not many."""
        for count in range(self._most, 0, -1):
            for origin in self._with.get(count, ()):
                if not apart_from(origin):
                    return origin
        return None

    def newest(self, origin: bytes) -> AdvertKey:
        """The key that this origin came by last; its node's own advert only where it is alone."""
        mine = self._of[origin]
        found = (key for key in reversed(mine) if key[0] != NODE_KIND)
        return next(found, next(iter(mine)))

    def last(self, origin: bytes, apart_from: AdvertKey) -> tuple[AdvertKey, bytes] | None:
        """The key with the greatest id, and that."""
        mine = ((key, item) for key, item in self._of[origin].items() if key != apart_from)
        return max(mine, key=lambda entry: entry[1], default=None)
