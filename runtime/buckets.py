"""Token buckets for each part of the net that asks a public daemon anything. Pure.

A bucket is one number: when what was taken will have been earned back. So a full one is the same
as none, and forgetting it forgets nothing.
"""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import unquote

US: Final = 1_000_000
IPV4_PREFIX: Final = 24  # what one customer of a hosting company gets at most, as a rule
IPV6_PREFIX: Final = 48  # one site: within it addresses are free
MAX_BUCKETS: Final = 65_536  # some 10 MB; beyond it whoever took nothing for longest is forgotten
UNKNOWN: Final = "?"  # whoever has no address shares one bucket
LOCAL: Final = "local"  # a proxy on this machine has to limit its own callers

Network = IPv4Network | IPv6Network


def prefix_of(peer: str) -> str:
    """The part of the net that gRPC's name of a caller lies in: "203.0.113.0/24".

    "ipv4:203.0.113.7:5000", "ipv6:%5B2001:db8::1%5D:5000" and "unix:..." are its names; a bare
    address is read too.
    """
    kind, colon, rest = peer.partition(":")
    if kind == "unix":
        return LOCAL
    if kind in ("ipv4", "ipv6") and colon:
        peer = unquote(rest).rpartition(":")[0].strip("[]")
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return UNKNOWN
    mapped = getattr(address, "ipv4_mapped", None)
    if mapped is not None:
        address = mapped  # one caller, whichever way the socket was opened
    if address.is_loopback:
        return LOCAL
    length = IPV4_PREFIX if address.version == 4 else IPV6_PREFIX
    return str(ip_network((address, length), strict=False))


class Buckets:
    """Owned by one thread; `now_us` is monotonic."""

    def __init__(self, per_s: int, burst: int, exempt: Iterable[Network] = ()) -> None:
        """`per_s` tokens are earned by each prefix in a second, at most `burst` are kept."""
        assert per_s > 0 and burst > 0, (per_s, burst)
        self._per_s = per_s
        self._burst = burst
        self._exempt = tuple(exempt)
        self._until_us: dict[str, int] = {}  # when the bucket is full again; oldest takers first
        self._free: dict[str, bool] = {}

    def __len__(self) -> int:
        return len(self._until_us)

    def take(self, prefix: str, cost: int, now_us: int) -> bool:
        """Whether `cost` tokens are there; then they are gone. More than all cost all."""
        if self.is_exempt(prefix):
            return True
        used_us = max(0, self._until_us.get(prefix, 0) - now_us)
        cost_us_ceil = -(-min(cost, self._burst) * US // self._per_s)
        if used_us + cost_us_ceil > self._full_us:
            return False
        # To the end: the first is the one that has taken nothing for longest.
        self._until_us.pop(prefix, None)
        self._until_us[prefix] = now_us + used_us + cost_us_ceil
        self._bound()
        return True

    def wait_us(self, prefix: str, cost: int, now_us: int) -> int:
        """How long until `take` says yes, rounded up; 0: now."""
        used_us = max(0, self._until_us.get(prefix, 0) - now_us)
        cost_us_ceil = -(-min(cost, self._burst) * US // self._per_s)
        return max(0, used_us + cost_us_ceil - self._full_us)

    @property
    def _full_us(self) -> int:
        return -(-self._burst * US // self._per_s)

    def _bound(self) -> None:
        while len(self._until_us) > MAX_BUCKETS:
            # Whoever commands more prefixes than this gets a fresh bucket a little sooner; what is
            # admitted in all is bounded by the queue, not here.
            del self._until_us[next(iter(self._until_us))]

    def is_exempt(self, prefix: str) -> bool:
        """Whether callers from there are never limited."""
        if prefix == LOCAL:
            return True
        known = self._free.get(prefix)
        if known is None:
            known = self._look_up(prefix)
            if len(self._free) >= MAX_BUCKETS:
                self._free.clear()
            self._free[prefix] = known
        return known

    def _look_up(self, prefix: str) -> bool:
        if prefix == UNKNOWN or not self._exempt:
            return False
        return any(_within(ip_network(prefix), exempt) for exempt in self._exempt)


def _within(network: Network, exempt: Network) -> bool:
    """A whole prefix is exempt or is not: what is narrower than one exempts nobody."""
    if isinstance(network, IPv4Network):
        return isinstance(exempt, IPv4Network) and network.subnet_of(exempt)
    return isinstance(exempt, IPv6Network) and network.subnet_of(exempt)
