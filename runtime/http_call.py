"""An HTTP connection that blocks in one thread, and that another thread may end."""

import http.client
import ssl
from contextlib import suppress
from socket import SHUT_RDWR
from urllib.parse import urlsplit


def connection_to(url: str, timeout_s: float) -> http.client.HTTPConnection:
    """To the host of `url`, not opened yet. `timeout_s`: of connecting and of each read.

    ValueError for a port that is none. An https server shows a certificate that the machine trusts.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context)
    return http.client.HTTPConnection(host, port, timeout=timeout_s)


def shut_down(connection: http.client.HTTPConnection | None) -> None:
    """From any thread: the one that reads from it wakes up."""
    socket = getattr(connection, "sock", None)
    if socket is not None:
        with suppress(OSError):
            socket.shutdown(SHUT_RDWR)
