"""How much gossip one origin, and all together, may cost this node; and who is above it just now.

An origin is whoever signed an advert. Identities are free, so these bounds stop a node that says
too much of itself; what one neighbour may make us check in a second bounds all that it passes on.
"""

from dataclasses import dataclass
from typing import Final

from proto.limits import US

MINUTE_US: Final = 60 * US

# The node's own advert and its lines: all of MAX_PEERS neighbours in four brands.
MAX_ORIGIN_ADVERTS: Final = 4096
# Of one origin in the long run: twenty lines that are never at rest, anew each second. All that it
# may have is repeated within a sixth of REFRESH_US.
ORIGIN_ADVERTS_PER_MIN: Final = 1200
ORIGIN_BURST: Final = MAX_ORIGIN_ADVERTS  # all that it may have at once, as after its start
MAX_ADVERTS: Final = 200_000  # some 350 MB of memory: a network of 20,000 nodes
# As they travel, on average: a line has 250 bytes, a node a thousand, a registry more.
STORED_BYTES_EACH: Final = 640
MAX_STORED_BYTES: Final = MAX_ADVERTS * STORED_BYTES_EACH
# Registries make themselves known by records that anybody can make, lists likewise. Neither has an
# origin that could be held to a share, so the first ones stay.
MAX_OF_A_KIND: Final = 4096
# Above their origin's rate, the newest of each subject. Of one origin, and of all.
MAX_ORIGIN_WAITING: Final = 1024
MAX_WAITING: Final = 16_384  # 10 MB: sixteen origins that flood us at the same time


@dataclass(frozen=True, slots=True)
class GossipLimits:
    """What an owner may set. A million lines need some 1.7 GB: a path finder's to hold."""

    per_origin: int = MAX_ORIGIN_ADVERTS
    per_origin_per_min: int = ORIGIN_ADVERTS_PER_MIN
    burst: int = ORIGIN_BURST
    adverts: int = MAX_ADVERTS
    stored_bytes: int = MAX_STORED_BYTES


class Rates:
    """A bucket of tokens for each origin: one advert takes one. Times in µs of the wall clock."""

    def __init__(self, per_min: int, burst: int) -> None:
        assert per_min > 0 and burst > 0
        self._token_us = max(1, MINUTE_US // per_min)
        self._room_us = burst * self._token_us
        # When the bucket of an origin will be full again. One that is full is not kept.
        self._full_at_us: dict[bytes, int] = {}
        self._sweep_at = 1024

    def pay(self, origin: bytes, now_us: int) -> bool:
        """Takes a token, where there is one."""
        full_at_us = self._full_at(origin, now_us) + self._token_us
        if full_at_us > now_us + self._room_us:
            return False
        self._full_at_us[origin] = full_at_us
        if len(self._full_at_us) >= self._sweep_at:
            self._sweep(now_us)
        return True

    def free_at_us(self, origin: bytes, now_us: int) -> int:
        """When there is a token for this origin: now, or later."""
        return max(now_us, self._full_at(origin, now_us) + self._token_us - self._room_us)

    def _full_at(self, origin: bytes, now_us: int) -> int:
        known_us = self._full_at_us.get(origin, now_us)
        if known_us > now_us + self._room_us:
            # A clock that was set back must not shut anybody out for longer than a bucket lasts.
            known_us = self._full_at_us[origin] = now_us + self._room_us
        return max(known_us, now_us)

    def _sweep(self, now_us: int) -> None:
        self._full_at_us = {o: t for o, t in self._full_at_us.items() if t > now_us}
        self._sweep_at = max(1024, 2 * len(self._full_at_us))
