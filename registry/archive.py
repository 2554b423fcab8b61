"""The archive over HTTP (registry section 6): what was decided, for whoever knows the id.

Knowing the id, 122 bits of a hash, is the permission to read. Everything that could change a
client's mind is signed, so the transport needs no secrecy.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import asdict, dataclass
from typing import Final
from uuid import UUID

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from proto.limits import MAX_DESCRIPTOR_BYTES, MAX_EVIDENCE_BYTES, US
from proto.statement import Interim
from proto.v1 import registry_pb2 as rpb
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, parse
from registry.answers import final_message, interim_message
from registry.asks import Ask, AskCommit, AskNothing, AskQuery
from registry.desk import Desk
from registry.health import Health
from registry.log import Logged, Pause, Reason

PROTOBUF: Final = "application/x-protobuf"
MAX_BODY_BYTES: Final = MAX_DESCRIPTOR_BYTES + MAX_EVIDENCE_BYTES + 64  # a Commit and its framing
MAX_URL_ID_CHARS: Final = 64
MAX_RETRY_AFTER_S: Final = 3600  # whoever waits for days asks again now and then

NO_STORE: Final = {"Cache-Control": "no-store"}
FIVE_MINUTES: Final = {"Cache-Control": "public, max-age=300"}
FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable"}
ONE_SECOND: Final = {"Retry-After": "1"}

STATUS: Final[Mapping[Reason, int]] = {
    Reason.INVALID_DESCRIPTOR: 400,
    Reason.NOT_A_MEMBER: 421,  # misdirected: another registry decides about it
    Reason.TOO_FAR: 422,
    Reason.TOO_SOON: 422,
    Reason.BAD_EVIDENCE: 422,
    Reason.OVER_QUOTA: 429,
    Reason.CLOCK_UNSAFE: 503,
    Reason.LOG_STALLED: 503,
}

AskHealth = Callable[[], Awaitable[Health]]


@dataclass(frozen=True, slots=True)
class Archive:
    """`record` gives SignedRegistryRecord bytes; `health` says how the daemon is."""

    desk: Desk
    record: Callable[[], bytes]
    health: AskHealth

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/commit/{uuid}", self.get_commit, methods=["GET"]),
                Route("/commit/{uuid}/evidence", self.get_evidence, methods=["GET"]),
                Route("/commit", self.post_commit, methods=["POST"]),
                Route("/submit", self.post_submit, methods=["POST"]),
                Route("/registry", self.get_registry, methods=["GET"]),
                Route("/health", self.get_health, methods=["GET"]),
            ]
        )

    async def get_commit(self, request: Request) -> Response:
        uuid = _uuid(request)
        if uuid is None:
            return _plain(404, "not an archive id")
        found = await self._find(request, uuid)
        if isinstance(found, Response):
            return found
        if len(found) > 1:
            return _several(request, [final_message(f, self.desk.signer) for f in found])
        statement = self.desk.signer.statement(found[0]).to_message()
        # Final, but its log proof is still to come: a cache must not keep it from that.
        return _message(request, 200, statement, NO_STORE)

    async def get_evidence(self, request: Request) -> Response:
        uuid = _uuid(request)
        if uuid is None:
            return _plain(404, "not an archive id")
        found = await self._find(request, uuid)
        if isinstance(found, Response):
            return found
        shown = [logged for logged in found if logged.row.evidence]
        if not shown:
            return _plain(404, "a deadline refusal has no evidence")
        if len(shown) > 1:
            return _several(request, [final_message(s, self.desk.signer) for s in shown])
        return Response(shown[0].row.evidence, 200, FOR_EVER, PROTOBUF)

    async def post_commit(self, request: Request) -> Response:
        """Body: the bytes of a descriptor."""
        body = await _body(request, MAX_DESCRIPTOR_BYTES)
        if body is None:
            return _plain(413, f"a descriptor has at most {MAX_DESCRIPTOR_BYTES} bytes")
        return await self._ask(request, AskQuery(body))

    async def post_submit(self, request: Request) -> Response:
        """Body: a Commit."""
        body = await _body(request, MAX_BODY_BYTES)
        if body is None:
            return _plain(413, f"a commit has at most {MAX_BODY_BYTES} bytes")
        try:
            commit = parse(pb.Commit, body)
        except WireFault:
            return await self._ask(request, AskNothing())
        return await self._ask(request, AskCommit(commit.descriptor, commit.evidence))

    async def get_registry(self, request: Request) -> Response:
        record = pb.SignedRegistryRecord.FromString(self.record())
        return _message(request, 200, record, FIVE_MINUTES)

    async def get_health(self, request: Request) -> Response:
        health = await self.health()
        return JSONResponse(asdict(health), 200 if health.ok else 503, NO_STORE)

    async def _find(self, request: Request, uuid: bytes) -> list[Logged] | Response:
        found = await self.desk.find(uuid)
        if found:
            return found
        # The index runs behind the decisions: only the deciding thread knows that there is none.
        answer = await self.desk.ask_unbound(uuid)
        if isinstance(answer, Logged):
            return await self.desk.find(uuid)
        if isinstance(answer, Pause):
            return _message(request, 404, interim_message(answer, self.desk.signer), NO_STORE)
        return _plain(STATUS[answer.reason], answer.reason.name, ONE_SECOND)

    async def _ask(self, request: Request, ask: Ask) -> Response:
        answer = (await self.desk.answer([ask]))[0]
        match answer.WhichOneof("answer"):
            case "final":
                return _message(request, 200, answer, NO_STORE)
            case "interim":
                later = {"Retry-After": str(_retry_after_s(answer))}
                return _message(request, 202, answer, NO_STORE | later)
            case _:
                status = STATUS[Reason(answer.refusal.reason)]
                later = ONE_SECOND if status in (429, 503) else {}
                return _message(request, status, answer, NO_STORE | later)


def _uuid(request: Request) -> bytes | None:
    text = request.path_params["uuid"]
    if len(text) > MAX_URL_ID_CHARS:
        return None
    try:
        return UUID(text).bytes
    except ValueError:
        return None


async def _body(request: Request, at_most: int) -> bytes | None:
    """The body, or None where it is longer than that: the rest is not read."""
    body = b""
    async with aclosing(request.stream()) as chunks:
        async for chunk in chunks:
            body += chunk
            if len(body) > at_most:
                return None
    return body


def _retry_after_s(answer: rpb.Answer) -> int:
    """Until A has surely passed, rounded up to whole seconds, at least one."""
    interim = Interim.decode(answer.interim.interim)
    wait_us = interim.final_after_us + 2 * interim.max_error_us - interim.as_of_us
    return min(max(1, -(-wait_us // US)), MAX_RETRY_AFTER_S)


def _message(
    request: Request, status: int, message: Message, headers: Mapping[str, str]
) -> Response:
    """Protobuf, unless the client asks for JSON (a browser asks for HTML: that gets JSON too)."""
    both = {**headers, "Vary": "Accept"}
    accept = request.headers.get("accept", "")
    if "application/json" in accept or "text/html" in accept:
        text = MessageToJson(message, indent=None)
        return Response(text + "\n", status, both, "application/json")
    return Response(message.SerializeToString(), status, both, PROTOBUF)


def _several(request: Request, answers: list[rpb.Answer]) -> Response:
    """Two transactions share an archive id: both are shown, the reader matches commit_id."""
    return _message(request, 300, rpb.DecideResponse(answers=answers), NO_STORE)


def _plain(status: int, text: str, headers: Mapping[str, str] = NO_STORE) -> Response:
    return Response(text + "\n", status, {**NO_STORE, **headers}, "text/plain")
