"""The hands and eyes that other tests use: each does what it says, and complains when it cannot."""

from base64 import urlsafe_b64decode
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from node.command.browsing.local_names import LocalNames
from node.command.browsing.waiting import until
from node.command.browsing.window import DESK, PHONE, Browser
from node.command.browsing.wire import BrowserFault
from tests.browser.axe import faults, look, told
from tests.browser.two_sites import Sites

pytestmark = [pytest.mark.edge, pytest.mark.browser]

PNG = b"\x89PNG\r\n\x1a\n"


def size(picture: Path) -> tuple[int, int]:
    head = picture.read_bytes()
    assert head.startswith(PNG)
    return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])


# ---------------------------------------------------------------- hands


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_form_is_filled_and_sent_by_what_a_reader_hears(
    visitor: Browser, sites: Sites, scripts: bool
) -> None:
    visitor.scripts(scripts)
    visitor.open(sites.bank)
    visitor.fill("Payee", "nobody")
    visitor.fill("Payee", "Söhne & <Co> 'x' \"y\"")
    visitor.fill("Amount", "12")
    visitor.press("Every month", "checkbox")
    assert visitor.role("checkbox", "Every month").is_chosen()
    assert visitor.role("textbox", "Payee").value() == "Söhne & <Co> 'x' \"y\""
    visitor.press("Deny")
    until(lambda: visitor.title() == "Said", "what was said")
    wanted = "said: again=yes amount=12 do=deny payee=Söhne & <Co> 'x' \"y\""
    assert wanted in visitor.text()
    assert visitor.saying(wanted[:40]).text() == wanted
    assert visitor.saying(wanted[20:]).text() == wanted, "both kinds of quotes"


def test_a_form_is_sent_from_the_keyboard_alone(visitor: Browser, sites: Sites) -> None:
    visitor.open(sites.bank)
    visitor.key("Tab")
    assert visitor.focused().label() == "Payee"
    visitor.key("bianca", "Tab")
    visitor.key("7")
    visitor.key("Enter")
    visitor.until_at("/said")
    assert "said: amount=7 do=approve payee=bianca" in visitor.text()


def test_the_browser_checks_a_form_before_it_sends_it(visitor: Browser, sites: Sites) -> None:
    visitor.open(sites.bank)
    visitor.submit()
    assert visitor.url() == f"{sites.bank}/"
    visitor.fill("Payee", "bianca")
    visitor.submit("form")
    visitor.until_said("said: amount= payee=bianca")
    visitor.back()
    visitor.until_said("Every month")


def test_what_is_not_there_is_complained_of(visitor: Browser, sites: Sites) -> None:
    visitor.open(sites.bank)
    with pytest.raises(BrowserFault, match="0 of role button are named 'Pay'; there are: 'Approve"):
        visitor.press("Pay")
    with pytest.raises(BrowserFault, match="0 of role link are named 'Approve'"):
        visitor.press("Approve", "link")
    with pytest.raises(BrowserFault, match=r"nothing on .* is '.none'"):
        visitor.find(".none")
    with pytest.raises(BrowserFault, match=r"nothing on .* says 'Denied'"):
        visitor.saying("Denied")
    with pytest.raises(
        BrowserFault, match=r"not within 0.1 s: 'Denied' is said; .* at http://bank"
    ):
        visitor.until_said("Denied", within_s=0.1)
    assert visitor.all(".none") == ()


def test_what_is_covered_cannot_be_clicked(visitor: Browser, sites: Sites) -> None:
    visitor.open(sites.bank)
    visitor.run(
        "const e = document.createElement('div'); document.body.append(e);"
        "e.style.cssText = 'position: fixed; inset: 0';"
    )
    with pytest.raises(BrowserFault, match="element click intercepted"):
        visitor.press("Approve")


def test_a_file_is_kept(visitor: Browser, sites: Sites, tmp_path: Path) -> None:
    visitor.downloads(tmp_path / "kept")
    visitor.open(sites.bank)
    visitor.press("Receipt", "link")
    kept = tmp_path / "kept" / "receipt.bin"
    visitor.until(kept.exists, "a receipt")
    assert sha256(kept.read_bytes()).digest() == sha256(bytes(range(256))).digest()


# ---------------------------------------------------------------- eyes


def test_a_phone_and_a_desk_are_seen_as_such(
    visitor: Browser, sites: Sites, tmp_path: Path
) -> None:
    for width, wide, pixels in ((DESK, True, DESK), (PHONE, False, 2 * PHONE)):
        visitor.resize(width)
        visitor.open(sites.bank)
        assert visitor.find(".desk").is_shown() is wide
        assert ("A wide desk" in visitor.text()) is wide
        assert visitor.run("return matchMedia('(pointer: coarse)').matches") is not wide
        visitor.picture(tmp_path / "shots" / f"{width}.png")
        assert size(tmp_path / "shots" / f"{width}.png")[0] == pixels


def test_the_dark_is_seen_as_such(visitor: Browser, sites: Sites) -> None:
    visitor.open(sites.bank)
    assert look(visitor, "brightness") == 1
    visitor.dark(True)
    assert look(visitor, "brightness") < 0.1


