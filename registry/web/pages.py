"""Pages for people: templates filled in. Everything a stranger chose is escaped."""

from functools import cache
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

from registry.web import words
from registry.web.replies import HTML, NO_STORE, Headers, reply

FOLDER: Final = Path(__file__).parent
MAX_TEMPLATES: Final = 32  # all of ours stay compiled


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        cache_size=MAX_TEMPLATES,
    )
    for name in ("moment", "second", "day", "machine", "span", "size", "number", "grouped"):
        environment.filters[name] = getattr(words, name)
    return environment


def prepare() -> None:
    """Compiles every template. Later it would hold up whatever is being decided."""
    for name in _environment().list_templates():
        _environment().get_template(name)


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
