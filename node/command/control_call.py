"""Talking to a running node over its control socket; imported only when there is one to talk to."""

import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import grpc
import outcome
import trio
from rich.status import Status

from node.command.display import console
from proto.v1 import control_pb2 as pb
from runtime.bridge import Bridge
from runtime.rpc_client import RpcChannel, RpcDeadline, RpcError, RpcFailed, RpcUnavailable

CALL: Final = "/pledgeway.v1.Control/Call"
FOLLOW: Final = "/pledgeway.v1.Control/Follow"
PATIENCE_S: Final = 2.0  # after it a person wants to know what is going on

T = TypeVar("T")


class Lost(Exception):
    """No answer came: whether the command took effect is not known. One line."""


class NotAnswered(Exception):
    """Whoever runs there has no such verb, and did nothing."""


class Progress:
    """What the person who waits is told, from `PATIENCE_S` on, on a terminal."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._status: Status | None = None

    def tell(self, text: str) -> None:
        """Replaces the text."""
        self._text = text
        if self._status is not None:
            self._status.update(text)

    async def watch(self) -> None:
        """Shows the text when the wait has become long. Runs until cancelled."""
        if not sys.stderr.isatty():
            return
        await trio.sleep(PATIENCE_S)
        with self._shown():
            await trio.sleep_forever()

    @contextmanager
    def _shown(self) -> Iterator[None]:
        self._status = Status(self._text, console=console(error=True))
        try:
            with self._status:
                yield
        finally:
            self._status = None


def call(socket: Path, verb: str, arguments: str, timeout_s: float, progress: Progress) -> pb.Reply:
    """One answer to one command; `arguments` is a JSON object. Lost."""
    command = pb.Command(verb=verb, arguments=arguments)

    async def ask(channel: RpcChannel) -> pb.Reply:
        return await channel.unary(CALL, command, pb.Reply, timeout_s)

    return trio.run(_with_channel, socket, ask, progress)


def call_each(
    socket: Path,
    verb: str,
    arguments: Iterable[str],
    told: Callable[[pb.Reply], str],
    timeout_s: float,
    progress: Progress,
) -> None:
    """One answer to each of many commands, in turn; `told` says how far we are. Lost."""

    async def ask(channel: RpcChannel) -> None:
        for one in arguments:
            command = pb.Command(verb=verb, arguments=one)
            progress.tell(told(await channel.unary(CALL, command, pb.Reply, timeout_s)))

    trio.run(_with_channel, socket, ask, progress)


def follow(
    socket: Path,
    verb: str,
    arguments: str,
    changed: Callable[[pb.Reply], None],
    progress: Progress,
    timeout_s: float,
) -> bool:
    """Calls `changed` with every answer, in order, until the node has said the last one. Lost.

    False where the time was over before that.
    """
    command = pb.Command(verb=verb, arguments=arguments)

    async def listen(channel: RpcChannel) -> bool:
        try:
            async with channel.stream(FOLLOW, command, pb.Reply, timeout_s) as replies:
                async for reply in replies:
                    changed(reply)
        except RpcDeadline:
            return False
        return True

    return trio.run(_with_channel, socket, listen, progress)


async def _with_channel(
    socket: Path, work: Callable[[RpcChannel], Awaitable[T]], progress: Progress
) -> T:
    with _interrupts() as interrupts:
        async with (
            Bridge.open() as bridge,
            RpcChannel.to_unix(bridge, socket) as channel,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(progress.watch)
            with trio.CancelScope() as working:
                nursery.start_soon(_cancel_at, interrupts, working)
                # Captured, because the nursery would wrap what is raised here in a group.
                ended = await outcome.acapture(work, channel)
            nursery.cancel_scope.cancel()
        if working.cancel_called:
            raise KeyboardInterrupt
    try:
        return ended.unwrap()
    except RpcUnavailable as error:
        raise Lost("the node went away before it answered") from error
    except RpcDeadline as error:
        raise Lost("the node did not answer in time") from error
    except RpcError as error:
        if isinstance(error, RpcFailed) and error.code is grpc.StatusCode.UNIMPLEMENTED:
            raise NotAnswered from error
        raise Lost("the node failed to answer, and its log says why") from error


@contextmanager
def _interrupts() -> Iterator[AsyncIterator[int]]:
    """Ctrl-C as something to wait for.

    As an exception it would come anywhere: between two threads' hand-over, say, where it took a
    wake-up with it, and nobody would ever end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield _never()  # only the main thread is interrupted
        return
    with trio.open_signal_receiver(signal.SIGINT) as interrupts:
        yield interrupts


async def _never() -> AsyncIterator[int]:
    await trio.sleep_forever()
    yield 0


async def _cancel_at(interrupts: AsyncIterator[int], working: trio.CancelScope) -> None:
    async for _ in interrupts:
        working.cancel()