def test_pages_run_no_scripts_where_they_are_off(visitor: Browser, sites: Sites) -> None:
    visitor.scripts(False)
    visitor.open(f"{sites.bank}/passkey?rp=bank.localhost")
    visitor.press("Make a passkey")
    assert visitor.find("output").text() == ""
    visitor.scripts(True)
    visitor.again()
    visitor.press("Make a passkey")
    visitor.until(lambda: visitor.find("output").text(), "an answer")


def test_a_broken_rule_is_complained_of(visitor: Browser, sites: Sites) -> None:
    visitor.open(sites.bank)
    assert visitor.complaints() == []
    visitor.open(f"{sites.bank}/faulty")
    assert any("Content Security Policy" in each for each in visitor.complaints())
    assert visitor.run("return window.ran === undefined")
    assert visitor.complaints() == [], "each is told once"


def test_what_was_asked_for_is_known(visitor: Browser, sites: Sites) -> None:
    visitor.open(sites.bank)
    assert {f"{sites.bank}/", f"{sites.bank}/style.css"} <= set(visitor.requests())
    assert visitor.requests() == []


# ---------------------------------------------------------------- people


def test_two_people_share_nothing(visitor: Browser, another: Browser, sites: Sites) -> None:
    visitor.open(f"{sites.bank}/login")
    another.open(sites.bank)
    assert "cookies: none" in another.text()
    visitor.open(sites.bank)
    assert "cookies: __Host-session lax" in visitor.text()


def test_two_tabs_are_one_person(visitor: Browser, sites: Sites) -> None:
    visitor.open(f"{sites.bank}/login")
    with visitor.tab():
        visitor.open(sites.bank)
        assert "cookies: __Host-session lax" in visitor.text()
    assert visitor.url() == f"{sites.bank}/login"
    visitor.forget()
    visitor.open(sites.bank)
    assert "cookies: none" in visitor.text()
    visitor.plant("lax", "planted")
    assert [each.value for each in visitor.cookies()] == ["planted"]


def test_a_passkey_can_be_taken_along_and_lost(
    visitor: Browser, another: Browser, sites: Sites
) -> None:
    here = f"{sites.bank}/passkey?rp=bank.localhost"

    def said(window: Browser) -> str:
        window.until(lambda: window.find("output").text() not in ("", "asking"), "an answer")
        return window.find("output").text()

    with visitor.passkeys() as keys, another.passkeys() as stolen:
        visitor.open(here)
        visitor.press("Make a passkey")
        first = said(visitor)
        stolen.add(keys.credentials()[0])
        another.open(here)
        another.press("Use it")
        assert said(another) == first
        keys.recognises(False)
        visitor.press("Use it")
        visitor.until(lambda: "NotAllowedError" in said(visitor), "a refusal")
        keys.recognises(True)
        keys.remove(keys.credentials()[0].credential_id)
        assert keys.credentials() == ()
        stolen.empty()
        assert stolen.credentials() == ()


ANSWER = """
const done = arguments[0];
navigator.credentials.get({ publicKey: {
  challenge: new Uint8Array(32), rpId: "bank.localhost", userVerification: "required",
} }).then((made) => done(made.toJSON().response), (fault) => done(String(fault)));
"""


def test_an_authenticator_can_lie(visitor: Browser, sites: Sites) -> None:
    """So that a server's own checks are seen to hold."""
    present, verified = 1, 4  # flags in WebAuthn's authenticator data, after 32 bytes of hash

    def flags() -> int:
        answer = visitor.run_later(ANSWER)
        assert isinstance(answer, dict), answer
        return urlsafe_b64decode(answer["authenticatorData"] + "==")[32]

    visitor.open(f"{sites.bank}/passkey?rp=bank.localhost")
    with visitor.passkeys() as keys:
        visitor.press("Make a passkey")
        visitor.until(lambda: keys.credentials(), "a passkey")
        assert flags() & (present | verified) == present | verified
        keys.lies(verified=True)
        assert flags() & (present | verified) == present
        keys.lies(present=True)
        assert flags() & (present | verified) == verified
        keys.lies()
        assert flags() & (present | verified) == present | verified


# ---------------------------------------------------------------- around it


def test_axe_finds_what_is_wrong_and_nothing_else(visitor: Browser, sites: Sites) -> None:
    visitor.open(sites.bank)
    found = faults(visitor)
    assert not found, told(found)
    visitor.open(f"{sites.bank}/faulty")
    rules = {fault.rule for fault in faults(visitor)}
    axe = {"image-alt", "label", "document-title", "html-has-lang", "color-contrast", "button-name"}
    assert axe | {"target-size", "focus-visible"} <= rules


def test_our_own_calls_reach_names_of_loopback(sites: Sites) -> None:
    with httpx.Client(transport=LocalNames()) as http:
        answer = http.get(sites.bank)
        assert answer.status_code == 200
        assert answer.url.host == "bank.localhost"
