"""Calls to URLs that strangers have named: webhooks, and the proofs of domains.

Whoever names a URL chooses what this machine connects to and how long it waits there. Hence: https
alone, public addresses alone, the very address that was checked (no second look-up that could say
something else), no redirects, no cookies, no proxy of the environment, a bound on what is read,
and one deadline for all of it. Ports are free: the other side of a refused one learns nothing, as
nothing is said before its certificate has proved its name.
"""

import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

import trio

from proto.request_parts import MAX_URL_CHARS, is_domain, is_web_url
from runtime.public_address import is_host, is_public
from runtime.web_exchange import STATUS_ALONE, Asked, CallFailed, Failure, Said, exchange

DEADLINE_S: Final = 20.0  # the standard of webhooks advises 15 to 30
CONNECT_S: Final = 5.0  # for one address: the next one is then tried
MAX_ADDRESSES: Final = 4  # tried of those that a name has; IPv6 may be broken where IPv4 is not
MAX_ANSWER_BYTES: Final = 65_536  # the longest that anything here reads
# A name server that never answers holds a thread for half a minute. Those of strangers' names are
# counted apart, so that they do not take the threads that everything else needs.
MAX_LOOKUPS: Final = 16

LOCAL_HOST: Final = "localhost"

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""(host, port) -> its addresses as texts. OSError where there are none."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What may be called. `private`: addresses of this machine and network too; `plain`: http too;
    `trusted`: a file of certificates (PEM) instead of those that the machine trusts.

    Only an operator's own configuration says anything but PUBLIC, for tests and demonstrations.
    """

    private: bool = False
    plain: bool = False
    trusted: Path | None = None


PUBLIC: Final = Reach()


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx, with its body."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """`status`: of the HTTP answer, 0 without one."""

    why: Failure
    status: int = 0


class WebClient:
    """Makes such calls; owned by one trio loop. Nothing is kept between two calls."""

    def __init__(self, reach: Reach = PUBLIC, resolver: Resolver | None = None) -> None:
        """Raises OSError and ssl.SSLError where the file of trusted certificates is none."""
        self._reach = reach
        self._tls = ssl.create_default_context(cafile=reach.trusted)
        self._lookups = trio.CapacityLimiter(MAX_LOOKUPS)
        self._resolve = resolver or self._look_up

    async def get(
        self, url: str, *, most: int = MAX_ANSWER_BYTES, within_s: float = DEADLINE_S
    ) -> Answer | Failed:
        """Reads at most `most` bytes. Never raises for what the other side does."""
        return await self._call("GET", url, {}, b"", most, within_s)

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        most: int = STATUS_ALONE,
        within_s: float = DEADLINE_S,
    ) -> Answer | Failed:
        """As `get`, but the status alone is the answer, unless `most` says what to read after it.

        `headers`: names in lower case, values of printable ASCII.
        """
        return await self._call("POST", url, headers, body, most, within_s)

    async def _call(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
        most: int,
        within_s: float,
    ) -> Answer | Failed:
        parts = callable_parts(url, self._reach)
        if parts is None:
            return Failed(Failure.BAD_URL)
        asked = request_of(method, parts, headers, body)
        with trio.move_on_after(within_s):
            try:
                return _judged(await self._ask(parts, asked, most))
            except CallFailed as failed:
                return Failed(failed.why)
        return Failed(Failure.TIMED_OUT)

    async def _ask(self, parts: SplitResult, asked: Asked, most: int) -> Said:
        host, port = str(parts.hostname), port_of(parts)
        tcp = await _connect(await self._addresses(host, port), port)
        stream: trio.abc.Stream = tcp
        try:
            if parts.scheme == "https":
                stream = await _proved(tcp, self._tls, host)
            return await exchange(stream, asked, most)
        finally:
            # At once, without a farewell: the deadline may have come in the middle of a handshake.
            await trio.aclose_forcefully(tcp)

    async def _addresses(self, host: str, port: int) -> list[str]:
        """All checked: with one that is not public, none is called, as which of them answers can
        be of the stranger's choosing."""
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise CallFailed(Failure.NOT_FOUND) from error
        if not found:
            raise CallFailed(Failure.NOT_FOUND)
        fits = is_host if self._reach.private else is_public
        if not all(fits(address) for address in found):
            raise CallFailed(Failure.PRIVATE_ADDRESS)
        return found[:MAX_ADDRESSES]

    async def _look_up(self, host: str, port: int) -> list[str]:
        if host == LOCAL_HOST or host.endswith("." + LOCAL_HOST):
            return ["127.0.0.1"]  # RFC 6761 section 6.3; whether it may be called is asked next

        def ask() -> list[str]:
            return [
                str(where[0])
                for *_, where in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            ]

        return await trio.to_thread.run_sync(ask, abandon_on_cancel=True, limiter=self._lookups)


def callable_parts(url: str, reach: Reach) -> SplitResult | None:
    """The parts of a URL that may be called, as far as its text tells; None for any other.

    Good for refusing one at once where it is registered.
    """
    if len(url) > MAX_URL_CHARS or not is_web_url(url):
        return None
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" and not reach.plain:
        return None
    if parts.port == 0:
        return None
    if _is_address(host):
        return parts
    # A name without a dot is one of this network's own.
    return parts if is_domain(host) and ("." in host or reach.private) else None


def request_of(method: str, parts: SplitResult, headers: Mapping[str, str], body: bytes) -> Asked:
    """What is said, from the parts that were checked: a second parser could see another host."""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    fixed = {
        "host": parts.netloc,  # with the brackets of an IPv6 address
        "user-agent": "pledgeway",
        "accept-encoding": "identity",  # what is read is what is kept: nothing swells
        "connection": "close",
    }
    if method == "POST":
        fixed["content-length"] = str(len(body))
    return Asked(method, target, dict(headers) | fixed, body)


def port_of(parts: SplitResult) -> int:
    """That of a URL, or its scheme's."""
    return parts.port or (443 if parts.scheme == "https" else 80)


def _is_address(host: str) -> bool:
    try:
        return getattr(ip_address(host), "scope_id", None) is None
    except ValueError:
        return False


async def _connect(addresses: list[str], port: int) -> trio.SocketStream:
    """To the first that answers. They are addresses already: nobody is asked for them again."""
    for address in addresses:
        with trio.move_on_after(CONNECT_S), suppress(OSError):
            return await trio.open_tcp_stream(address, port)
    raise CallFailed(Failure.REFUSED)


async def _proved(
    tcp: trio.SocketStream, context: ssl.SSLContext, host: str
) -> trio.SSLStream[trio.SocketStream]:
    stream = trio.SSLStream(tcp, context, server_hostname=host, https_compatible=True)
    try:
        await stream.do_handshake()
    except trio.BrokenResourceError as error:
        raise CallFailed(Failure.TLS) from error
    return stream


def _judged(said: Said) -> Answer | Failed:
    if said.status // 100 == 2:
        return Answer(said.status, said.body)
    why = Failure.REDIRECTED if said.status // 100 == 3 else Failure.BAD_STATUS
    return Failed(why, said.status)
