"""One command's conversation with one node: which node, what to ask, how to end."""

import json
import os
import shlex
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Final, NoReturn, ParamSpec

import click

from node.command.exit_status import REFUSED, UNKNOWN, UNUSABLE, fail, plain
from node.command.texts import said

if TYPE_CHECKING:
    from proto.v1 import control_pb2

P = ParamSpec("P")
Json = Mapping[str, Any]  # a JSON object

ENVIRONMENT: Final = "PLEDGEWAY_NODE"
DEFAULT_SHOWN: Final = "~/.pledgeway/node"
CONTROL_SOCKET: Final = "control.sock"
MAX_SOCKET_PATH_BYTES: Final = 107  # sockaddr_un.sun_path holds 108 with its final zero
CALL_TIMEOUT_S: Final = 30.0  # the node answers in milliseconds, unless its neighbour is asked
BAD_ARGUMENT: Final = "BAD_ARGUMENT"
NO_NODE: Final = "NO_NODE"
LOST: Final = "LOST"


def default_directory() -> Path:
    """Where a node is when nobody says where."""
    return Path(DEFAULT_SHOWN).expanduser()


def socket_path(directory: Path) -> Path:
    """The control socket of the node in `directory`. Ends the command where the path cannot be."""
    path = directory.absolute() / CONTROL_SOCKET
    length = len(os.fsencode(path))
    if length > MAX_SOCKET_PATH_BYTES:
        fail(
            UNUSABLE,
            f"{path}: a socket's path has at most {MAX_SOCKET_PATH_BYTES} bytes and this one"
            f" {length}: use a shorter folder, or a symbolic link to it",
        )
    return path


@dataclass(frozen=True, slots=True)
class Session:
    """Asks the node in `directory`; with `as_json` prints what the node said and nothing else."""

    directory: Path
    as_json: bool

    def show(self, verb: str, arguments: Json, render: Callable[[Json], None]) -> Json:
        """Asks, prints the answer (`render` for people) and returns it."""
        answer, text = self._ask(verb, arguments, CALL_TIMEOUT_S)
        self.print(answer, text, render)
        return answer

    def ask(self, verb: str, arguments: Json, timeout_s: float = CALL_TIMEOUT_S) -> Json:
        """The node's answer, unprinted. Ends the command where there is none or it is a no."""
        return self._ask(verb, arguments, timeout_s)[0]

    def print(self, answer: Json, text: str | None, render: Callable[[Json], None]) -> None:
        """The answer as the mode of output wants it; `text`: the JSON exactly as received."""
        if self.as_json:
            click.echo(text if text is not None else json.dumps(answer, ensure_ascii=False))
        else:
            render(answer)

    def follow(self, verb: str, arguments: Json, changed: Callable[[Json], str]) -> Json | None:
        """Calls `changed` at every answer, and shows the text it returns while waiting.

        Returns the last answer; None where the node said nothing.
        """
        path = self._running()
        from node.command.control_call import Lost, Progress, follow
        from proto.v1 import control_pb2 as pb

        last: list[Json] = []
        progress = Progress("waiting for the node")

        def told(reply: pb.Reply) -> None:
            last[:] = [self._read(reply)[0]]
            progress.tell(plain(changed(last[0])))

        command = pb.Command(verb=verb, arguments=json.dumps(dict(arguments)))
        try:
            follow(path, command, told, progress)
        except Lost as lost:
            self._end(UNKNOWN, LOST, str(lost), f"run `pledgeway payment list` {self._where()}")
        return last[0] if last else None

    def refuse(self, code: str, message: str, next_step: str = "", figure: int = 0) -> NoReturn:
        """A clean no of this side's own."""
        self._end(REFUSED, code, message, next_step, figure)

    def _ask(self, verb: str, arguments: Json, timeout_s: float) -> tuple[Json, str]:
        path = self._running()
        # Here, because importing gRPC takes longer than finding that nobody is there.
        from node.command.control_call import Lost, Progress, call
        from proto.v1 import control_pb2 as pb

        command = pb.Command(verb=verb, arguments=json.dumps(dict(arguments)))
        try:
            reply = call(path, command, timeout_s, Progress("waiting for the node"))
        except Lost as lost:
            self._end(UNKNOWN, LOST, str(lost), f"run `pledgeway node status` {self._where()}")
        return self._read(reply)

    def _running(self) -> Path:
        """The socket, after somebody was found behind it."""
        path = socket_path(self.directory)
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(os.fspath(path))
            except PermissionError:
                self._end(
                    UNUSABLE,
                    NO_NODE,
                    f"the node in {self.directory} belongs to somebody else",
                    "name yours with --node",
                )
            except OSError:
                self._nobody()
        return path

    def _nobody(self) -> NoReturn:
        message = f"no node is running in {self.directory}"
        if (self.directory / "config.toml").exists() or (self.directory / CONTROL_SOCKET).exists():
            step = f"start it with `pledgeway node run {self._quoted()}`"
        else:
            step = (
                f"there is none: make one with `pledgeway node init {self._quoted()}`,"
                " or name another with --node"
            )
        self._end(UNUSABLE, NO_NODE, message, step)

    def _where(self) -> str:
        return f"--node {self._quoted()}"

    def _quoted(self) -> str:
        return shlex.quote(str(self.directory))

    def _read(self, reply: "control_pb2.Reply") -> tuple[Json, str]:
        if reply.WhichOneof("result") == "failure":
            no = reply.failure
            words = said(no.code, no.figure)
            self._end(
                UNUSABLE if no.code == BAD_ARGUMENT else REFUSED,
                no.code,
                no.message or (words.message if words else no.code),
                no.next_step or (words.next_step if words else ""),
                no.figure,
            )
        try:
            answer = json.loads(reply.json)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            self._end(UNKNOWN, LOST, "the node's answer is no JSON object", "update the node")
        return answer, reply.json

    def _end(
        self, status: int, code: str, message: str, next_step: str, figure: int = 0
    ) -> NoReturn:
        if self.as_json:
            failure = {
                "code": code,
                "message": message,
                "next_step": next_step,
                "figure": figure,
            }
            click.echo(json.dumps({"failure": failure}, ensure_ascii=False))
        fail(status, f"{message}: {next_step}" if next_step else message)


def with_node(function: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
    """Adds --node and --json to a command, and hands it its Session first."""

    @click.option(
        "--node",
        "directory",
        type=click.Path(path_type=Path),
        envvar=ENVIRONMENT,
        metavar="DIR",
        help=f"The node to ask.  [default: {ENVIRONMENT}, else {DEFAULT_SHOWN}]",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
    @wraps(function)
    def command(*args: Any, directory: Path | None, as_json: bool, **more: Any) -> None:
        place = default_directory() if directory is None else directory.expanduser()
        function(Session(place, as_json), *args, **more)

    return command


def announce(line: str) -> None:
    """News for a person, on standard error: standard output belongs to the result."""
    click.echo(plain(line), err=True)


def interrupted(line: str) -> NoReturn:
    """Ctrl-C while something goes on without us."""
    click.echo(f"\npledgeway: {plain(line)}", err=True)
    sys.exit(UNKNOWN)
