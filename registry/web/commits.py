"""What was decided, for whoever knows the archive id (registry section 6).

Knowing the id, 122 bits of a hash, is the permission to read. Everything that could change a
client's mind is signed, so the transport needs no secrecy.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from proto.registry_record import RegistryRecord
from proto.statement import Outcome, SignedStatement
from proto.v1 import registry_pb2 as rpb
from proto.v1 import types_pb2 as pb
from registry.answers import interim_message
from registry.desk import Desk
from registry.log import Logged, Pause, Reason, Refused
from registry.web.decision_view import decision_view
from registry.web.pages import notice, page
from registry.web.replies import (
    FOR_EVER,
    HTML,
    NO_STORE,
    ONE_SECOND,
    PROTOBUF,
    form,
    message,
    plain,
    reply,
)

MAX_URL_ID_CHARS: Final = 64

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
NO_ID: Final = "not an archive id"


@dataclass(frozen=True, slots=True)
class Commits:
    """GET /commit/<uuid> and what lies below it."""

    desk: Desk
    record: Callable[[], RegistryRecord]

    def routes(self) -> list[Route]:
        return [
            Route("/commit/{uuid}", self.get_commit, methods=["GET"]),
            Route("/commit/{uuid}/evidence", self.get_evidence, methods=["GET"]),
            Route("/commit/{uuid}/certificate", self.get_certificate, methods=["GET"]),
        ]

    async def get_commit(self, request: Request) -> Response:
        found = await self._find(request)
        if isinstance(found, Response):
            return found
        if form(request) == HTML:
            return await self._page(request, found)
        if len(found) > 1:
            return await self._several(request, found)
        released = await self.desk.released(found)
        if isinstance(released, Refused):
            return _refused(request, released)
        # Final, but its log proof may be still to come: a cache must not keep it from that.
        caching = FOR_EVER if released[0].final.tlog_proof else NO_STORE
        return message(request, 200, released[0].final, caching)

    async def get_evidence(self, request: Request) -> Response:
        found = await self._find(request)
        if isinstance(found, Response):
            return found
        shown = [logged for logged in found if logged.row.evidence]
        if not shown:
            return plain(404, "a deadline refusal has no evidence")
        if len(shown) > 1:
            return await self._several(request, shown)
        return reply(request, 200, shown[0].row.evidence, PROTOBUF, FOR_EVER)

    async def get_certificate(self, request: Request) -> Response:
        """A CertificateFile for `pledgeway verify`, as far as this registry alone can make one."""
        found = await self._find(request)
        if isinstance(found, Response):
            return found
        shown = [logged for logged in found if logged.row.descriptor]
        if not shown:
            return plain(404, "a deadline refusal keeps no descriptor: whoever paid has it")
        if len(shown) > 1:
            return await self._several(request, shown)
        released = await self.desk.released(shown)
        if isinstance(released, Refused):
            return _refused(request, released)
        return message(request, 200, self._certificate(shown[0], released[0].final), NO_STORE)

    def _certificate(self, logged: Logged, statement: pb.SignedStatement) -> pb.CertificateFile:
        file = pb.CertificateFile()
        row = logged.row
        if row.leaf.outcome is Outcome.COMMITTED:
            file.commit.commit.descriptor = row.descriptor
            file.commit.commit.evidence = row.evidence
            file.commit.committed.append(statement)
        else:
            file.abort.descriptor = row.descriptor
            file.abort.not_committed.append(statement)
        file.records.append(pb.SignedRegistryRecord.FromString(self.record().signed))
        return file

    async def _find(self, request: Request) -> list[Logged] | Response:
        uuid = _uuid(request)
        if uuid is None:
            return _no_id(request)
        found = await self.desk.find(uuid)
        if found:
            return found
        # The index runs behind the decisions: only the deciding thread knows that there is none.
        answer = await self.desk.ask_unbound(uuid)
        match answer:
            case Logged():
                return await self.desk.find(uuid)
            case Pause():
                return self._unknown(request, answer)
            case Refused():
                return _refused(request, answer)

    def _unknown(self, request: Request, pause: Pause) -> Response:
        if form(request) == HTML:
            values = {"record": self.record(), "pause": pause, "uuid": request.path_params["uuid"]}
            return page(request, 404, "unknown", NO_STORE, **values)
        return message(request, 404, interim_message(pause, self.desk.signer), NO_STORE)

    async def _page(self, request: Request, found: list[Logged]) -> Response:
        record = self.record()
        released = await self.desk.released(found)
        if isinstance(released, Refused):
            return _refused(request, released)
        statements = [SignedStatement.from_message(answer.final) for answer in released]
        views = [
            decision_view(statement, f.row.descriptor, bool(f.row.evidence), record)
            for statement, f in zip(statements, found, strict=True)
        ]
        final = all(view.proof for view in views)
        # Its words may change with our version, what it shows does not: worth asking again.
        caching = {"Cache-Control": "private, no-cache"} if final else NO_STORE
        return page(request, 200, "decision", caching, record=record, views=views)

    async def _several(self, request: Request, found: list[Logged]) -> Response:
        """Two transactions share an archive id: both are shown, the reader matches commit_id."""
        released = await self.desk.released(found)
        if isinstance(released, Refused):
            return _refused(request, released)
        return message(request, 300, rpb.DecideResponse(answers=released), NO_STORE)


def _uuid(request: Request) -> bytes | None:
    text = request.path_params["uuid"]
    if len(text) > MAX_URL_ID_CHARS:
        return None
    try:
        return UUID(text).bytes
    except ValueError:
        return None


def _no_id(request: Request) -> Response:
    if form(request) != HTML:
        return plain(404, NO_ID)
    text = (
        "An archive id looks like 0f8fad5b-d9cb-869f-a165-70867728950e. Check that the whole of"
        " it was copied."
    )
    return notice(request, 404, "This is not an archive id", text)


def _refused(request: Request, refused: Refused) -> Response:
    status = STATUS[refused.reason]
    if form(request) != HTML:
        return plain(status, refused.reason.name, ONE_SECOND)
    text = (
        "The registry cannot say right now whether anything is recorded under this id. What it"
        " decided before stands, whatever happens to it now. Try again in a moment."
    )
    return notice(request, status, "No answer at the moment", text, {**NO_STORE, **ONE_SECOND})
