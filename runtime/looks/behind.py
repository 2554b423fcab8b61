"""Who asks, where a proxy stands before the page: the address that the proxy itself has seen.

X-Forwarded-For is what callers say of themselves but for its last entries: each proxy adds whom it
was called by. So an entry is counted from the end, and only a proxy may have sent it.
"""

from ipaddress import ip_address
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from runtime.looks import MAX_PROXIES

MAX_ADDRESS_CHARS: Final = 64  # more than IPv6 with a zone needs
FORWARDED: Final = b"x-forwarded-for"


def behind(app: ASGIApp, proxies: int) -> ASGIApp:
    """The app, told of callers as the first of `proxies` proxies before it saw them; 0: as is.

    Believed is nobody but a proxy of this machine or of a private network: whoever reaches the
    page past its proxies stays who he is. Of a header that is too short or none nothing changes.
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
    """Whom the first of so many proxies was called by; None where they do not say."""
    lines = [value for name, value in headers if name.lower() == FORWARDED]
    entries = b",".join(lines).decode("latin-1").split(",")
    if len(entries) < proxies:
        return None
    return entries[-proxies].strip()[:MAX_ADDRESS_CHARS] or None


def _is_near(address: str) -> bool:
    try:
        read = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    read = getattr(read, "ipv4_mapped", None) or read
    return read.is_private or read.is_loopback
