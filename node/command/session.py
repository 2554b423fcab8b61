"""One command's conversation with one node: which node, what to ask, how to end."""

import json
import os
import shlex
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, Final, NoReturn, ParamSpec

import click

from node.command.exit_status import REFUSED, UNKNOWN, UNUSABLE, fail
from node.texts import said

if TYPE_CHECKING:
    from proto.v1 import control_pb2

P = ParamSpec("P")
Json = Mapping[str, Any]  # a JSON object

ENVIRONMENT: Final = "PLEDGEWAY_NODE"
DEFAULT_SHOWN: Final = "~/.pledgeway/node"
CONTROL_SOCKET: Final = "control.sock"
MAX_SOCKET_PATH_BYTES: Final = 107  # sockaddr_un.sun_path holds 108 with its final zero
CALL_TIMEOUT_S: Final = 30.0  # the node answers in milliseconds, unless its neighbour is asked

# Codes of failures that the node does not send, and the one that is about the input.
BAD_ARGUMENT: Final = "BAD_ARGUMENT"
# What was said on the command line cannot be used; every other no is about the world.
UNUSABLE_CODES: Final = frozenset({BAD_ARGUMENT, "AMOUNT_NEEDED", "AMOUNT_OUTSIDE"})
NO_NODE: Final = "NO_NODE"
LOST: Final = "LOST"


