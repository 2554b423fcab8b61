"""Pages for people: templates filled in. Everything a stranger chose is escaped."""

from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import Response

from registry.web.replies import HTML, NO_STORE, Headers, reply
from runtime.looks.templates import environment

FOLDER: Final = Path(__file__).parent


@cache
def _environment() -> Environment:
    return environment(FOLDER / "templates")


def prepare() -> None:
    """Compiles every template. Later it would hold up whatever is being decided."""
    _environment()


def page(request: Request, status: int, name: str, headers: Headers, **values: object) -> Response:
    """The template of that name with `values`, and with `up`: the way to the front page."""
    up = "../" * (request.url.path.count("/") - 1)
    text = _environment().get_template(f"{name}.html").render(up=up, **values)
    return reply(request, status, text.encode(), HTML, headers)


def notice(
    request: Request, status: int, title: str, text: str, headers: Headers = NO_STORE
) -> Response:
    """A page with one thing to say."""
    return page(request, status, "notice", headers, title=title, text=text, code=status)
