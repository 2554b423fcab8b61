"""Programs of people log in: by an Ed25519 key of the account, and a bearer token from then on.

A browser never sends such a token by itself, so no other site can use it; and a token of a
browser's session is not taken here, as that person has not let a program in.
"""

from collections.abc import Callable
from functools import partial
from typing import Final, ParamSpec

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from node.control.context import Context, store
from node.control.failure import Arguments, ControlFailure, bad_argument, refuse
from node.core.escrow.events import KeepRow
from node.core.keyed import Key, replace
from node.core.people.events import JoinPerson
from node.core.people.rows import (
    Credential,
    CredentialKind,
    Invitation,
    Person,
    PersonPhase,
    person_id,
)
from node.page.answers import No, Refused, answering, arguments
from node.page.visits import Visit, Visits
from node.page_config import PageConfig
from node.people.names import invitation_id, is_name, purses_of
from proto.keys import KEY_BYTES, SIGNATURE_BYTES
from proto.limits import MAX_SEQUENCE
from proto.login import (
    LOGIN_TOLERANCE_US,
    MAX_PART_CHARS,
    proves_join,
    proves_login,
)
from proto.wire import WireFault

P = ParamSpec("P")

MAX_LOGIN_BYTES: Final = 4096  # a name, a key and a signature in hex are some 400
MAX_LABEL_CHARS: Final = 64
BEARER: Final = "bearer "


class Programs:
    """Owned by trio."""

    def __init__(self, context: Context, page: PageConfig, visits: Visits) -> None:
        self._context = context
        self._origin = page.origin
        self._visits = visits
        self._latest: dict[Key, int] = {}  # by credential: of logins that are being written down

    def routes(self) -> list[BaseRoute]:
        """Join, log in, log out."""
        return [
            Route("/api/join", answering(self.join), methods=["POST"]),
            Route("/api/login", answering(self.log_in), methods=["POST"]),
            Route("/api/logout", answering(self.log_out), methods=["POST"]),
        ]

    def visit(self, request: Request) -> Visit:
        """Who asks. Refused where nobody is logged in, or the key that did has been ended."""
        given = request.headers.get("authorization", "")
        token = given[len(BEARER) :] if given.lower().startswith(BEARER) else ""
        visit = self._visits.find(token)
        if visit is None or self._key(visit.person.id, visit.session.by) is None:
            raise Refused(No.NOT_LOGGED_IN)
        return visit

    def _key(self, person: bytes, key: bytes) -> Credential | None:
        row = self._context.engine.memory.row((Credential.table, person, key))
        if not isinstance(row, Credential) or row.ended_at_us:
            return None
        return row if row.kind is CredentialKind.KEY else None

    async def log_in(self, request: Request) -> Response:
        """{name, key, time, signature} -> {token, name, display}. One answer for every no: whether
        a name is known, and by which keys, shows in none."""
        given = await arguments(request, MAX_LOGIN_BYTES)
        name, at_us = given.text("name", most=MAX_PART_CHARS), _moment(given)
        key, signature = _hex(given, "key", KEY_BYTES), _hex(given, "signature", SIGNATURE_BYTES)
        given.done()
        # Verified in any case, so that an unknown key takes as long as a known one.
        proven = _proven(proves_login, key, signature, self._origin, name, at_us)
        if abs(self._context.clock.now_us() - at_us) > LOGIN_TOLERANCE_US:
            raise Refused(No.UNTIMELY)
        credential = self._key(person_id(name), key) if is_name(name) else None
        # Later than the last one: a login that was overheard cannot be sent again.
        if not proven or credential is None or at_us <= self._last(credential):
            raise Refused(No.NOT_LOGGED_IN, "no such account, key and signature")
        self._latest[credential.key] = at_us
        await self._context.do(partial(KeepRow, row=replace(credential, used_at_us=at_us)))
        token = await self._visits.open(credential.person, credential.id)
        visit = self._visits.find(token)
        if visit is None:
            raise Refused(No.NOT_LOGGED_IN, "no such account, key and signature")
        return _logged_in(visit, 200)

    def _last(self, credential: Credential) -> int:
        return max(credential.used_at_us, self._latest.get(credential.key, 0))

    async def log_out(self, request: Request) -> Response:
        """The token is worth nothing from then on."""
        await self._visits.end(self.visit(request).session)
        return JSONResponse({"ended": True})

    async def join(self, request: Request) -> Response:
        """{token, key, label, signature} -> as a login. Takes up an invitation with a key."""
        given = await arguments(request, MAX_LOGIN_BYTES)
        token, label = given.text("token", most=MAX_PART_CHARS), given.text("label", "a program")
        key, signature = _hex(given, "key", KEY_BYTES), _hex(given, "signature", SIGNATURE_BYTES)
        given.done()
        check_label(label)
        if not _proven(proves_join, key, signature, self._origin, token):
            raise Refused(No.NOT_LOGGED_IN, "the key has not signed this invitation")
        memory, now_us = self._context.engine.memory, self._context.clock.now_us()
        row = memory.row((Invitation.table, invitation_id(token), b""))
        if not isinstance(row, Invitation):
            raise ControlFailure("INVITATION_ENDED")
        person = Person(
            id=person_id(row.name),
            name=row.name,
            display=row.display,
            phase=PersonPhase.ACTIVE,
            created_at_us=now_us,
        )
        joined = partial(
            JoinPerson,
            invitation=row.id,
            person=person,
            credential=key_credential(person.id, key, label, now_us),
            codes=(),
            purses=purses_of(row, person.id),
        )
        refuse(await store(self._context.engine.ask(joined)))
        visit = self._visits.find(await self._visits.open(person.id, key))
        if visit is None:
            raise Refused(No.NOT_LOGGED_IN)
        return _logged_in(visit, 201)


def key_credential(person: bytes, key: bytes, label: str, now_us: int) -> Credential:
    """The row of a program's key (32 bytes)."""
    return Credential(person, key, CredentialKind.KEY, key, label, now_us)


def check_label(label: str) -> None:
    """What a person calls a key or passkey. ControlFailure."""
    if not 0 < len(label) <= MAX_LABEL_CHARS or not label.isprintable():
        raise bad_argument("label", f"one to {MAX_LABEL_CHARS} printable characters")


def _logged_in(visit: Visit, status: int) -> Response:
    told = {"token": visit.token, "name": visit.person.name, "display": visit.person.display}
    return JSONResponse(told, status)


def _proven(proves: Callable[P, bool], *parts: P.args, **named: P.kwargs) -> bool:
    try:
        return proves(*parts, **named)
    except WireFault as fault:
        raise bad_argument("signature", str(fault)) from fault


def _moment(given: Arguments) -> int:
    at_us: int = given.number("time", most=MAX_SEQUENCE)
    return at_us


def _hex(given: Arguments, name: str, size: int) -> bytes:
    text = given.text(name)
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if len(data) != size or len(text) != 2 * size:
        raise bad_argument(name, f"must be {2 * size} hex digits")
    return data
