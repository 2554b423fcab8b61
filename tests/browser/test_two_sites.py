"""What a real browser does between a bank and a shop: the pages of a node are built on it."""

import pytest

from node.command.browsing.window import Browser
from node.command.browsing.wire import BrowserFault
from tests.browser.two_sites import Sites

pytestmark = [pytest.mark.edge, pytest.mark.browser]

STRICT = "__Host-session"


def made(window: Browser) -> str:
    """What the page says about its last passkey."""

    def ended() -> str:
        said = window.find("output").text()
        return "" if said in ("", "asking") else said

    return window.until(ended, "a passkey, or a refusal")


# ---------------------------------------------------------------- passkeys


def test_a_passkey_is_made_and_used_under_a_name_of_loopback(
    visitor: Browser, sites: Sites
) -> None:
    visitor.open(f"{sites.bank}/passkey?rp=bank.localhost")
    assert visitor.run("return isSecureContext") is True, "though it is not https"
    with visitor.passkeys() as keys:
        visitor.press("Make a passkey")
        said = made(visitor)
        (credential,) = keys.credentials()
        assert credential.rp_id == "bank.localhost"
        assert credential.user_handle == bytes([1]) * 16
        assert said.split()[0] == "done"
        assert said.split()[2] == sites.bank, "the origin has the port"
        visitor.again()
        visitor.press("Use it")
        assert made(visitor) == said
        assert keys.credentials()[0].sign_count > credential.sign_count
    assert visitor.complaints() == []


@pytest.mark.parametrize("place", ["shop", "machine"])
def test_another_site_cannot_use_the_passkey(visitor: Browser, sites: Sites, place: str) -> None:
    """Phishing: the browser itself refuses."""
    with visitor.passkeys() as keys:
        visitor.open(f"{sites.bank}/passkey?rp=bank.localhost")
        visitor.press("Make a passkey")
        assert made(visitor).startswith("done")
        visitor.open(f"{getattr(sites, place)}/passkey?rp=bank.localhost")
        visitor.press("Use it")
        assert made(visitor).startswith("SecurityError")
        assert len(keys.credentials()) == 1


def test_localhost_is_nobodys_domain(visitor: Browser, sites: Sites) -> None:
    """Else one passkey would be for all that run on a machine."""
    with visitor.passkeys() as keys:
        visitor.open(f"{sites.bank}/passkey?rp=localhost")
        visitor.press("Make a passkey")
        assert made(visitor).startswith("SecurityError")
        assert keys.credentials() == ()


# ---------------------------------------------------------------- cookies


def log_in(window: Browser, sites: Sites) -> None:
    window.open(f"{sites.bank}/login")
    window.open(sites.bank)
    assert "cookies: __Host-session lax" in window.text()


def test_a_secure_strict_cookie_is_kept_under_a_name_of_loopback(
    visitor: Browser, sites: Sites
) -> None:
    log_in(visitor, sites)
    (kept,) = (each for each in visitor.cookies() if each.name == STRICT)
    assert (kept.same_site, kept.secure, kept.http_only) == ("Strict", True, True)
    assert kept.domain == "bank.localhost"
    visitor.open(sites.shop)
    assert visitor.cookies() == ()


def test_a_link_from_another_site_does_not_carry_it(visitor: Browser, sites: Sites) -> None:
    log_in(visitor, sites)
    for elsewhere in (sites.shop, sites.machine):
        visitor.open(sites.out(elsewhere, sites.bank))
        visitor.press("Go", "link")
        assert "cookies: lax" in visitor.text()
        assert "from: cross-site" in visitor.text()
        visitor.again()
        assert STRICT not in visitor.text(), "it is the same request once more"


def test_a_link_from_a_part_of_the_site_carries_it(visitor: Browser, sites: Sites) -> None:
    log_in(visitor, sites)
    visitor.open(sites.out(sites.bank_part, sites.bank))
    visitor.press("Go", "link")
    assert "cookies: __Host-session lax" in visitor.text()
    assert "from: same-site" in visitor.text()


def test_a_form_from_another_site_carries_nothing(visitor: Browser, sites: Sites) -> None:
    """CSRF: not even what is lax."""
    log_in(visitor, sites)
    visitor.open(sites.out(sites.shop, f"{sites.bank}/said"))
    visitor.press("Send")
    assert "said: payee=mallory" in visitor.text()
    assert "cookies: none" in visitor.text()


@pytest.mark.parametrize(("by", "carried"), [("redirect", False), ("refresh", True)])
def test_a_page_that_refreshes_leads_into_the_session_a_redirect_does_not(
    visitor: Browser, sites: Sites, by: str, carried: bool
) -> None:
    """How somebody who comes by a link from outside gets to where he is logged in."""
    log_in(visitor, sites)
    visitor.scripts(False)
    visitor.open(sites.out(sites.shop, f"{sites.bank}/on?by={by}"))
    visitor.press("Go", "link")
    visitor.until_said("cookies:")
    assert (STRICT in visitor.text()) is carried
    assert f"from: {'same-origin' if carried else 'cross-site'}" in visitor.text()


# ---------------------------------------------------------------- ways in and out


def test_a_frame_is_refused(visitor: Browser, sites: Sites) -> None:
    """Clickjacking."""
    visitor.open(sites.out(sites.shop, sites.bank))
    (said,) = (each for each in visitor.complaints() if "Framing" in each)
    assert "frame-ancestors 'none'" in said


def test_an_answer_to_a_form_does_not_lead_to_another_site(visitor: Browser, sites: Sites) -> None:
    """form-action 'self' holds for redirects as well: the way back to a shop is a link."""
    visitor.open(f"{sites.bank}/leave?to={sites.shop}/")
    visitor.press("Deny")
    assert visitor.url().startswith(sites.bank)
    assert any("form-action 'self'" in each for each in visitor.complaints())
    visitor.press("Back to the shop", "link")
    assert visitor.url() == f"{sites.shop}/"
    assert "from: cross-site" in visitor.text()


def test_nothing_else_can_be_reached(visitor: Browser) -> None:
    with pytest.raises(BrowserFault, match="ERR_NAME_NOT_RESOLVED"):
        visitor.open("http://bank.example/")
