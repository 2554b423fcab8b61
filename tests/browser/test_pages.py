"""Both pages in a real browser: on a phone and a desk, in the dark, without scripts, on paper."""

from typing import Final

import pytest

from node.command.browsing.window import DESK, PHONE, Browser
from tests.browser.axe import faults, look, told
from tests.browser.conftest import NAME, WITNESS, Site

pytestmark = [pytest.mark.edge, pytest.mark.browser]

PAGES: Final = ("front", "committed", "late", "unknown", "nowhere")
LEAST_CONTRAST: Final = 4.5  # WCAG 2.2, 1.4.3
LEAST_TARGET: Final = 24  # CSS pixels; WCAG 2.2, 2.5.8


def url(site: Site, name: str) -> str:
    path = {
        "front": "/",
        "committed": f"/commit/{site.committed}",
        "late": f"/commit/{site.late}",
        "unknown": f"/commit/{site.unknown}",
        "nowhere": "/nothing/here",
    }
    return site.url + path[name]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("name", PAGES)
def test_it_can_be_read(window: Browser, site: Site, name: str, width: int, dark: bool) -> None:
    window.resize(width)
    window.dark(dark)
    window.open(url(site, name))
    assert look(window, "sticksOut") == [], "nobody scrolls sideways"
    look(window, "grow")
    assert look(window, "sticksOut") == [], "nor in ten years"
    assert look(window, "faint") == [], f"contrast is at least {LEAST_CONTRAST}"
    assert look(window, "tiny") == [], f"a finger needs {LEAST_TARGET} pixels"
    background = look(window, "brightness")
    assert isinstance(background, int | float)
    assert (background < 0.1) is dark


@pytest.mark.parametrize("name", PAGES)
def test_it_can_be_heard(window: Browser, site: Site, name: str) -> None:
    window.open(url(site, name))
    assert look(window, "unheard") == []


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(window: Browser, site: Site, name: str) -> None:
    window.resize(PHONE)
    window.dark(False)  # of the dark, which is a matter of contrast, we have asked above
    window.open(url(site, name))
    found = faults(window)
    assert not found, told(found)


@pytest.mark.parametrize("name", ["front", "committed", "late"])
def test_it_asks_nobody_else_and_complains_of_nothing(
    window: Browser, site: Site, name: str
) -> None:
    window.open(url(site, name))
    window.complaints()
    window.requests()
    window.open(url(site, name))
    assert window.complaints() == []
    asked = window.requests()
    assert url(site, name) in asked
    assert {u for u in asked if not u.startswith(f"{site.url}/")} == set()


def test_scripts_are_not_needed(window: Browser, site: Site) -> None:
    window.scripts(False)
    try:
        window.open(site.url + "/")
        said = window.text()
        assert "Deciding" in said
        assert NAME in said
        window.open(url(site, "committed"))
        assert "Committed" in window.text()
        window.click(".brand a")
        assert "Latest decisions" in window.text(), "its way home"
    finally:
        window.scripts(True)


def test_what_the_page_forbids_does_not_run(window: Browser, site: Site) -> None:
    """The policy holds in a browser, not only in a header."""
    window.open(site.url + "/")
    assert look(window, "inlineScriptRuns") is False


def test_the_list_hands_out_no_id(window: Browser, site: Site) -> None:
    window.open(site.url + "/")
    source = str(window.run("return document.documentElement.outerHTML"))
    assert site.committed[:8] in source
    for uuid in (site.committed, site.late):
        assert uuid not in source
        assert uuid.replace("-", "")[:12] not in source


def test_the_witness_is_seen_on_both_pages(window: Browser, site: Site) -> None:
    window.open(url(site, "committed"))
    assert WITNESS in window.text()
    assert "1 cosigned, 1 needed" in window.text()
    window.open(url(site, "front"))
    assert WITNESS in window.text()


def test_it_prints(window: Browser, site: Site) -> None:
    window.resize(DESK)
    window.paper(True)
    try:
        window.open(url(site, "committed"))
        assert look(window, "faint") == []
        assert look(window, "brightness") == 1
    finally:
        window.paper(False)
