"""Whether a payee has the domain that its request names: looked up by this node, and remembered.

Whoever may hand in requests may name domains. So each domain is asked at most once in RETRY_US,
whatever payees are said to have it, and few are asked at a time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import trio

from proto.domain import MAX_DOCUMENT_BYTES, WELL_KNOWN, DomainProof, nodes_of
from proto.keys import NodeId
from proto.request_parts import is_domain
from proto.wire import WireFault
from runtime.clock import Clock
from runtime.web_client import Answer, Failed, WebClient

K = TypeVar("K")
V = TypeVar("V")

US: Final = 1_000_000
KEPT_US: Final = 86_400 * US  # that it holds: so long a domain that was lost is still shown
RETRY_US: Final = 3600 * US  # that it does not: whoever sets one up sees it within the hour
LOOK_UP_S: Final = 10.0  # a site that takes longer has other worries
PATIENCE_S: Final = 2.0  # of somebody before a page
MAX_AT_ONCE: Final = 8
MAX_UNDER_WAY: Final = 64  # domains: beyond it one counts as not shown, for now
MAX_WAITING: Final = 256  # for domains that are being asked already
MAX_DOCUMENTS: Final = 512  # of at most 32 proofs of some 400 bytes: 7 MB
MAX_KNOWN: Final = 8192  # some 3 MB


@dataclass(frozen=True, slots=True)
class Known:
    """What a look-up has found: whether the domain's document names the payee."""

    payee: NodeId
    domain: str
    checked_at_us: int
    holds: bool


class Memory(Protocol):
    """Keeps what was found; the node's books do so, or `ShortMemory`."""

    def recall(self, payee: NodeId, domain: str) -> Known | None:
        """The last that was kept of them, however old."""
        ...

    async def keep(self, known: Known) -> None:
        """In place of what was kept before. Does not raise."""
        ...


class ShortMemory:
    """Until the process ends, and of the last MAX_KNOWN alone."""

    def __init__(self) -> None:
        self._known: dict[tuple[NodeId, str], Known] = {}

    def recall(self, payee: NodeId, domain: str) -> Known | None:
        return self._known.get((payee, domain))

    async def keep(self, known: Known) -> None:
        _put(self._known, (known.payee, known.domain), known, MAX_KNOWN)


def well_known_url(domain: str) -> str:
    """Where a domain's document lies."""
    return f"https://{domain}{WELL_KNOWN}"


class DomainProofs:
    """Looks proofs of domains up; owned by one trio loop."""

    def __init__(
        self,
        client: WebClient,
        clock: Clock,
        memory: Memory,
        url_of: Callable[[str], str] = well_known_url,
    ) -> None:
        """`url_of`: a domain's document, for demonstrations on another port."""
        self._client = client
        self._clock = clock
        self._memory = memory
        self._url_of = url_of
        self._limiter = trio.CapacityLimiter(MAX_AT_ONCE)
        self._under_way: dict[str, trio.Event] = {}
        self._documents: dict[str, _Document] = {}
        self._waiting = 0
        self._nursery: trio.Nursery | None = None

    async def run(self) -> None:
        """Until cancelled: look-ups are this task's, and go on when whoever asked has gone.

        Without it they are made by whoever asks first.
        """
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            try:
                await trio.sleep_forever()
            finally:
                self._nursery = None

    def known(self, payee: NodeId, domain: str) -> bool | None:
        """What is remembered and not too old; None where it has to be looked up."""
        found = self._memory.recall(payee, domain)
        if found is None:
            return None
        life_us = KEPT_US if found.holds else RETRY_US
        return found.holds if self._fresh(found.checked_at_us, life_us) else None

    async def holds(self, payee: NodeId, domain: str) -> bool:
        """Whether the domain shows a proof that the payee signed; takes at most some LOOK_UP_S for
        each of those before it. What cannot be asked does not hold; too much at a time neither,
        but that is not remembered."""
        if not is_domain(domain):
            return False
        known = self.known(payee, domain)
        if known is not None:
            return known
        document = await self._document(domain)
        if document is None:
            return False
        now_us = self._clock.now_us()
        holds = any(p.node == payee and p.until_us > now_us for p in document.proofs)
        await self._memory.keep(Known(payee, domain, document.read_at_us, holds))
        return holds

    async def shown(self, payee: NodeId, domain: str) -> bool:
        """As `holds`, for somebody before a page: after PATIENCE_S no, and the next time perhaps
        yes, as the look-up goes on (where `run` does)."""
        with trio.move_on_after(PATIENCE_S):
            return await self.holds(payee, domain)
        return False

    async def _document(self, domain: str) -> "_Document | None":
        while True:
            found = self._documents.get(domain)
            if found is not None and self._fresh(found.read_at_us, RETRY_US):
                return found
            under_way = self._under_way.get(domain)
            if under_way is None:
                break
            if self._waiting >= MAX_WAITING:
                return None
            self._waiting += 1
            try:
                await under_way.wait()
            finally:
                self._waiting -= 1
        if len(self._under_way) >= MAX_UNDER_WAY:
            return None
        ended = self._under_way[domain] = trio.Event()
        if self._nursery is None:
            await self._ask(domain)
        else:
            self._nursery.start_soon(self._ask, domain)
            await ended.wait()
        return self._documents.get(domain)

    async def _ask(self, domain: str) -> None:
        try:
            async with self._limiter:
                found = await self._look_up(domain)
            _put(self._documents, domain, found, MAX_DOCUMENTS)
        finally:
            # Whoever waits looks again: where this one was cancelled, the next of them asks.
            self._under_way.pop(domain).set()

    async def _look_up(self, domain: str) -> "_Document":
        url = self._url_of(domain)
        found = await self._client.get(url, most=MAX_DOCUMENT_BYTES, within_s=LOOK_UP_S)
        now_us = self._clock.now_us()
        match found:
            case Answer(body=body):
                try:
                    return _Document(now_us, nodes_of(body, domain))
                except WireFault:
                    return _Document(now_us, ())
            case Failed():
                return _Document(now_us, ())

    def _fresh(self, at_us: int, life_us: int) -> bool:
        # A time that lies ahead was taken by a clock that has been set back since.
        return 0 <= self._clock.now_us() - at_us < life_us


@dataclass(frozen=True, slots=True)
class _Document:
    """What a domain shows; nothing, where it shows none or was not reached."""

    read_at_us: int
    proofs: tuple[DomainProof, ...]


def _put(kept: dict[K, V], key: K, value: V, most: int) -> None:
    """The oldest makes room."""
    kept.pop(key, None)
    kept[key] = value
    if len(kept) > most:
        del kept[next(iter(kept))]
