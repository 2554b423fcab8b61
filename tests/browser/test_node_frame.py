"""The frame that all pages of a node have, menu and footer included, around its shortest page."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Final

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from node.command.browsing.window import DESK, Browser
from node.page.files import routes
from node.page.frame import FOLDER
from node.page.guard import HEADERS
from runtime.looks.templates import environment
from tests.browser.axe import faults, look, told
from tests.browser.serving import served

pytestmark = [pytest.mark.edge, pytest.mark.browser]

NARROW: Final = 320  # what a page of 1280 is at 400 % (WCAG 1.4.10)
PERSON: Final = SimpleNamespace(display="Bianca <b> & Söhne", name="bianca")


async def notice(request: Request) -> Response:
    words = environment(FOLDER / "templates").get_template("notice.html")
    text = words.render(
        visit=SimpleNamespace(person=PERSON),
        csrf="0123",
        node="albizzi <node>",
        origin="https://bank.example",
        now_us=0,
        title="There is nothing here",
        text="Everything there is to see is linked from the front page.",
        step="/",
    )
    return HTMLResponse(text, headers=HEADERS)


@pytest.fixture(scope="module")
def page() -> Iterator[str]:
    with served(Starlette(routes=[Route("/", notice), *routes()])) as port:
        yield f"http://bank.localhost:{port}/"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [NARROW, DESK])
def test_nothing_stands_in_a_readers_way(
    visitor: Browser, page: str, width: int, dark: bool
) -> None:
    visitor.resize(width)
    visitor.dark(dark)
    visitor.open(page)
    found = faults(visitor)
    assert not found, told(found)
    assert look(visitor, "unheard") == []
    assert visitor.complaints() == []
    assert "You are Bianca <b> & Söhne (bianca)" in visitor.find("footer").text()


def test_its_policy_runs_no_inline_script(visitor: Browser, page: str) -> None:
    visitor.open(page)
    assert look(visitor, "inlineScriptRuns") is False
