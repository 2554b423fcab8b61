"""Standing approvals of a visitor: what each allows, how much of it is used, and its end."""

from dataclasses import dataclass
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from node.control.context import store
from node.control.failure import refuse
from node.core.people.mandates import left_of
from node.core.people.rows import Mandate
from node.page import shown
from node.page.desk import Desk
from node.page.frame import Frame, see_other
from node.page.visits import Visit

MAX_SHOWN: Final = 100  # the newest; more of them nobody oversees


@dataclass(frozen=True, slots=True)
class Shown:
    """One, at this moment. `left`: the most that one payment may take; `in_period`: what the
    running period has used; `open`: neither revoked nor over."""

    mandate: Mandate
    left: int
    in_period: int
    open: bool


class Standing:
    """/mandates."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame
        self._desk = Desk(frame)

    def routes(self) -> list[BaseRoute]:
        personal = self._frame.personal
        return [
            Route("/mandates", personal(self._list), methods=["GET"]),
            Route("/mandates/{id}/revoke", personal(self._revoke), methods=["POST"]),
        ]

    async def _list(self, request: Request, visit: Visit) -> Response:
        now_us = self._frame.context.clock.now_us()
        rows = self._desk.confirmations.mandates_of(visit.person.id)
        found = [_shown(row, now_us) for row in rows[:MAX_SHOWN]]
        standing = [one for one in found if one.open]
        over = [one for one in found if not one.open]
        return self._frame.page("mandates", visit, standing=standing, over=over, shown=shown)

    async def _revoke(self, request: Request, visit: Visit) -> Response:
        """At once. What was approved before goes on."""
        await self._frame.form(request, visit)
        named = str(request.path_params["id"])
        rows = self._desk.confirmations.mandates_of(visit.person.id)
        found = next((row for row in rows if row.id.hex() == named), None)
        if found is None:
            raise HTTPException(404)
        refuse(await store(self._desk.confirmations.revoke(found.id, visit.person.id)))
        return see_other("/mandates")


def _shown(row: Mandate, now_us: int) -> Shown:
    is_open = not row.revoked_at_us and now_us <= row.until_us
    periods = max(0, now_us - row.period_from_us) // row.period_us
    return Shown(row, max(0, left_of(row, now_us)), 0 if periods else row.in_period, is_open)
