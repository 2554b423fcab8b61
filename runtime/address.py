"""Where daemons listen and what is dialled: HOST:PORT as owners write it."""

from typing import Final

ANY_HOST: Final = frozenset({"0.0.0.0", "::"})
"""Hosts that one may listen on and that nobody can dial."""


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
