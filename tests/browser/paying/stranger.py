"""A site that means no good, and that a buyer is led back to: what others can do from there.

/frame?to=   the page in a frame           /post?to=&FIELDS   a form that sends itself there
/link?to=    a link                        /passkey           uses passkeys of another site
/thanks      where a buyer comes back      /called            where webhooks would come in
"""

from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

HEAD = '<!doctype html><html lang="en"><title>Prizes</title><link rel="icon" href="data:,">'


@dataclass
class Heard:
    """What came in there."""

    calls: list[bytes] = field(default_factory=list)
    back: list[str] = field(default_factory=list)


def strangers_site(heard: Heard) -> Starlette:
    async def link(request: Request) -> Response:
        to = escape(request.query_params["to"])
        return HTMLResponse(f'{HEAD}<a href="{to}">Your bank</a>')

    async def frame(request: Request) -> Response:
        to = escape(request.query_params["to"])
        return HTMLResponse(f'{HEAD}<p>Click here to win</p><iframe src="{to}"></iframe>')

    async def post(request: Request) -> Response:
        fields = dict(request.query_params)
        to, kind = escape(fields.pop("to")), escape(fields.pop("kind", ""))
        more = f' enctype="{kind}"' if kind else ""
        inputs = "".join(
            f'<input name="{escape(name)}" value="{escape(value)}">'
            for name, value in fields.items()
        )
        return HTMLResponse(
            f'{HEAD}<form method="post" action="{to}"{more}>{inputs}<button>Win</button></form>'
        )

    async def thanks(request: Request) -> Response:
        heard.back.append(request.url.query)
        return HTMLResponse(f"{HEAD}<h1>Welcome back</h1>")

    async def called(request: Request) -> Response:
        heard.calls.append(await request.body())
        return Response(status_code=204)

    async def passkey(request: Request) -> Response:
        return HTMLResponse(f"{HEAD}<h1>Your bank, really</h1>")

    async def script(request: Request) -> Response:
        return FileResponse(Path(__file__).parent / "passkey.js", media_type="text/javascript")

    return Starlette(
        routes=[
            Route("/link", link),
            Route("/frame", frame),
            Route("/post", post),
            Route("/thanks", thanks),
            Route("/called", called, methods=["POST"]),
            Route("/passkey", passkey),
        ]
    )
