"""Who asks, where a proxy stands before the page: the address that the proxy itself has seen.

X-Forwarded-For is what callers say of themselves but for its last entries: each proxy adds whom it
was called by. So an entry is counted from the end, and only a proxy may have sent it.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from runtime.looks import MAX_PROXIES

MAX_ADDRESS_CHARS: Final = 64  # more than IPv6 with a zone needs
FORWARDED: Final = b"x-forwarded-for"
NOBODY: Final = "?"  # whoever comes without an address that can be read shares what strangers may


def behind(app: ASGIApp, proxies: int) -> ASGIApp:
    """The app, told of callers as the first of `proxies` proxies before it saw them; 0: as is.

    Believed is nobody but a proxy of this machine or of a private network: whoever reaches the
    page past its proxies stays who he is. Without a header nothing changes.
    """
    assert 0 <= proxies <= MAX_PROXIES, proxies
    if not proxies:
        return app

    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if scope["type"] == "http" and client and _is_near(client[0]):
            seen = forwarded(scope["headers"], proxies)
            if seen is not None:
                scope = {**scope, "client": (seen, 0)}
        await app(scope, receive, send)

    return told


def forwarded(headers: list[tuple[bytes, bytes]], proxies: int) -> str | None:
    """Whom the first of so many proxies was called by; None where there is no such header.

    Where it has fewer entries somebody has called an inner proxy himself: the first one is his.
    Nobody becomes a caller of this machine, who is not limited, by what a header says.
    """
    lines = [value for name, value in headers if name.lower() == FORWARDED]
    if not lines:
        return None
    entries = b",".join(lines).decode("latin-1").split(",")
    address = _bare(entries[-min(proxies, len(entries))].strip()[:MAX_ADDRESS_CHARS])
    read = _read(address)
    return NOBODY if read is None or read.is_loopback else address


def _bare(entry: str) -> str:
    """Without the port that some proxies add: "203.0.113.7:4711", "[2001:db8::1]:4711"."""
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry


def _read(address: str) -> IPv4Address | IPv6Address | None:
    try:
        read = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return getattr(read, "ipv4_mapped", None) or read


def _is_near(address: str) -> bool:
    read = _read(address)
    return read is not None and (read.is_private or read.is_loopback)
