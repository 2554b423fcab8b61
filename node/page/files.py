"""What pages are made of: the common style, this page's own, and the script for passkeys."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from node.page.frame import FOLDER
from runtime import looks

OWN: Final = {"page.css": "text/css", "passkey.js": "text/javascript"}
UNASKED: Final = "/favicon.ico"  # where a browser looks beside what names no icon: JSON, say
CACHING: Final = {"Cache-Control": "public, max-age=300"}


def routes() -> list[BaseRoute]:
    """GET of every file, read once."""
    found = {name: (looks.FOLDER / name, media) for name, media in looks.FILES.items()}
    found |= {name: (FOLDER / "static" / name, media) for name, media in OWN.items()}
    made = [_route(f"/{name}", path.read_bytes(), media) for name, (path, media) in found.items()]
    icon, media = found["icon.svg"]
    return [*made, _route(UNASKED, icon.read_bytes(), media)]


def _route(path: str, data: bytes, media: str) -> BaseRoute:
    async def get(request: Request) -> Response:
        return Response(data, 200, CACHING, media)

    return Route(path, get, methods=["GET"])
