"""Work that starts processes: a signal ends it in order, and its directory goes with it."""

import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import click
import trio

from node.command.exit_status import REFUSED, fail, plain
from node.command.processes.control import Refused
from node.command.processes.founding import TownFault
from node.command.processes.ports import NoPort
from node.command.processes.process import StartFailed
from runtime.rpc_client import RpcError

T = TypeVar("T")

STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SIGNALLED: Final = 128  # a shell's way to say it: 128 + number of the signal


class Interrupted(Exception):
    """A signal told us to stop; everything has been taken down."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextmanager
def working_directory(keep: Path | None, prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """`keep` itself, made if need be; else one in `parent` that is gone afterwards. OSError."""
    if keep is not None:
        keep.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent, ignore_cleanup_errors=True) as made:
        yield Path(made)


async def until_signalled(work: Callable[[], Awaitable[T]]) -> T:
    """What `work` returns or raises; a signal cancels it: Interrupted."""
    caught: list[int] = []
    done: list[T] = []
    fault: Exception | None = None

    async def listen() -> None:
        async for number in signals:
            caught.append(number)
            nursery.cancel_scope.cancel()

    with trio.open_signal_receiver(*STOPPING) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            try:
                done.append(await work())
            except (TownFault, StartFailed, NoPort, Refused, RpcError, OSError) as found:
                fault = found  # raised below: out of the nursery it would come as a group
            nursery.cancel_scope.cancel()
    if fault is not None:
        raise fault
    if not done:
        raise Interrupted(caught[0])
    return done[0]


@contextmanager
def faults_in_lines() -> Iterator[None]:
    """Around what a command does with processes: whatever goes wrong ends it in plain lines."""
    try:
        yield
    except Interrupted as interrupted:
        click.echo(f"pledgeway: stopped by {interrupted}; every process has ended", err=True)
        sys.exit(SIGNALLED + interrupted.number)
    except (TownFault, StartFailed, NoPort, Refused, RpcError) as fault:
        for line in str(fault).splitlines():
            click.echo(f"pledgeway: {plain(line)}", err=True)
        sys.exit(REFUSED)
    except OSError as error:
        fail(REFUSED, f"{error.filename or 'output'}: {error.strerror or error}")
