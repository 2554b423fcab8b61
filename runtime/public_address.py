"""Which addresses of the net a daemon may call where a stranger has named the host. Pure.

A name can lead anywhere: to this machine, to the router, to a cloud's metadata at 169.254.169.254.
What is no public unicast address is refused, also where it is wrapped into an IPv6 one.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

# is_global leaves these in, and what it says changes with Python's release (RFC 6890, IANA).
_NOT_PUBLIC_IPV4: Final = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network: Linux takes 0.0.0.0 for itself
        "100.64.0.0/10",  # between a provider and its customers
        "192.0.0.0/24",  # protocol assignments; two hosts of it are said to be global
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays, given up
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_UNICAST_IPV6: Final = ip_network("2000::/3")  # all that was ever given out
_NOT_PUBLIC_IPV6: Final = tuple(
    ip_network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, ORCHID and others
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address of anybody's choice, through anybody's relay
        "3fff::/20",  # documentation
    )
)
# The well-known prefix of NAT64: how a host without IPv4 reaches one with it (RFC 6052).
_NAT64: Final = ip_network("64:ff9b::/96")


def is_public(text: str) -> bool:
    """Whether it is the address of a host that everybody on the internet can reach.

    Takes what getaddrinfo gives; anything else is not public.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return False  # it means something on this machine alone
        inner = _embedded(address)
        if inner is None:
            return _public_ipv6(address)
        address = inner
    return address.is_global and not any(address in net for net in _NOT_PUBLIC_IPV4)


def is_host(text: str) -> bool:
    """Whether it is an address at which one host may listen at all: no group, nor nowhere."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    inner = _embedded(address) if isinstance(address, IPv6Address) else None
    address = inner or address
    return not (address.is_multicast or address.is_unspecified)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 host that a packet to it ends at, where the net translates."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped


def _public_ipv6(address: IPv6Address) -> bool:
    unicast = address in _UNICAST_IPV6 and address.is_global
    return unicast and not any(address in net for net in _NOT_PUBLIC_IPV6)
