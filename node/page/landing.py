"""Where links from elsewhere end. No cookie comes along with them, so nothing is shown here.

The session's cookie is SameSite=Strict. A page of ours that leads on by itself makes the next
request one of our own, and the cookie comes with it; a redirect would still be the other site's.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from node.page.desk import path_id
from node.page.frame import Frame


class Landing:
    """GET /a/ID: the approval_url of the back channel."""

    def __init__(self, frame: Frame) -> None:
        self._frame = frame

    def routes(self) -> list[BaseRoute]:
        return [Route("/a/{id}", self._land, methods=["GET"])]

    async def _land(self, request: Request) -> Response:
        """The same for every id, known or not: only who is logged in learns more."""
        where = f"/requests/{path_id(request).hex()}"
        answer = self._frame.page("landing", None, where=where)
        answer.headers["Refresh"] = f"0; url={where}"
        return answer
