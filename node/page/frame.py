"""What every page of a node has in common: who asks, how it is answered, which forms are taken."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute

from node.control.context import Context
from node.control.failure import ControlFailure
from node.page.proving import Proving
from node.page.visits import Visit, Visits, mark
from node.page_config import PageConfig
from node.texts import said
from runtime.looks.templates import environment

FOLDER: Final = Path(__file__).parent
MAX_FORM_BYTES: Final = 32 * 1024  # a request as text, or an assertion: both below 12 KB
MAX_FIELDS: Final = 32
MAX_NEXT_CHARS: Final = 4096  # a request in a link: a QR code holds no more than 2953
FORM: Final = "application/x-www-form-urlencoded"

Handler = Callable[[Request], Awaitable[Response]]
Personal = Callable[[Request, Visit], Awaitable[Response]]
# What people see for a failure of a verb; every other one is 409: nothing was changed.
STATUS: Final = {
    "BAD_ARGUMENT": 400,
    "NOT_FOUND": 404,
    "CONFIRMATION_UNKNOWN": 404,
    "STORE_FULL": 503,
    "STORE_LOST": 503,
}


class Room(Protocol):
    """Some pages that belong together. What must not be shared between them lies in it."""

    def routes(self) -> list[BaseRoute]:
        """Where they are, and which methods they take."""
        ...


class NoForm(Exception):
    """A form that is not taken: too long, malformed, or not sent from a page of this session."""


@dataclass(slots=True)
class Frame:
    """`alias` of the node stands on every page. Owned by trio."""

    context: Context
    config: PageConfig
    visits: Visits
    proving: Proving = field(init=False)

    def __post_init__(self) -> None:
        self.proving = Proving(self.context, self.config, self.visits)
        self._templates = environment(FOLDER / "templates")

    _templates: Any = None

    def page(self, name: str, visit: Visit | None, status: int = 200, **values: object) -> Response:
        """The template of that name, with `visit`, `csrf`, `node` (its alias) and `origin`."""
        return Response(self.text(name, visit, **values), status, media_type="text/html")

    def text(self, name: str, visit: Visit | None, **values: object) -> str:
        """A template filled in, for answers that are sent piece by piece."""
        text: str = self._templates.get_template(f"{name}.html").render(
            visit=visit,
            csrf=visit.csrf if visit else "",
            node=self.context.alias,
            origin=self.config.origin,
            now_us=self.context.clock.now_us(),
            # On every page: whoever only follows links to requests has to hear of it, too.
            resting_ways=self.proving.resting(visit) if visit else [],
            in_by_code=self.visits.by_codes(visit) if visit else [],
            mark_of=mark,
            **values,
        )
        return text

    def notice(
        self, visit: Visit | None, status: int, title: str, text: str, step: str = ""
    ) -> Response:
        """A page with one thing to say, and what to do next."""
        return self.page("notice", visit, status, title=title, text=text, step=step)

    def failure(self, visit: Visit | None, failure: ControlFailure) -> Response:
        """Why not, in words."""
        words = said(failure.code, failure.figure)
        text = failure.message or (words.message if words else failure.code)
        step = failure.next_step or (words.next_step if words else "")
        status = STATUS.get(failure.code, 409)
        return self.notice(visit, status, "This was not done", text, step)

    def personal(self, handler: Personal) -> Handler:
        """A handler for whoever is logged in; others log in first and come back to a GET."""

        async def handle(request: Request) -> Response:
            visit = self.visits.of(request)
            if visit is None:
                return self._log_in_first(request)
            return await self._answered(visit, handler(request, visit))

        return handle

    def anyone(self, handler: Handler) -> Handler:
        """A handler for whoever comes, logged in or not."""

        async def handle(request: Request) -> Response:
            return await self._answered(None, handler(request))

        return handle

    async def _answered(self, visit: Visit | None, work: Awaitable[Response]) -> Response:
        try:
            return await work
        except NoForm as fault:
            return self.notice(visit, 403, "This form was not taken", str(fault))
        except ControlFailure as failure:
            return self.failure(visit, failure)

    def _log_in_first(self, request: Request) -> Response:
        if request.method != "GET":
            return self.notice(None, 403, "You are not logged in", "The session is over.", "/login")
        where = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return see_other(f"/login?next={quote(where[:MAX_NEXT_CHARS], safe='')}")

    async def form(self, request: Request, visit: Visit | None) -> dict[str, str]:
        """The fields of a POST from a page of ours. NoForm.

        With a visit its token must be among them: SameSite keeps the cookie from other sites, this
        keeps out what a browser might still send for them.
        """
        self.require_own(request)
        if request.headers.get("content-type", "").partition(";")[0].strip() != FORM:
            raise NoForm("It was not sent by this page.")
        data = await bounded_body(request, MAX_FORM_BYTES)
        try:
            pairs = parse_qsl(
                data.decode("ascii"), keep_blank_values=True, strict_parsing=bool(data),
                errors="strict", max_num_fields=MAX_FIELDS,
            )  # fmt: skip
        except ValueError as error:
            raise NoForm("It cannot be read.") from error
        fields = dict(pairs)
        if len(fields) != len(pairs):
            raise NoForm("It says something twice.")
        if visit is not None and not visit.is_sent(fields.pop("csrf", "")):
            raise NoForm("It belongs to another session: open the page again.")
        return fields

    def require_own(self, request: Request) -> None:
        """NoForm where a browser says that another site has sent this."""
        site = request.headers.get("sec-fetch-site", "same-origin")
        origin = request.headers.get("origin", self.config.origin)
        if site != "same-origin" or origin != self.config.origin:
            raise NoForm("Another site has sent it.")


async def bounded_body(request: Request, most: int) -> bytes:
    """The body of a request. NoForm where it is longer than `most` bytes."""
    data = bytearray()
    # Left before its end, a stream has to be closed by us: a collector of garbage cannot do it.
    async with aclosing(request.stream()) as pieces:
        async for piece in pieces:
            data += piece
            if len(data) > most:
                raise NoForm("It is too long.")
    return bytes(data)


def see_other(path: str) -> Response:
    """The answer to a form: what to look at now (RFC 9110 section 15.4.4)."""
    return RedirectResponse(path, 303)


def own_path(text: str) -> str:
    """Where a login leads: a path of this page, never another site. "/" for everything else."""
    plain = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if plain and text.isascii() and len(text) <= MAX_NEXT_CHARS else "/"


def told(value: Mapping[str, Any], status: int = 200) -> Response:
    """JSON, for programs."""
    return JSONResponse(dict(value), status)
