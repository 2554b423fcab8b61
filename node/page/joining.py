"""/join/TOKEN: an invitation becomes an account, a passkey, and codes for when it is lost."""

from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from node.core.keyed import replace
from node.core.people.events import JoinPerson
from node.core.people.rows import Invitation, Person, PersonPhase, person_id
from node.page.frame import Frame
from node.page.proving import Use, sentence
from node.page.visits import take_in
from node.people.codes import fresh_codes
from node.people.names import TOKEN_BYTES, invitation_id, purses_of
from node.people.passkeys import PasskeyRefused

FIRST: Final = "First passkey"
OVER: Final = "This invitation does not open anything (any more)"
ASK: Final = "It was used, or its time is over. Ask whoever runs this node for another one."


class Joining:
    """Owned by trio."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._context = frame.context

    def routes(self) -> list[BaseRoute]:
        """/join/TOKEN."""
        return [
            Route("/join/{token}", self._frame.anyone(self.show), methods=["GET"]),
            Route("/join/{token}", self._frame.anyone(self.join), methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """What will happen, and the button."""
        return self._form(request, "")

    def _form(self, request: Request, alert: str) -> Response:
        invitation = self._invitation(request)
        if invitation is None:
            return self._frame.notice(None, 404, OVER, ASK)
        person, exists = self._person(invitation)
        prompt = self._frame.proving.prompt(request, Use.JOIN, person, invitation.id)
        page = self._frame.page(
            "join", None, 400 if alert else 200, person=person, exists=exists, prompt=prompt,
            purses=purses_of(invitation, person.id), expires_at_us=invitation.expires_at_us,
            action=request.url.path, alert=alert,
        )  # fmt: skip
        return prompt.on(page)

    async def join(self, request: Request) -> Response:
        """The account is open, and its codes are shown this once."""
        fields = await self._frame.form(request, None)
        invitation = self._invitation(request)
        if invitation is None:
            return self._frame.notice(None, 404, OVER, ASK)
        person, _ = self._person(invitation)
        try:
            made = self._frame.proving.made(request, fields, Use.JOIN, person.id, invitation.id)
        except PasskeyRefused as refused:
            return self._form(request, sentence(refused))
        now_us = self._context.clock.now_us()
        codes, rows = fresh_codes(person.id, self._context.entropy, now_us)
        await self._context.do(
            partial(
                JoinPerson,
                invitation=invitation.id,
                person=person,
                credential=replace(made, label=FIRST),
                codes=rows,
                purses=purses_of(invitation, person.id),
            )
        )
        token = await self._frame.visits.open(person.id, made.id)
        visit = self._frame.visits.find(token)
        return take_in(self._frame.page("codes", visit, codes=codes, welcome=True), token)

    def _invitation(self, request: Request) -> Invitation | None:
        token = request.path_params["token"]
        if len(token) != 2 * TOKEN_BYTES:
            return None
        key = (Invitation.table, invitation_id(token), b"")
        found = self._context.engine.memory.row(key)
        if not isinstance(found, Invitation) or found.ended_at_us:
            return None
        return found if self._context.clock.now_us() <= found.expires_at_us else None

    def _person(self, invitation: Invitation) -> tuple[Person, bool]:
        """Whose account it opens, and whether there is one."""
        person = person_id(invitation.name)
        known = self._context.engine.memory.row((Person.table, person, b""))
        if isinstance(known, Person):
            return known, True
        now_us, display = self._context.clock.now_us(), invitation.display or invitation.name
        return Person(person, invitation.name, display, PersonPhase.ACTIVE, now_us), False