class NoAnswer(Exception):
    """The node said no, or nothing. `status` is how the command ends; the text is one line."""

    def __init__(
        self, status: int, code: str, message: str, next_step: str = "", figure: int = 0
    ) -> None:
        super().__init__(f"{message}: {next_step}" if next_step else message)
        self.status = status
        self.failure = {
            "code": code,
            "message": message,
            "next_step": next_step,
            "figure": figure,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What the node said, parsed and exactly as received."""

    value: Json
    text: str


def default_directory() -> Path:
    """Where a node is when nobody says where."""
    return Path(DEFAULT_SHOWN).expanduser()


def socket_path(directory: Path) -> Path:
    """The control socket of the node in `directory`. NoAnswer where such a path cannot be."""
    path = directory.absolute() / CONTROL_SOCKET
    length = len(os.fsencode(path))
    if length > MAX_SOCKET_PATH_BYTES:
        raise NoAnswer(
            UNUSABLE,
            NO_NODE,
            f"{path}: a socket's path has at most {MAX_SOCKET_PATH_BYTES} bytes, this one {length}",
            "use a shorter folder, or a symbolic link to it",
        )
    return path


@dataclass(frozen=True, slots=True)
class Kind:
    """What people call a daemon, the command that makes and runs it, and how others are named."""

    name: str
    command: str
    another: str


NODE: Final = Kind("node", "node", "name yours with --node")


@dataclass(frozen=True, slots=True)
class Session:
    """Asks the node in `directory`; with `as_json` prints what the node said and nothing else.

    `kind`: another daemon that is asked in the same way.
    """

    directory: Path
    as_json: bool
    kind: Kind = NODE

    def show(
        self,
        verb: str,
        arguments: Json,
        render: Callable[[Json], None],
        timeout_s: float = CALL_TIMEOUT_S,
    ) -> Json:
        """Asks, prints the answer (`render` for people) and returns it."""
        answer = self.ask(verb, arguments, timeout_s)
        self.print(answer, render)
        return answer.value

    def ask(self, verb: str, arguments: Json, timeout_s: float = CALL_TIMEOUT_S) -> Answer:
        """The node's answer, unprinted. Ends the command where there is none or it is a no."""
        try:
            return self.try_ask(verb, arguments, timeout_s)
        except NoAnswer as no:
            self.end(no)

    def try_ask(self, verb: str, arguments: Json, timeout_s: float = CALL_TIMEOUT_S) -> Answer:
        """The node's answer, unprinted. NoAnswer."""
        path = self._running()
        # Here, because importing gRPC takes longer than finding that nobody is there.
        from node.command.control_call import Lost, NotAnswered, Progress, call

        try:
            reply = call(path, verb, _written(arguments), timeout_s, Progress("waiting"))
        except NotAnswered as error:
            raise self._not_answered() from error
        except Lost as lost:
            step = f"see `pledgeway node status {self._where()}`"
            raise NoAnswer(UNKNOWN, LOST, str(lost), step) from lost
        return _read(reply)

    def follow(
        self, verb: str, arguments: Json, changed: Callable[[Json], str], timeout_s: float
    ) -> Answer | None:
        """Calls `changed` at every answer, and shows the text it returns while waiting.

        Returns the last answer until the end or `timeout_s`; None where the node said nothing.
        Ends the command at a no.
        """
        last: list[Answer] = []
        try:
            path = self._running()
            from node.command.control_call import Lost, NotAnswered, Progress, follow

            progress = Progress("waiting")

            def told(reply: "control_pb2.Reply") -> None:
                last[:] = [_read(reply)]
                progress.tell(changed(last[0].value))

            try:
                follow(path, verb, _written(arguments), told, progress, timeout_s)
            except NotAnswered as error:
                raise self._not_answered() from error
            except Lost as lost:
                step = f"see `pledgeway payment list {self._where()}`"
                raise NoAnswer(UNKNOWN, LOST, str(lost), step) from lost
        except NoAnswer as no:
            self.end(no)
        return last[0] if last else None

    def ask_each(
        self, verb: str, each: Iterable[Json], told: Callable[[Json], str], timeout_s: float
    ) -> None:
        """Asks one thing after the other; `told` gets each answer, and says how far we are. Ends
        the command at a no."""
        try:
            path = self._running()
            from node.command.control_call import Lost, NotAnswered, Progress, call_each

            def heard(reply: "control_pb2.Reply") -> str:
                return told(_read(reply).value)

            try:
                call_each(path, verb, map(_written, each), heard, timeout_s, Progress("waiting"))
            except NotAnswered as error:
                raise self._not_answered() from error
            except Lost as lost:
                step = f"do it again: it does no harm (see `pledgeway node status {self._where()}`)"
                raise NoAnswer(UNKNOWN, LOST, str(lost), step) from lost
        except NoAnswer as no:
            self.end(no)

    def collect(
        self, verb: str, arguments: Json, take: Callable[[Json], str], timeout_s: float
    ) -> Json:
        """Hands every piece of a long answer to `take`, which says how far we are; the last piece.
        Ends the command where the answer breaks off."""
        answer = self.follow(verb, arguments, take, timeout_s)
        if answer is None or not answer.value.get("end"):
            self.end(NoAnswer(UNKNOWN, LOST, "the node's answer broke off", "try again"))
        return answer.value

    def print(self, answer: Answer, render: Callable[[Json], None]) -> None:
        """The answer as the mode of output wants it."""
        if self.as_json:
            click.echo(answer.text)
        else:
            render(answer.value)

    def end(self, no: NoAnswer) -> NoReturn:
        """Ends the command with one line on standard error, and JSON where JSON is wanted."""
        if self.as_json:
            click.echo(json.dumps({"failure": no.failure}, ensure_ascii=False))
        argument, colon, cause = str(no).partition(": ")
        if colon and no.failure["code"] == BAD_ARGUMENT:
            fail(no.status, f"{_as_typed(argument)}: {cause}")
        fail(no.status, str(no))

    def _running(self) -> Path:
        """The socket, after somebody was found behind it. NoAnswer."""
        path = socket_path(self.directory)
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(os.fspath(path))
            except PermissionError as error:
                whose = f"the {self.kind.name} in {self.directory} belongs to somebody else"
                raise NoAnswer(UNUSABLE, NO_NODE, whose, self.kind.another) from error
            except OSError as error:
                raise self._nobody() from error
        return path

    def _nobody(self) -> NoAnswer:
        quoted, kind = shlex.quote(str(self.directory)), self.kind
        if (self.directory / "config.toml").exists() or (self.directory / CONTROL_SOCKET).exists():
            step = f"start it with `pledgeway {kind.command} run {quoted}`"
        else:
            step = (
                f"there is none: make one with `pledgeway {kind.command} init {quoted}`,"
                f" or {kind.another.replace('yours', 'another')}"
            )
        what = f"no {kind.name} is running in {self.directory}"
        return NoAnswer(UNUSABLE, NO_NODE, what, step)

    def _not_answered(self) -> NoAnswer:
        """A path finder, mostly: it has neither books nor payments."""
        return NoAnswer(
            UNUSABLE,
            "NOT_ANSWERED",
            f"what runs in {self.directory} does not answer that",
            "ask a node: a path finder knows `route` and `network show`, `export` and `draw` only"
            " (or it is older than this command: restart it)",
        )

    def runs(self) -> bool:
        """Whether somebody answers in the directory."""
        try:
            self._running()
        except NoAnswer:
            return False
        return True

    def _where(self) -> str:
        return f"--node {shlex.quote(str(self.directory))}"


def _as_typed(argument: str) -> str:
    """What the node calls an argument, as it stands on the command line."""
    context = click.get_current_context(silent=True)
    for param in context.command.params if context is not None else ():
        named = param.name == argument or f"--{argument}" in param.opts
        if named and isinstance(param, click.Option):
            return max(param.opts, key=len)
        if argument.upper() in (param.make_metavar(context) if context else ""):
            return argument.upper()
    return argument


def _written(arguments: Json) -> str:
    return json.dumps(dict(arguments))


def _read(reply: "control_pb2.Reply") -> Answer:
    if reply.WhichOneof("result") == "failure":
        no = reply.failure
        words = said(no.code, no.figure)
        raise NoAnswer(
            UNUSABLE if no.code in UNUSABLE_CODES else REFUSED,
            no.code,
            no.message or (words.message if words else no.code),
            no.next_step or (words.next_step if words else ""),
            no.figure,
        )
    try:
        value = json.loads(reply.json)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise NoAnswer(UNKNOWN, LOST, "the node's answer is no JSON object", "update the node")
    return Answer(value, reply.json)


def with_node(function: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
    """Adds --node and --json to a command, and hands it its Session first."""
    return _with_session(function, "--node")


def at_node(function: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
    """As `with_node`, where it is about what a node knows: --at says the same as --node."""
    return _with_session(function, "--at", "--node")


def _with_session(
    function: Callable[Concatenate[Session, P], None], *names: str
) -> Callable[..., None]:
    @click.option(
        *names,
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
