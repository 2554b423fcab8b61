"""/login by a passkey, /again before something is changed, /recover by a code, /logout."""

from functools import partial
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from node.control.failure import ControlFailure
from node.core.people.events import UseCode
from node.core.people.rows import person_id
from node.page.frame import Frame, own_path, see_other
from node.page.proving import Use, sentence
from node.page.visits import Visit, see_off, take_in
from node.people.codes import code_hash
from node.people.names import MAX_NAME_CHARS
from node.people.passkeys import PasskeyRefused

NEW_PASSKEY: Final = "/account/passkeys/new"
# The same for a wrong name, a wrong code and a used one: who guesses learns nothing from it.
NO: Final = "This name and this code do not go together, or the code was used before."


class LoggingIn:
    """Owned by trio."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._visits = frame.visits

    def routes(self) -> list[BaseRoute]:
        """All of them."""
        open_to_all, personal = self._frame.anyone, self._frame.personal
        return [
            Route("/login", open_to_all(self.show), methods=["GET"]),
            Route("/login", open_to_all(self.log_in), methods=["POST"]),
            Route("/again", personal(self.show_again), methods=["GET"]),
            Route("/again", personal(self.again), methods=["POST"]),
            Route("/recover", open_to_all(self.show_recover), methods=["GET"]),
            Route("/recover", open_to_all(self.recover), methods=["POST"]),
            Route("/logout", personal(self.log_out), methods=["POST"]),
        ]

    # ------------------------------------------------------------------ by a passkey

    async def show(self, request: Request) -> Response:
        """The button; who is logged in already goes where he wanted to."""
        where = own_path(request.query_params.get("next", "/"))
        if self._visits.of(request) is not None:
            return see_other(where)
        return self._login(request, where, "")

    def _login(self, request: Request, where: str, alert: str) -> Response:
        prompt = self._frame.proving.prompt(request, Use.LOGIN)
        status = 400 if alert else 200
        page = self._frame.page(
            "login", None, status, prompt=prompt, where=where, alert=alert, person=None
        )
        return prompt.on(page)

    async def log_in(self, request: Request) -> Response:
        """A session, and on to where he wanted to."""
        fields = await self._frame.form(request, None)
        where = own_path(fields.get("next", "/"))
        try:
            token = await self._frame.proving.enter(request, fields, Use.LOGIN)
        except PasskeyRefused as refused:
            return self._login(request, where, sentence(refused))
        before = self._visits.of(request)
        if before is not None:
            await self._visits.end(before.session)
        return take_in(see_other(where), token)

    async def show_again(self, request: Request, visit: Visit) -> Response:
        """Before something that only its person may do."""
        return self._again(request, visit, own_path(request.query_params.get("next", "/")), "")

    def _again(self, request: Request, visit: Visit, where: str, alert: str) -> Response:
        if visit.by_code:
            return see_off(see_other("/recover"))
        person = visit.person
        prompt = self._frame.proving.prompt(request, Use.AGAIN, person, person.id)
        status = 400 if alert else 200
        page = self._frame.page(
            "login", visit, status, prompt=prompt, where=where, alert=alert, person=person
        )
        return prompt.on(page)

    async def again(self, request: Request, visit: Visit) -> Response:
        """A new session in place of this one: its passkey was asked for just now."""
        fields = await self._frame.form(request, visit)
        where = own_path(fields.get("next", "/"))
        try:
            token = await self._frame.proving.enter(request, fields, Use.AGAIN, visit.person.id)
        except PasskeyRefused as refused:
            return self._again(request, visit, where, sentence(refused))
        await self._visits.end(visit.session)
        return take_in(see_other(where), token)

    # ------------------------------------------------------------------ by a code

    async def show_recover(self, request: Request) -> Response:
        """Works without a script."""
        return self._frame.page("recover", None, typed="", alert="")

    async def recover(self, request: Request) -> Response:
        """A session that adds a passkey, and looks; the same answer whatever was wrong."""
        fields = await self._frame.form(request, None)
        name = fields.get("name", "").strip().lower()[:MAX_NAME_CHARS]
        person = person_id(name)
        token, session = self._visits.fresh(person, b"")
        code = code_hash(fields.get("code", ""))
        try:
            await self._frame.context.do(
                partial(UseCode, person=person, code=code, session=session)
            )
        except ControlFailure as failure:
            if failure.code != "CODE_USED":
                raise
            return self._frame.page("recover", None, 400, typed=name, alert=NO)
        return take_in(see_other(NEW_PASSKEY), token)

    async def log_out(self, request: Request, visit: Visit) -> Response:
        """At once; the cookie would be worth nothing even where somebody kept it."""
        await self._frame.form(request, visit)
        await self._visits.end(visit.session)
        return see_off(see_other("/login"))
