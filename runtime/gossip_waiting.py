"""Adverts above their origin's rate: the newest of each subject waits until its origin may speak.

They are verified, so nobody but their origin can put one here; of one origin and of all there is a
bound, beyond which a new subject is not kept: its origin says it again, or a comparison brings it.
"""

from collections.abc import Iterator

from proto.adverts import AdvertKey
from runtime.gossip_limits import MAX_ORIGIN_WAITING, MAX_WAITING, Rates
from runtime.gossip_store import Held


class Waiting:
    """In the order in which they came, for each origin."""

    def __init__(self, rates: Rates) -> None:
        self._rates = rates
        self._of: dict[bytes, dict[AdvertKey, Held]] = {}
        self._data: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._data)

    def __contains__(self, data: bytes) -> bool:
        """Whether exactly these bytes wait."""
        return data in self._data

    def get(self, held: Held) -> Held | None:
        """What waits of the same subject."""
        return self._of.get(held.origin, {}).get(held.key)

    def put(self, held: Held) -> bool:
        """Whether there is room. It takes the place of what waits of its subject."""
        mine = self._of.get(held.origin, {})
        known = mine.get(held.key)
        if known is None and (len(self) >= MAX_WAITING or len(mine) >= MAX_ORIGIN_WAITING):
            return False
        if known is not None:
            self._data.discard(known.data)
        self._of.setdefault(held.origin, mine)[held.key] = held
        self._data.add(held.data)
        return True

    def due(self, now_us: int) -> Iterator[Held]:
        """Takes out whatever its origin's rate now admits."""
        for origin, mine in list(self._of.items()):
            while mine and self._rates.pay(origin, now_us):
                held = mine.pop(next(iter(mine)))
                self._data.discard(held.data)
                yield held
            if not mine:
                del self._of[origin]

    def next_us(self, now_us: int) -> int | None:
        """When `due` gives something again; None where nothing waits."""
        times = (self._rates.free_at_us(origin, now_us) for origin in self._of)
        return min(times, default=None)
