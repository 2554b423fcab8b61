"""Notices on their way to those who asked: signed, bounded, and told to whoever keeps the rows.

When one is said again, the rows of the core decide; here one that is under way is not begun a
second time, and one for which there is no room is left to its next turn.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final
from urllib.parse import urlsplit

import trio

from proto.keys import SigningKey
from proto.webhook import is_webhook_id, sign_webhook
from runtime.clock import Clock
from runtime.web_client import Answer, Failed, WebClient

MAX_AT_ONCE: Final = 16  # each is a socket for at most the client's deadline
MAX_PER_HOST: Final = 2  # a shop that is slow today holds up its own notices alone
MAX_UNDER_WAY: Final = 1024  # with those that wait for their turn: some 3 MB
US: Final = 1_000_000
GONE: Final = 410  # the receiver's word for: never again

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """`notice_id` (`is_webhook_id`) is the same in every try; `url` is one that was registered."""

    notice_id: str
    url: str
    body: bytes


@unique
class Outcome(Enum):
    """What one try has come to."""

    DELIVERED = "delivered"
    GONE = "gone"  # nobody there wants any
    FAILED = "failed"  # to be tried again


Told = Callable[[Outgoing, Outcome], Awaitable[None]]
"""Called once for each try that was made. It does not raise."""
Keys = Callable[[], Sequence[SigningKey]]
"""The keys that sign now, the newest first: several while receivers learn a new one."""


def outcome_of(found: Answer | Failed) -> Outcome:
    """Any 2xx is success; 410 ends it; whatever else there may be is tried again."""
    if isinstance(found, Answer):
        return Outcome.DELIVERED
    return Outcome.GONE if found.status == GONE else Outcome.FAILED


class Delivering:
    """Owned by one trio loop; `run` makes the tries that `offer` has taken."""

    def __init__(self, client: WebClient, keys: Keys, clock: Clock, told: Told) -> None:
        self._client = client
        self._keys = keys
        self._clock = clock
        self._told = told
        self._under_way: set[str] = set()  # ids; asked for membership alone
        self._all = trio.CapacityLimiter(MAX_AT_ONCE)
        self._hosts: dict[str, _Host] = {}
        self._send, self._receive = trio.open_memory_channel[Outgoing](MAX_UNDER_WAY)

    def offer(self, outgoing: Outgoing) -> bool:
        """Whether it is taken. It is not where it is under way already, or there is no room."""
        assert is_webhook_id(outgoing.notice_id)
        if outgoing.notice_id in self._under_way or len(self._under_way) >= MAX_UNDER_WAY:
            return False
        self._under_way.add(outgoing.notice_id)
        self._send.send_nowait(outgoing)
        return True

    @property
    def under_way(self) -> int:
        """How many tries are being made, or wait for their turn."""
        return len(self._under_way)

    async def run(self) -> None:
        """Until cancelled. Tries that are cut off so are told of by nobody, and made again."""
        async with trio.open_nursery() as nursery:
            async for outgoing in self._receive:
                nursery.start_soon(self._try, outgoing)

    async def _try(self, outgoing: Outgoing) -> None:
        try:
            outcome = await self._in_turn(outgoing)
        finally:
            self._under_way.discard(outgoing.notice_id)
        await self._told(outgoing, outcome)

    async def _in_turn(self, outgoing: Outgoing) -> Outcome:
        name = urlsplit(outgoing.url).hostname or ""
        host = self._hosts.setdefault(name, _Host(trio.CapacityLimiter(MAX_PER_HOST)))
        host.users += 1
        try:
            # First its own host's turn: whoever waits for that keeps nobody else from his.
            async with host.limiter, self._all:
                return await self._post(outgoing)
        finally:
            host.users -= 1
            if not host.users:
                del self._hosts[name]

    async def _post(self, outgoing: Outgoing) -> Outcome:
        # The time is that of this try: a receiver refuses what is older than five minutes.
        now_s = self._clock.now_us() // US
        signed = sign_webhook(self._keys(), outgoing.notice_id, now_s, outgoing.body)
        found = await self._client.post(
            outgoing.url, outgoing.body, signed | {"content-type": "application/json"}
        )
        outcome = outcome_of(found)
        if isinstance(found, Failed):
            why = found.why.value
            log.info("notice %s: %s (%d)", outgoing.notice_id, why, found.status)
        return outcome


class _Host:
    """How many use it now; without any it is forgotten."""

    __slots__ = ("limiter", "users")

    def __init__(self, limiter: trio.CapacityLimiter) -> None:
        self.limiter = limiter
        self.users = 0
