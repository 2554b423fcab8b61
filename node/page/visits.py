"""Who is at the page: a session's cookie, and the token that its forms carry."""

from dataclasses import dataclass
from functools import partial
from hashlib import blake2b, sha256
from hmac import compare_digest
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from node.control.context import Context, store
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
MARK_BYTES: Final = 8  # of the hash by which a page names a credential or session of its person


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
        # As bytes: of texts it takes ASCII alone, and a form says whatever its sender likes.
        return compare_digest(self.csrf.encode(), csrf.encode(errors="replace"))

    @property
    def by_code(self) -> bool:
        """Whether a recovery code opened it: it lets its person add a passkey, and look."""
        return not self.session.by

    @property
    def only_looks(self) -> bool:
        """Whether it came from a recovery code, which somebody may have stolen: it must not keep
        those out who may object."""
        return self.by_code or self.rests_until_us > 0

    def may_end(self, session: Session) -> bool:
        """Whether it ends this session of the same person: what came from a code ends its own."""
        if not self.only_looks or session.id == self.session.id:
            return True
        return not self.by_code and session.by == self.session.by

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
            by = self._opener(session)
            if by is None:
                return None  # what opened it opens nothing any more
            rests_until_us = by.rests_until_us if by.rest_us(now_us) else 0
        if now_us - session.seen_at_us > SEEN_US:
            self._context.engine.submit(partial(self._seen, session))
        return Visit(person, session, token, rests_until_us)

    def _opener(self, session: Session) -> Credential | None:
        """The credential that opened it, unless that was ended."""
        row = self._context.engine.memory.row((Credential.table, session.person, session.by))
        return row if isinstance(row, Credential) and not row.ended_at_us else None

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
        by = self._opener(visit.session)
        return visit if by is not None and by.kind is CredentialKind.PASSKEY else None

    def by_codes(self, visit: Visit) -> list[Session]:
        """Other sessions of the visitor that a recovery code has opened, and that last."""
        now_us = self._context.clock.now_us()
        rows = self._context.engine.memory.of_person(visit.person.id)
        found = (row for row in rows if isinstance(row, Session) and not row.by)
        return [s for s in found if s.id != visit.session.id and self.lasts(s, now_us)]

    def fresh(self, person: bytes, by: bytes, token: str = "") -> tuple[str, Session]:
        """A token and its session, not kept yet. `by`: the credential; empty: a recovery code.
        `token`: where there is one already."""
        token = token or self._context.entropy(TOKEN_BYTES).hex()
        now_us = self._context.clock.now_us()
        return token, Session(session_id(token), person, by, now_us, now_us)

    async def open(self, person: bytes, by: bytes, token: str = "") -> str:
        """A new session, durable: its token. `token`: as in `fresh`."""
        token, session = self.fresh(person, by, token)
        await self._make_room(session)
        await self._context.do(partial(KeepRow, row=session))
        return token

    async def _make_room(self, new: Session) -> None:
        """What is over goes first, then what came from a recovery code, then the oldest. Whoever
        came from one takes nobody else's place."""
        now_us, memory = self._context.clock.now_us(), self._context.engine.memory
        rows = [row for row in memory.of_person(new.person) if isinstance(row, Session)]
        live = [row for row in rows if not row.ended_at_us]
        live.sort(key=lambda s: (self.lasts(s, now_us), self._is_sure(s, now_us), s.seen_at_us))
        most = live[: max(0, len(live) - MAX_SESSIONS + 1)]
        sure = self._is_sure(new, now_us)
        for row in most:
            if sure or not self.lasts(row, now_us) or not self._is_sure(row, now_us):
                await self.end(row)

    def _is_sure(self, session: Session, now_us: int) -> bool:
        """Whether a credential opened it that does not rest."""
        by = self._opener(session)
        return by is not None and not by.rest_us(now_us)

    def is_used(self, token: str) -> bool:
        """Whether there was a session of this token, whatever became of it."""
        return self._context.engine.memory.row((Session.table, session_id(token), b"")) is not None

    async def end(self, session: Session) -> None:
        """At once, wherever its cookie is. One that has ended meanwhile stays so."""
        ended = replace(session, ended_at_us=self._context.clock.now_us())
        await store(self._context.engine.ask(partial(KeepRow, row=ended)))


def mark(ident: bytes) -> str:
    """How pages name a credential or session: its id itself may have a thousand bytes."""
    return blake2b(ident, digest_size=MARK_BYTES).hexdigest()


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
