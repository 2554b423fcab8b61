"""Every page and every answer of a node's page, put together."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from node.control.context import Context
from node.page import files
from node.page.account import Account
from node.page.answers import No, Refused, refused
from node.page.api import Api
from node.page.asking import Asking
from node.page.back_channel import BackChannel
from node.page.belongings import Belongings
from node.page.frame import Frame, Room
from node.page.front import Front
from node.page.guard import guarded
from node.page.history import History
from node.page.joining import Joining
from node.page.landing import Landing
from node.page.logging_in import LoggingIn
from node.page.programs import Programs
from node.page.requests import Requests
from node.page.standing import Standing
from node.page.taking import Taking
from node.page.visits import Visits
from node.page.well_known import WellKnown
from node.page_config import PageConfig
from runtime.looks.behind import behind

PROGRAMS = ("/back/", "/api/", "/.well-known/")  # what is told there is told as JSON


def app(context: Context, config: PageConfig) -> ASGIApp:
    """Run it on trio."""
    frame = Frame(context, config, Visits(context))
    rooms: list[Room] = [
        Joining(frame),
        LoggingIn(frame),
        Account(frame),
        Front(frame),
        Landing(frame),
        Requests(frame),
        History(frame),
        Belongings(frame),
        Asking(frame),
        Taking(frame),
        Standing(frame),
    ]
    programs = Programs(context, config, frame.visits)
    routes = [
        *files.routes(),
        *(route for room in rooms for route in room.routes()),
        *BackChannel(context, config).routes(),
        *WellKnown(context, config).routes(),
        *programs.routes(),
        *Api(context, config, programs).routes(),
    ]

    async def wrong(request: Request, fault: Exception) -> Response:
        """No such path, or no such method on it: the same for ids that do not exist."""
        assert isinstance(fault, HTTPException)
        if request.url.path.startswith(PROGRAMS):
            return refused(Refused(No.NOT_ALLOWED if fault.status_code == 405 else No.NOT_FOUND))
        visit = frame.visits.of(request)
        text = "Everything there is to see is linked from the front page."
        return frame.notice(visit, fault.status_code, "There is nothing here", text, "/")

    made = Starlette(routes=routes, exception_handlers={HTTPException: wrong})
    secure = config.origin.startswith("https:")
    return behind(guarded(made, context.clock.monotonic_us, secure=secure), config.proxies)
