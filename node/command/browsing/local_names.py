"""Names under "localhost", for our own calls: each is this machine (RFC 6761, section 6.3).

A browser takes http://bank.localhost to loopback by itself; a C library often does not, and a
program in Python asks the C library.
"""

from typing import Final

import httpx

LOOPBACK: Final = "127.0.0.1"


class LocalNames(httpx.HTTPTransport):
    """httpx.Client(transport=LocalNames()) reaches http://bank.localhost:PORT."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return super().handle_request(_at_home(request))


class AsyncLocalNames(httpx.AsyncHTTPTransport):
    """httpx.AsyncClient(transport=AsyncLocalNames()) reaches http://bank.localhost:PORT."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await super().handle_async_request(_at_home(request))


def _at_home(request: httpx.Request) -> httpx.Request:
    """The same request, whose Host header was made of its name already, sent to loopback."""
    name = request.url.host
    if name != "localhost" and not name.endswith(".localhost"):
        return request
    return httpx.Request(
        request.method,
        request.url.copy_with(host=LOOPBACK),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": name},
    )
