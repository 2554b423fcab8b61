"""A passkey proves on a page who is there: what its browser is asked, and what the answer opens.

Nothing is kept of what was asked: the challenge is a keyed hash of when, by which browser and for
what. An answer counts once all the same: the token of the session that it opens follows from the
challenge, so a second session of it cannot begin.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, unique
from hashlib import blake2b
from re import compile as pattern
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from node.control.context import Context
from node.control.failure import ControlFailure
from node.core.escrow.events import KeepRow
from node.core.keyed import replace
from node.core.people.rows import Credential, Person, PersonPhase
from node.page.visits import Visit, Visits
from node.page_config import PageConfig
from node.people.passkeys import (
    ANSWER_US,
    PasskeyFault,
    PasskeyRefused,
    Site,
    able,
    creation_options,
    read_answer,
    read_creation,
    request_options,
    resting,
    verify_answer,
    verify_approval,
)
from proto.approval import PasskeyProof, challenge
from proto.limits import US
from proto.reason import Reason

COOKIE: Final = "__Host-asked"  # tells one browser from others that open the same page
BROWSER_BYTES: Final = 16
BROWSER: Final = pattern(f"[0-9a-f]{{{2 * BROWSER_BYTES}}}")
AT_US: Final = pattern("[0-9]{1,18}")
NOT_BY_CODE: Final = "You came in by a recovery code. It lets you add a passkey, and look around."
NEXT: Final = "try again; if it stays so, use another passkey or a recovery code"


@unique
class Use(Enum):
    """What for. An answer to one is none to another."""

    LOGIN = b"login"
    AGAIN = b"again"
    JOIN = b"join"
    ADD = b"add"


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a form needs: `options` for the browser, `at` as a field that comes back. `browser`: the
    cookie."""

    options: str
    at: str
    browser: str

    def on(self, answer: Response) -> Response:
        """The page with the cookie by which its browser is known again."""
        age_s = ANSWER_US // US
        answer.set_cookie(
            COOKIE, self.browser, max_age=age_s, secure=True, httponly=True, samesite="strict"
        )
        return answer


