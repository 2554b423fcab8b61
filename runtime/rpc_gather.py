"""Unary calls that are answered together: whatever has arrived meanwhile is one group.

A task, a future and two wake-ups of threads for each call cost more than most answers. Here a call
costs a place in a queue, and a group costs what one call used to.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import grpc
import outcome
import trio
from google.protobuf.message import Message

from runtime.bridge import Bridge
from runtime.rpc import Gathered, RpcRefused
from runtime.rpc_wire import Status, parse, serialise

log = logging.getLogger(__name__)

Ended = tuple[bytes | None, Status | None]

_STOPPING: Final[Ended] = (None, (grpc.StatusCode.UNAVAILABLE, "shutting down"))
_BUG: Final[Ended] = (None, (grpc.StatusCode.INTERNAL, "internal error"))


class _Call:
    """One call that waits."""

    __slots__ = ("answered", "peer", "raw")

    def __init__(self, raw: bytes, peer: str, answered: "asyncio.Future[Ended]") -> None:
        self.raw = raw
        self.peer = peer
        self.answered = answered


class Gatherer:
    """The calls of one method. A caller that leaves loses its answer, never the others theirs.

    Queue and counters are owned by asyncio: calls that trio has no hands for wake nobody.
    """

    def __init__(
        self, bridge: Bridge, nursery: trio.Nursery, name: str, method: Gathered[Any, Any]
    ) -> None:
        self._bridge = bridge
        self._nursery = nursery
        self._name = name
        self._method = method
        self._waiting: deque[_Call] = deque()
        self._beginning = False
        self._running = 0

    async def answer(self, raw: bytes, peer: str) -> Ended:
        """The response's bytes, or the status that is the answer."""
        loop = asyncio.get_running_loop()
        call = _Call(raw, peer, loop.create_future())
        self._waiting.append(call)
        if not self._beginning and self._running < self._method.at_once:
            # Not at once: what else this turn of the loop has received comes along.
            self._beginning = True
            loop.call_soon(self._begin)
        return await call.answered

    def _begin(self) -> None:
        self._beginning = False
        while self._waiting and self._running < self._method.at_once:
            group = self._next_group()
            self._running += 1
            if not self._bridge.to_trio.put(partial(self._start, group)):
                self._running -= 1
                _resolve(group, [])

    def _next_group(self) -> list[_Call]:
        group: list[_Call] = []
        room = self._method.group_bytes
        while self._waiting and (not group or room >= len(self._waiting[0].raw)):
            group.append(self._waiting.popleft())
            room -= len(group[-1].raw)
        return group

    def _end(self, group: Sequence[_Call], ended: Sequence[Ended]) -> None:
        self._running -= 1
        _resolve(group, ended)
        self._begin()

    def _start(self, group: Sequence[_Call]) -> None:
        """On trio."""
        try:
            self._nursery.start_soon(self._run, group)
        except RuntimeError:  # the nursery has closed: too late, as if the run had ended
            self._bridge.to_asyncio.put(partial(self._end, group, []))

    async def _run(self, group: Sequence[_Call]) -> None:
        """On trio."""
        ended: list[Ended] = []
        try:
            ended = await self._answer(group)
        finally:
            self._bridge.to_asyncio.put(partial(self._end, group, ended))

    async def _answer(self, group: Sequence[_Call]) -> list[Ended]:
        read = [outcome.capture(parse, self._method.request_type, call.raw) for call in group]
        asked = [
            (request.value, call.peer)
            for request, call in zip(read, group, strict=True)
            if isinstance(request, outcome.Value)
        ]
        captured = await outcome.acapture(self._method.handler, asked)
        if isinstance(captured, outcome.Error):
            if not isinstance(captured.error, Exception):
                captured.unwrap()  # a cancellation keeps unwinding
            log.error("bug in the handler of %s", self._name, exc_info=captured.error)
            return [_BUG] * len(group)
        answers = iter(captured.value)
        return [
            _ended(next(answers) if isinstance(request, outcome.Value) else request.error)
            for request in read
        ]


def _ended(answer: Message | bytes | BaseException) -> Ended:
    if isinstance(answer, RpcRefused):
        return None, (answer.code, answer.detail)
    assert not isinstance(answer, BaseException), answer
    return serialise(answer), None


def _resolve(group: Sequence[_Call], ended: Sequence[Ended]) -> None:
    """`ended` is empty where nobody has answered: everything comes to its end."""
    for call, one in zip(group, ended or [_STOPPING] * len(group), strict=True):
        if not call.answered.done():  # its caller has left
            call.answered.set_result(one)
