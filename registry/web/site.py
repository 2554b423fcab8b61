"""Everything that a registry answers over HTTP (registry section 6)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from proto.registry_record import RegistryRecord
from registry.desk import Desk
from registry.meter import Meter
from registry.web.commits import Commits
from registry.web.front import Front
from registry.web.guard import guarded
from registry.web.pages import notice, prepare
from registry.web.questions import Questions
from registry.web.recent import Recent
from registry.web.replies import HTML, NO_STORE, form, plain
from registry.web.vitals import AskHealth, Vitals
from runtime.clock import Clock


@dataclass(frozen=True, slots=True)
class Site:
    """`engine` opens reading connections; `more` are routes that other rooms bring, first of all
    the log's tiles and checkpoints."""

    desk: Desk
    engine: Engine
    clock: Clock
    record: Callable[[], RegistryRecord]
    health: AskHealth
    meter: Meter
    more: Sequence[BaseRoute] = ()

    def app(self) -> ASGIApp:
        """Run it on trio."""
        prepare()
        routes = [
            *Front(self.desk, self.engine, self.record, self.health).routes(),
            *Commits(self.desk, self.record).routes(),
            *Questions(self.desk, self.record).routes(),
            *Recent(self.desk, self.engine, self.clock.now_us).routes(),
            *Vitals(self.health, self.meter).routes(),
            *self.more,
        ]
        app = Starlette(routes=routes, exception_handlers={HTTPException: _wrong})
        return guarded(app, self.clock.monotonic_us)


async def _wrong(request: Request, fault: Exception) -> Response:
    """No such path, or no such method on it."""
    assert isinstance(fault, HTTPException)
    headers = {**NO_STORE, **(fault.headers or {})}
    if form(request) != HTML:
        return plain(fault.status_code, fault.detail, headers)
    text = "Everything there is to see is linked from the front page."
    return notice(request, fault.status_code, "There is nothing here", text, headers)
