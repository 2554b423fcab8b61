"""Who is at the page: a session's cookie, and the token that its forms carry."""

from dataclasses import dataclass
from functools import partial
from hashlib import blake2b, sha256
from hmac import compare_digest
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from node.control.context import Context
from node.core.escrow.events import KeepRow
from node.core.keyed import replace
from node.core.people.rows import Credential, CredentialKind, Person, PersonPhase, Session
from proto.limits import US

# The prefix makes browsers insist: https (or a host below localhost), this host alone, every path.
COOKIE: Final = "__Host-session"
TOKEN_BYTES: Final = 32
IDLE_US: Final = 3600 * US  # a session that nobody used for so long is over
LIFE_US: Final = 12 * 3600 * US  # and any, after a day's work
# So long after a passkey was asked for, what opens the account may be changed.
FRESH_US: Final = 5 * 60 * US
CODE_FRESH_US: Final = 15 * 60 * US  # a recovery code lets its person look for a device meanwhile
SEEN_US: Final = 60 * US  # how often a session's last use is written down
MAX_SESSIONS: Final = 32  # of one person; the oldest ends where there would be more
TOKEN_CHARS: Final = 2 * TOKEN_BYTES


@dataclass(frozen=True, slots=True)
class Visit:
    """A person who is logged in. `token` is the secret of the session."""

    person: Person
    session: Session
    token: str
    rests_until_us: int = 0  # where the passkey that opened it rests

    @property
    def csrf(self) -> str:
        """What every form of this session carries, and no other site can know."""
        return blake2b(self.token.encode(), digest_size=16, person=b"csrf").hexdigest()

    def is_sent(self, csrf: str) -> bool:
        return compare_digest(self.csrf, csrf)

    @property
    def by_code(self) -> bool:
        """Whether a recovery code opened it: it lets its person add a passkey, and look."""
        return not self.session.by

    def is_fresh(self, now_us: int) -> bool:
        """Whether its person proved to be here just now."""
        lasts_us = CODE_FRESH_US if self.by_code else FRESH_US
        return 0 <= now_us - self.session.created_at_us <= lasts_us


def session_id(token: str) -> bytes:
    """What is kept of a token: whoever reads the books cannot become its person."""
    return sha256(token.encode()).digest()


class Visits:
    """Opens, finds and ends sessions. Owned by trio."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def find(self, token: str) -> Visit | None:
        """The visit of a session's token, while it lasts."""
        if not token or len(token) > TOKEN_CHARS:
            return None
        memory, now_us = self._context.engine.memory, self._context.clock.now_us()
        session = memory.row((Session.table, session_id(token), b""))
        if not isinstance(session, Session) or not self.lasts(session, now_us):
            return None
        person = memory.row((Person.table, session.person, b""))
        if not isinstance(person, Person) or person.phase is not PersonPhase.ACTIVE:
            return None
        rests_until_us = 0
        if session.by:
            by = memory.row((Credential.table, session.person, session.by))
            if not isinstance(by, Credential) or by.ended_at_us:
                return None  # what opened it opens nothing any more
            rests_until_us = by.rests_until_us if by.rest_us(now_us) else 0
        if now_us - session.seen_at_us > SEEN_US:
            self._context.engine.submit(partial(self._seen, session))
        return Visit(person, session, token, rests_until_us)

    def _seen(self, session: Session, now_us: int) -> KeepRow:
        """Read again when its turn comes: a session that ended meanwhile stays over."""
        now = self._context.engine.memory.row(session.key)
        return KeepRow(
            now_us, replace(now if isinstance(now, Session) else session, seen_at_us=now_us)
        )

    @staticmethod
    def lasts(session: Session, now_us: int) -> bool:
        """Whether it is not over: by its end, by its age, or because nobody used it."""
        if session.ended_at_us:
            return False
        return now_us <= min(session.seen_at_us + IDLE_US, session.created_at_us + LIFE_US)

    def of(self, request: Request) -> Visit | None:
        """Who asks, by the cookie. The token of a program is none: a key pays, and does not say
        what else opens the account."""
        visit = self.find(request.cookies.get(COOKIE, ""))
        if visit is None or visit.by_code:
            return visit
        by = self._context.engine.memory.row((Credential.table, visit.person.id, visit.session.by))
        is_passkey = isinstance(by, Credential) and by.kind is CredentialKind.PASSKEY
        return visit if is_passkey else None

    def fresh(self, person: bytes, by: bytes, token: str = "") -> tuple[str, Session]:
        """A token and its session, not kept yet. `by`: the credential; empty: a recovery code.
        `token`: where there is one already."""
        token = token or self._context.entropy(TOKEN_BYTES).hex()
        now_us = self._context.clock.now_us()
        return token, Session(session_id(token), person, by, now_us, now_us)

    async def open(self, person: bytes, by: bytes, token: str = "") -> str:
        """A new session, durable: its token. `token`: as in `fresh`."""
        token, session = self.fresh(person, by, token)
        await self._make_room(person)
        await self._context.do(partial(KeepRow, row=session))
        return token

    async def _make_room(self, person: bytes) -> None:
        live = sorted(
            (row for row in self._context.engine.memory.of_person(person)
             if isinstance(row, Session) and not row.ended_at_us),
            key=lambda row: row.seen_at_us,
        )  # fmt: skip
        for row in live[: max(0, len(live) - MAX_SESSIONS + 1)]:
            await self.end(row)

    def is_used(self, token: str) -> bool:
        """Whether there was a session of this token, whatever became of it."""
        return self._context.engine.memory.row((Session.table, session_id(token), b"")) is not None

    async def end(self, session: Session) -> None:
        """At once, wherever its cookie is."""
        ended = replace(session, ended_at_us=self._context.clock.now_us())
        await self._context.do(partial(KeepRow, row=ended))


def take_in(answer: Response, token: str) -> Response:
    """The answer, with the session's cookie."""
    answer.set_cookie(
        COOKIE, token, max_age=LIFE_US // US, secure=True, httponly=True, samesite="strict"
    )
    return answer


def see_off(answer: Response) -> Response:
    """The answer, with the cookie taken away."""
    answer.set_cookie(COOKIE, "", max_age=0, secure=True, httponly=True, samesite="strict")
    return answer