class Proving:
    """Asks for passkeys and reads what they answer. Owned by trio."""

    def __init__(self, context: Context, config: PageConfig, visits: Visits) -> None:
        self._context = context
        self._visits = visits
        self._site = Site(config.rp_id, config.origin, context.alias)
        self._key = _key_of(context.identity.key.seed)

    # ------------------------------------------------------------------ what is asked

    def prompt(
        self, request: Request, use: Use, person: Person | None = None, subject: bytes = b""
    ) -> Prompt:
        """For LOGIN any passkey of this site; AGAIN one of `person`; JOIN and ADD a new one.

        `subject`: what else the answer is bound to, such as an invitation."""
        browser = request.cookies.get(COOKIE, "")
        if not BROWSER.fullmatch(browser):
            browser = self._context.entropy(BROWSER_BYTES).hex()
        at_us = self._context.clock.now_us()
        asked = self._asked(use, browser, at_us, subject)
        has = self.credentials(person.id) if person else []
        if use in (Use.JOIN, Use.ADD):
            assert person is not None
            if use is Use.JOIN:  # it ends what rests: the same device makes one that does not
                has = able(has, at_us)
            options = creation_options(self._site, person, asked, has)
        else:
            options = request_options(self._site, asked, has)
        return Prompt(options, str(at_us), browser)

    def approval_options(self, visit: Visit, approval: bytes) -> str:
        """By which this person's passkey signs exactly these Approval bytes."""
        now_us = self._context.clock.now_us()
        has = able(self.credentials(visit.person.id), now_us)
        return request_options(self._site, challenge(approval), has)

    def resting(self, visit: Visit) -> list[Credential]:
        """The visitor's passkeys that came by a recovery code, and approve nothing yet."""
        now_us = self._context.clock.now_us()
        return resting(self.credentials(visit.person.id), now_us)

    def credentials(self, person: bytes) -> list[Credential]:
        """All of a person, ended ones too."""
        found = self._context.engine.memory.of_person(person)
        return [row for row in found if isinstance(row, Credential)]

    def _asked(self, use: Use, browser: str, at_us: int, subject: bytes) -> bytes:
        text = b"%s\0%s\0%d\0%s" % (use.value, browser.encode(), at_us, subject)
        return blake2b(text, key=self._key, digest_size=32, person=b"passkey asked").digest()

    def _challenge(
        self, request: Request, fields: Mapping[str, str], use: Use, subject: bytes
    ) -> bytes:
        """What this browser was asked, by the form's own word of when. PasskeyRefused."""
        browser, at = request.cookies.get(COOKIE, ""), fields.get("at", "")
        if not BROWSER.fullmatch(browser) or not AT_US.fullmatch(at):
            raise PasskeyRefused(PasskeyFault.REFUSED)
        if not 0 <= self._context.clock.now_us() - int(at) <= ANSWER_US:
            raise PasskeyRefused(PasskeyFault.LATE)
        return self._asked(use, browser, int(at), subject)

    # ------------------------------------------------------------------ what is answered

    async def enter(
        self, request: Request, fields: Mapping[str, str], use: Use, person: bytes = b""
    ) -> str:
        """The token of a session that an assertion opens, once. `person`: of nobody else.

        Raises PasskeyRefused."""
        asked = self._challenge(request, fields, use, person)
        answer = read_answer(fields.get("assertion", ""))
        whose = person or answer.person
        known = self._context.engine.memory.row((Person.table, whose, b""))
        if not isinstance(known, Person) or known.phase is not PersonPhase.ACTIVE:
            raise PasskeyRefused(PasskeyFault.UNKNOWN)
        has, now_us = self.credentials(whose), self._context.clock.now_us()
        _, used = verify_answer(self._site, asked, answer, has, now_us)
        token = blake2b(asked, key=self._key, digest_size=32, person=b"passkey session").hexdigest()
        if self._visits.is_used(token):
            raise PasskeyRefused(PasskeyFault.REFUSED)
        await self._keep_use(used)
        return await self._visits.open(whose, used.id, token)

    def made(
        self,
        request: Request,
        fields: Mapping[str, str],
        use: Use,
        person: bytes,
        subject: bytes = b"",
    ) -> Credential:
        """The passkey that a browser has made for JOIN or ADD: not kept yet. PasskeyRefused."""
        asked = self._challenge(request, fields, use, subject)
        now_us = self._context.clock.now_us()
        made = read_creation(self._site, asked, fields.get("assertion", ""), person, now_us)
        if any(c.id == made.id for c in self.credentials(person)):
            raise PasskeyRefused(PasskeyFault.KNOWN_ALREADY)
        return made

    async def approved(self, visit: Visit, approval: bytes, assertion: str) -> PasskeyProof:
        """That the visitor approved exactly these Approval bytes. A ControlFailure says why not."""
        if visit.by_code:
            raise ControlFailure("NO_PASSKEY", NOT_BY_CODE, "/account/passkeys/new")
        has, now_us = self.credentials(visit.person.id), self._context.clock.now_us()
        try:
            proof, used = verify_approval(self._site, approval, assertion, has, now_us)
        except PasskeyRefused as refused:
            raise failure(refused) from refused
        # The step asks again; what goods need must not be opened for it before.
        if rest_us := used.rest_us(now_us):
            raise ControlFailure(Reason.CREDENTIAL_RESTS.name, figure=rest_us)
        await self._keep_use(used)
        return proof

    async def _keep_use(self, used: Credential) -> None:
        """Its counter and last use. The row is read again when its turn comes: a passkey that was
        ended meanwhile stays ended."""

        def make(now_us: int) -> KeepRow:
            now = self._context.engine.memory.row(used.key)
            now = now if isinstance(now, Credential) else used
            count = max(now.sign_count, used.sign_count)
            return KeepRow(now_us, replace(now, sign_count=count, used_at_us=used.used_at_us))

        await self._context.do(make)


def failure(refused: PasskeyRefused) -> ControlFailure:
    """For a page whose form was not at a passkey alone."""
    return ControlFailure(f"PASSKEY_{refused.fault.name}", sentence(refused), NEXT)


def sentence(refused: PasskeyRefused) -> str:
    """What is wrong, as a sentence that stands alone."""
    text = refused.fault.value
    return f"{text[0].upper()}{text[1:]}. Nothing was done."


def _key_of(seed: bytes) -> bytes:
    """Every process of the node has the same one, and nobody else."""
    return blake2b(key=seed, digest_size=32, person=b"page passkeys").digest()
