"""People come in at a node's page with a real browser: joining, logging in, losing a passkey."""

from collections.abc import Iterator

import pytest

from node.command.browsing.window import DESK, PHONE, Browser
from node.page.visits import FRESH_US
from node.page_config import REST_HOURS
from proto.limits import US
from tests.browser.axe import faults, told
from tests.browser.bank_site import bank_site
from tests.node.page.bank import Bank

pytestmark = [pytest.mark.edge, pytest.mark.browser]


@pytest.fixture
def bank() -> Iterator[Bank]:
    with bank_site() as made:
        yield made


def join(bank: Bank, window: Browser) -> list[str]:
    """The codes of Bianca, who is in; her passkey is in the window's authenticator."""
    window.open(bank.origin + bank.invite("bianca"))
    window.press("Make my passkey")
    window.until_said("Now write these down")
    return [one.text() for one in window.all(".codes code")]


def test_a_person_joins_logs_out_and_in_and_adds_a_second_passkey(
    bank: Bank, visitor: Browser
) -> None:
    with visitor.passkeys() as keys:
        assert len(join(bank, visitor)) == 10
        visitor.press("Go on")
        assert "bianca" not in visitor.url(), "without the tick it stays where it is"
        visitor.find("input[type=checkbox]").click()
        visitor.press("Go on")
        visitor.until(lambda: visitor.url().startswith(bank.origin + "/?"), "the front page")
        visitor.complaints()  # what is to be confirmed is another room's, and not tried here
        visitor.open(bank.origin + "/account")
        visitor.press("Log out")
        visitor.until_at("/login")
        visitor.open(bank.origin + "/account")
        visitor.until_at("/login")
        visitor.press("Use my passkey")
        visitor.until_at("/account")
        assert "in use here" in visitor.text()
        bank.pass_time(FRESH_US)
        visitor.press("Add a passkey", "link")
        visitor.until_at("/again")
        visitor.press("Use my passkey")
        visitor.until_at("/account/passkeys/new")
        (first,) = keys.credentials()
        keys.empty()
        visitor.fill("What you call it", "Blue key")
        visitor.press("Make the passkey")
        visitor.until_said("The passkey is added.")
        assert "Blue key" in visitor.text() and len(keys.credentials()) == 1
        keys.empty()
        keys.add(first)
        visitor.press("Add a passkey", "link")
        visitor.press("Make the passkey")
        visitor.until_said("This device has a passkey of yours already")
    assert visitor.complaints() == [], "nothing that the policy forbids was tried"


def test_a_lost_passkey_is_replaced_by_a_code(bank: Bank, visitor: Browser) -> None:
    with visitor.passkeys() as keys:
        codes = join(bank, visitor)
        keys.empty()
        visitor.forget()
        visitor.open(bank.origin + "/login")
        visitor.press("Use a recovery code", "link")
        visitor.fill("Your name here", "Bianca")
        visitor.fill("A code that you have not used yet", codes[4].upper())
        visitor.press("Let me in")
        visitor.until_at("/account/passkeys/new")
        visitor.press("Make the passkey")
        visitor.until_said("The passkey is added.")
        assert "9 of your codes are unused" in visitor.text()
        assert "It is the one you use" in visitor.text(), "the lost one could still object"
        bank.pass_time(REST_HOURS * 3600 * US)
        visitor.open(bank.origin + "/account")
        visitor.until_at("/login")
        visitor.press("Use my passkey")
        visitor.until_at("/account")
        visitor.press("Change First passkey", "link")
        visitor.press("End it First passkey")
        visitor.until_said("It opens nothing any more.")
        visitor.press("Log out")
        visitor.until_at("/login")
        visitor.press("Use my passkey")
        visitor.until_at("/")


def test_what_goes_wrong_is_said_in_words(bank: Bank, visitor: Browser) -> None:
    with visitor.passkeys() as keys:
        join(bank, visitor)
        visitor.forget()
        stolen = keys.credentials()
        visitor.open(bank.origin + "/login")
        keys.lies(signature=True)
        visitor.press("Use my passkey")
        visitor.until_said("The passkey's answer is not to what was asked")
        keys.lies()
        keys.empty()
        visitor.press("Use my passkey")
        visitor.until_said("The dialogue was closed")
        assert visitor.find("[role=alert]").is_shown()
        assert visitor.find("button.solid").is_enabled(), "and one can try again"
        keys.add(stolen[0])
        visitor.press("Use my passkey")
        visitor.until_at("/")


OLD: str = """
delete PublicKeyCredential.parseCreationOptionsFromJSON;
delete PublicKeyCredential.parseRequestOptionsFromJSON;
delete PublicKeyCredential.prototype.toJSON;
return typeof PublicKeyCredential.parseRequestOptionsFromJSON;
"""


def test_an_older_browser_can_do_it_too(bank: Bank, visitor: Browser) -> None:
    with visitor.passkeys() as keys:
        visitor.open(bank.origin + bank.invite("bianca"))
        assert visitor.run(OLD) == "undefined"
        visitor.press("Make my passkey")
        visitor.until_said("Now write these down")
        assert len(keys.credentials()) == 1
        visitor.open(bank.origin + "/again?next=/account")
        visitor.run(OLD)
        visitor.press("Use my passkey")
        visitor.until_at("/account")


def test_without_scripts_all_but_the_passkey_works(bank: Bank, visitor: Browser) -> None:
    with visitor.passkeys():
        codes = join(bank, visitor)
    visitor.forget()
    visitor.scripts(False)
    try:
        visitor.open(bank.origin + "/login")
        assert "scripts are off here" in visitor.text()
        visitor.press("Use a recovery code", "link")
        visitor.fill("Your name here", "bianca")
        visitor.fill("A code that you have not used yet", codes[0])
        visitor.press("Let me in")
        visitor.until_at("/account/passkeys/new")
        visitor.open(bank.origin + "/account")
        assert "You came in by a recovery code" in visitor.text()
        visitor.press("Log out")
        visitor.until_at("/login")
    finally:
        visitor.scripts(True)


@pytest.mark.parametrize(("width", "dark"), [(PHONE, True), (DESK, False)], ids=["phone", "desk"])
def test_everybody_can_use_the_pages(bank: Bank, visitor: Browser, width: int, dark: bool) -> None:
    visitor.resize(width)
    visitor.dark(dark)
    paths = ("/login", "/recover", "/nothing", bank.invite("mallory"))
    inside = ("/account", "/account/passkeys/new", "/account/keys/new", "/account/codes", "/again")
    with visitor.passkeys():
        for path in paths:
            visitor.open(bank.origin + path)
            assert not (found := faults(visitor)), path + told(found)
        join(bank, visitor)
        assert not (found := faults(visitor)), "codes" + told(found)
        for path in inside:
            visitor.open(bank.origin + path)
            assert not (found := faults(visitor)), path + told(found)
        visitor.open(bank.origin + "/account")
        visitor.press("Change First passkey", "link")
        assert not (found := faults(visitor)), "way" + told(found)
