"""Whoever holds a name, at the demo's registrar of names: logs in, changes the password, posts."""

import http.client
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

import trio

from node.command.demo.name_office import HOST
from node.command.processes.founding import TownFault
from node.command.processes.process import Processes, python

OFFICE: Final = "town/names"  # no house is called so: a house's name holds no slash
MODULE: Final = "node.command.demo.name_office"
TIMEOUT_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class NameOffice:
    """The running registrar of names. `port` on loopback."""

    port: int

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    async def login(self, name: str, password: str) -> bool:
        """Whether this password opens the name. TownFault where nobody answers."""
        return await self._done(name, "login", password=password)

    async def change(self, name: str, password: str, new: str) -> bool:
        """Whether `new` opens it from now on. TownFault."""
        return await self._done(name, "password", password=password, new=new)

    async def post(self, name: str, password: str, line: str) -> bool:
        """Whether the line is on its public page. TownFault."""
        return await self._done(name, "line", password=password, line=line)

    async def page(self, name: str) -> bytes:
        """The public page. TownFault."""
        status, body = await self._asked("GET", f"/{name}", b"")
        if status != HTTPStatus.OK:
            raise TownFault(f"{self.url}/{name}: status {status}")
        return body

    async def _done(self, name: str, what: str, **said: str) -> bool:
        status, _ = await self._asked("POST", f"/{name}/{what}", json.dumps(said).encode())
        return status == HTTPStatus.OK

    async def _asked(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        return await trio.to_thread.run_sync(_request, self.port, method, path, body)


def _request(port: int, method: str, path: str, body: bytes) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(HOST, port, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as fault:
        raise TownFault(f"the registrar of names does not answer: {fault}") from fault
    finally:
        connection.close()


def start_office(running: Processes, names: Mapping[str, str], log: Path) -> NameOffice:
    """`names`: with the password of each. They go through a pipe: no disk, no command line. What
    goes wrong in it stands in `log`.

    On the main thread: it ends with the thread that has started it. TownFault.
    """
    with log.open("ab") as said:
        child = subprocess.Popen(
            [*python(), "-m", MODULE, str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            process_group=0,
        )
    running.adopt(OFFICE, child)
    assert child.stdin is not None and child.stdout is not None
    with child.stdin, child.stdout:
        child.stdin.write(json.dumps(dict(names)).encode() + b"\n")
        child.stdin.flush()
        words = child.stdout.readline().split()
    if len(words) != 2:
        raise TownFault(f"the registrar of names did not start: see {log}")
    return NameOffice(int(words[1]))
