"""A daemon's control socket: verbs with JSON arguments, and a clean no to its owner."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import grpc

from proto.limits import MAX_AMOUNT
from proto.v1 import control_pb2 as pb
from runtime.rpc import CallContext, RpcRefused, Send, ServerStream, Service, Unary

SERVICE: Final = "pledgeway.v1.Control"
MAX_ARGUMENTS: Final = 1 << 18  # a card, a request or a record with room to spare
MAX_TEXT: Final = 65_536  # a card or a request is a few kilobytes


class ControlFailure(Exception):
    """Travels as Failure. `code` is stable: a Reason's name, BAD_ARGUMENT, NOT_FOUND, …"""

    def __init__(self, code: str, message: str = "", next_step: str = "", figure: int = 0) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.next_step = next_step
        self.figure = figure


def bad_argument(name: str, cause: str) -> ControlFailure:
    """An argument that cannot be used; to be raised."""
    return ControlFailure("BAD_ARGUMENT", f"{name}: {cause}")


class Arguments:
    """A JSON object whose keys are taken one by one; what is left over is unknown."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._left = dict(given)

    def done(self) -> None:
        """BAD_ARGUMENT for a key that the verb does not have."""
        for name in self._left:
            raise bad_argument(name, "unknown argument")

    def _take(self, name: str, kind: type, default: Any) -> Any:
        value = self._left.pop(name, None)
        if value is None:
            if default is ...:
                raise bad_argument(name, "missing")
            return default
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise bad_argument(name, f"must be {kind.__name__}")
        return value

    def text(self, name: str, default: Any = ..., most: int = MAX_TEXT) -> str:
        value: str = self._take(name, str, default)
        if value is not None and len(value) > most:
            raise bad_argument(name, f"more than {most} characters")
        return value

    def maybe_text(self, name: str) -> str | None:
        value: str | None = self.text(name, None)
        return value

    def number(self, name: str, default: Any = ..., least: int = 0, most: int = MAX_AMOUNT) -> int:
        value: int = self._take(name, int, default)
        if value is not None and not least <= value <= most:
            raise bad_argument(name, f"must lie between {least} and {most}")
        return value

    def maybe_number(self, name: str, least: int = 0, most: int = MAX_AMOUNT) -> int | None:
        value: int | None = self.number(name, None, least, most)
        return value

    def flag(self, name: str, default: Any = ...) -> bool:
        value: bool = self._take(name, bool, default)
        return value

    def maybe(self, name: str) -> Any:
        """Whatever was given, for another reader of arguments; None where nothing was."""
        return self._left.pop(name, None)

    def texts(self, name: str, most: int = 64) -> list[str] | None:
        value = self._take(name, list, None)
        if value is None:
            return None
        if len(value) > most or not all(isinstance(v, str) for v in value):
            raise bad_argument(name, f"must be a list of at most {most} texts")
        return list(value)

    def pairs(self, name: str, most: int = 64) -> list[tuple[str, str]] | None:
        value = self._take(name, list, None)
        if value is None:
            return None
        whole = all(
            isinstance(pair, list) and len(pair) == 2 and all(isinstance(v, str) for v in pair)
            for pair in value
        )
        if len(value) > most or not whole:
            raise bad_argument(name, f"must be a list of at most {most} pairs of texts")
        return [(first, second) for first, second in value]

    def mapping(self, name: str) -> dict[str, Any] | None:
        value: dict[str, Any] | None = self._take(name, dict, None)
        return value


def read_arguments(command: pb.Command) -> Arguments:
    """What a command says beside its verb. ControlFailure."""
    if len(command.arguments) > MAX_ARGUMENTS:
        raise bad_argument("arguments", f"more than {MAX_ARGUMENTS} characters")
    try:
        given = json.loads(command.arguments or "{}")
        if "\\u" in command.arguments:
            # Half of a surrogate pair is JSON, and no text that could be answered or looked up.
            json.dumps(given, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:  # ValueError: also a number of 4300 digits
        raise bad_argument("arguments", "not JSON") from error
    if not isinstance(given, dict):
        raise bad_argument("arguments", "not a JSON object")
    return Arguments(given)


def failed(failure: ControlFailure) -> pb.Reply:
    """The reply that says no."""
    return pb.Reply(
        failure=pb.Failure(
            code=failure.code,
            message=failure.message,
            next_step=failure.next_step,
            figure=failure.figure,
        )
    )


def unknown_verb(verb: str) -> RpcRefused:
    """To be raised: this daemon has no such verb."""
    return RpcRefused(grpc.StatusCode.UNIMPLEMENTED, f"no verb {verb!r}")


Verb = Callable[[Arguments], Awaitable[Mapping[str, Any]]]
# One that answers several times; the last answer is final.
Tale = Callable[[Arguments, Callable[[Mapping[str, Any]], Awaitable[None]]], Awaitable[None]]


async def _at_once() -> None:
    pass


def verbs_service(
    verbs: Mapping[str, Verb],
    tales: Mapping[str, Tale],
    kept: Callable[[], Awaitable[None]] = _at_once,
) -> Service:
    """The control service of a daemon. Every answer waits for `kept`: what it tells of is on disk.

    ControlFailure of a verb, or of `kept`, is the reply that says no.
    """

    async def call(command: pb.Command, _: CallContext) -> pb.Reply:
        verb = verbs.get(command.verb)
        if verb is None:
            raise unknown_verb(command.verb)
        try:
            answer = json.dumps(await verb(read_arguments(command)))
            await kept()
            return pb.Reply(json=answer)
        except ControlFailure as failure:
            return failed(failure)

    async def follow(command: pb.Command, _: CallContext, send: Send[pb.Reply]) -> None:
        tale = tales.get(command.verb)
        if tale is None:
            raise unknown_verb(command.verb)

        async def tell(answer: Mapping[str, Any]) -> None:
            told = json.dumps(answer)  # as it is now: what is told of goes on meanwhile
            await kept()
            await send(pb.Reply(json=told))

        try:
            await tale(read_arguments(command), tell)
        except ControlFailure as failure:
            await send(failed(failure))

    return Service(
        SERVICE,
        {
            "Call": Unary(pb.Command, pb.Reply, call),
            "Follow": ServerStream(pb.Command, pb.Reply, follow),
        },
    )
