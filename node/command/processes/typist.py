"""Types commands as the owner of a node would, and reads what they answer.

A command gets `--json` and `--node`; what it reads and says goes through pipes, so that a password
among it touches no disk. Where there is a warm process a command is a copy of it.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trio

from node.command.processes.control import Json
from node.command.processes.founding import TownFault
from node.command.processes.process import python
from node.command.processes.warm import Forked, Warm

MOST_S: Final = 90.0  # of one command; the machine may be busy with a whole town
AWAY_S: Final = 20.0  # a killed node is back within two, on a busy machine
POLL_S: Final = 0.1
NO_NODE: Final = b'"code": "NO_NODE"'
SHOWN_CHARS: Final = 48
CHUNK_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Typed:
    """How a command ended: its exit status, standard output, and standard error."""

    status: int
    out: bytes
    said: str


class CommandFailed(TownFault):
    """One line: what was typed, and what was answered on standard error."""


class Typist:
    """Types one command after the other, or several at once. What they said on standard error is
    left in `directory`, numbered."""

    def __init__(self, directory: Path, oven: Warm | None) -> None:
        self._directory, self._oven, self._count = directory, oven, 0
        directory.mkdir(mode=0o700, exist_ok=True)

    async def ask(self, home: Path, *words: str, fed: bytes = b"") -> Json:
        """The JSON object that it printed. CommandFailed where it did not end with 0; a node that
        is not running is waited for a while, for it may be starting again."""
        until = trio.current_time() + AWAY_S
        while True:
            done = await self.type((*words, "--json", "--node", str(home)), fed)
            if NO_NODE not in done.out or trio.current_time() > until:
                break
            await trio.sleep(POLL_S)
        if done.status:
            typed = " ".join(("pledgeway", *(_short(word) for word in words)))
            why = " ".join(done.said.split()) or "it says nothing"
            raise CommandFailed(f"`{typed}` ended with exit status {done.status}: {why}")
        answer: Json = json.loads(done.out)
        return answer

    async def type(self, words: Sequence[str], fed: bytes = b"") -> Typed:
        """`pledgeway WORDS` with `fed` on its standard input. CommandFailed after MOST_S."""
        self._count += 1
        said = self._directory / f"{self._count:03}.said"
        with trio.move_on_after(MOST_S):
            if self._oven is not None:
                status, out = await _forked(self._oven, words, fed, said)
            else:
                status, out = await _spawned(words, fed, said)
            return Typed(status, out, said.read_text(errors="replace"))
        raise CommandFailed(f"`pledgeway {' '.join(words)}` did not end within {MOST_S:.0f} s")


def _short(word: str) -> str:
    """For people: a card is a thousand characters."""
    return word if len(word) <= SHOWN_CHARS else f"{word[: SHOWN_CHARS - 3]}..."


async def _forked(oven: Warm, words: Sequence[str], fed: bytes, said: Path) -> tuple[int, bytes]:
    feeding, full = os.pipe()
    reading, writing = os.pipe()
    try:
        os.write(full, fed)  # at most a pipe's room: credentials are small
    finally:
        os.close(full)
    try:
        copy = oven.spawn(words, _name_of(writing), said, _name_of(feeding))
        told: list[bytes] = []
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_drain, reading, told)
                status = await trio.to_thread.run_sync(copy.wait, abandon_on_cancel=True)
                os.close(writing)  # the last writer: now the reader comes to the end
                writing = -1
        finally:
            _ended(copy)
    finally:
        for fd in (feeding, reading, writing):
            if fd >= 0:
                os.close(fd)
    return status, b"".join(told)


def _name_of(fd: int) -> Path:
    """By which another process of ours opens this end of a pipe: a copy inherits none."""
    return Path(f"/proc/{os.getpid()}/fd/{fd}")


def _ended(copy: Forked) -> None:
    if copy.poll() is None:
        copy.kill()
        copy.wait()


async def _drain(fd: int, told: list[bytes]) -> None:
    os.set_blocking(fd, False)
    while True:
        await trio.lowlevel.wait_readable(fd)
        found = os.read(fd, CHUNK_BYTES)
        if not found:
            return
        told.append(found)


async def _spawned(words: Sequence[str], fed: bytes, said: Path) -> tuple[int, bytes]:
    command = [*python(), "-m", "node.command", *words]
    with said.open("wb") as log:
        done = await trio.run_process(
            command, stdin=fed, capture_stdout=True, stderr=log, check=False
        )
    return done.returncode, done.stdout
