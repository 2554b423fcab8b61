"""Where daemons listen and what is dialled: HOST:PORT as owners write it."""

import socket
from typing import Final

ANY_HOST: Final = frozenset({"0.0.0.0", "::"})
"""Hosts that one may listen on and that nobody can dial."""

SCHEMES: Final = frozenset(
    {"dns", "google-c2p", "ipv4", "ipv6", "unix", "unix-abstract", "vsock", "xds"}
)
"""What gRPC reads before a colon as another kind of address."""


def split_address(text: str) -> tuple[str, int] | None:
    """("host", port) of "host:port" or "[v6]:port"; None where it is neither."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        return None  # an IPv6 address needs its brackets, or nobody knows where the port begins
    if not colon or not host or not port.isascii() or not port.isdecimal() or len(port) > 5:
        return None
    return (host, int(port)) if int(port) <= 65_535 else None


def is_plain(text: str) -> bool:
    """Whether gRPC takes it as a host and a port, too. Whom a stranger's card sends us to is never
    a socket of this machine's ("unix:80"), nor whom another server names ("xds:80")."""
    where = split_address(text)
    return where is not None and where[0].lower() not in SCHEMES


def require_free(address: str) -> None:
    """OSError where somebody listens there: servers would say so too, but on many lines."""
    where = split_address(address)
    assert where is not None, address
    family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
    try:
        socket.create_server(where, family=family).close()
    except OSError as error:
        cause = str(error.strerror or error).partition(" (")[0]  # Python repeats the address there
        raise OSError(f"cannot listen on {address}: {cause}") from error
