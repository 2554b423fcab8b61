"""One street, one stranger's site and two people with passkeys, for all tests of paying."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from node.command.browsing.chromium import missing
from node.command.browsing.passkeys import Authenticator, Credential
from node.command.browsing.window import Browser, Cookie
from tests.browser.paying.stranger import Heard, strangers_site
from tests.browser.paying.street import BANK, BRAND, SHOP_KEY, Street, street
from tests.browser.serving import served

OWES_AT_MOST = 20_000
FORM = """
const form = document.querySelector("form[data-passkey=approve]");
return form && [form.dataset.options, Object.fromEntries(new FormData(form))];
"""
SIGN = """
const [options, done] = arguments;
const asked = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(options));
navigator.credentials.get({ publicKey: asked })
  .then((made) => done(JSON.stringify(made.toJSON())), (fault) => done("fault: " + fault.name));
"""
POST = """
const [path, sent, done] = arguments;
const all = sent.map((fields) => fetch(path, {
  method: "POST", body: new URLSearchParams(fields), redirect: "manual",
}).then(async (answer) => [answer.status, await answer.text()]));
Promise.all(all).then(done, (fault) => done(String(fault)));
"""
LED_ON = 0  # what a script is told of a redirect: no more than that there is one


@dataclass
class Person:
    """Somebody at the bank's page. `name`: of the account; `keys`: the passkeys."""

    name: str
    street: Street
    window: Browser
    keys: Authenticator
    codes: list[str]

    def open(self, path: str) -> None:
        self.window.open(self.street.origin + path)

    def look(self, confirmation: str) -> str:
        """The page of a request; its text in one line."""
        self.open(f"/requests/{confirmation}")
        return self.text()

    def text(self) -> str:
        """What can be seen of the open page, in one line."""
        return " ".join(self.window.find("body").text().split())

    def approve(self) -> None:
        """What is open, until it is paid."""
        self.window.press("Approve with your passkey")
        self.outcome("This is final")

    def outcome(self, text: str) -> None:
        """Waits until the open payment is over, by way of its progress, and says so."""

        def over() -> bool:
            if text in self.window.text():
                return True
            if self.window.all("main .banner"):
                self.window.press("See the outcome", "link")
            return False

        self.window.until(over, f"{text!r}; it says {self.window.text()[-600:]}")

    def form(self, confirmation: str) -> tuple[str, dict[str, str]]:
        """(what the passkey is asked, the other fields) of a request's page, which is opened."""
        self.open(f"/requests/{confirmation}")
        found = self.window.run(FORM)
        assert found, self.window.text()
        return found[0], found[1]

    def sign(self, options: str) -> str:
        """What the passkey answers on the page that is open, or "fault: NAME"."""
        return str(self.window.run_later(SIGN, options))

    def approval(self, confirmation: str) -> dict[str, str]:
        """All fields of a genuine approval, which is not sent."""
        options, fields = self.form(confirmation)
        return {**fields, "assertion": self.sign(options)}

    def post(self, path: str, *sent: dict[str, str]) -> list[tuple[int, str]]:
        """(status, text) of forms that are sent at once, as this person, by a page of the bank."""
        found = self.window.run_later(POST, path, list(sent))
        assert isinstance(found, list), found
        return [(status, text) for status, text in found]

    @property
    def cookie(self) -> str:
        """The session, as the browser sends it."""
        return "; ".join(f"{c.name}={c.value}" for c in self.window.cookies())

    @property
    def purse(self) -> dict[str, int]:
        return self.street.purse(self.name)


@pytest.fixture(scope="session")
def heard() -> Heard:
    return Heard()


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory, heard: Heard) -> Iterator[Street]:
    """The street, with a requester that its operator knows."""
    absent = missing()
    if absent:
        pytest.skip(absent)
    with (
        served(strangers_site(heard)) as port,
        street(tmp_path_factory.mktemp("street")) as made,
    ):
        made.stranger = f"http://shop.localhost:{port}"
        made.ask(
            BANK,
            "requester.add",
            key=SHOP_KEY.public.hex(),
            name="The shop",
            notify=[f"{made.stranger}/called"],
            **{"return": [f"{made.stranger}/thanks"]},
        )
        yield made


@dataclass
class _Kept:
    cookies: tuple[Cookie, ...]
    credentials: tuple[Credential, ...]
    codes: list[str]


def _person(place: Street, window: Browser, name: str) -> Iterator[Person]:
    """Joined the first time; later the cookie and the passkey are put back as they were."""
    with window.passkeys() as keys:
        kept: _Kept | None = place.kept.get(name)
        window.open(place.origin + "/login")
        if kept is None:
            kept = place.kept[name] = _joined(place, window, keys, name)
        else:
            _put_back(place, window, keys, kept)
        window.open(place.origin + "/")
        window.complaints()
        yield Person(name, place, window, keys, kept.codes)
        if keys.credentials():
            kept.credentials = keys.credentials()  # their counters have gone on


def _joined(place: Street, window: Browser, keys: Authenticator, name: str) -> _Kept:
    limits = [[BRAND, str(OWES_AT_MOST)]]
    made = place.ask(BANK, "people.invite", name=name, display=name.title(), limits=limits)
    window.open(made["link"])
    window.press("Make my passkey")
    window.until_said("You are in")
    codes = [code.text() for code in window.all("ol.codes code")]
    cookies = tuple(c for c in window.cookies() if c.http_only)
    return _Kept(cookies, keys.credentials(), codes)


def _put_back(place: Street, window: Browser, keys: Authenticator, kept: _Kept) -> None:
    for credential in kept.credentials:
        keys.add(credential)
    for cookie in kept.cookies:
        window.wire.tell(
            "Network.setCookie", url=place.origin, name=cookie.name, value=cookie.value,
            secure=True, httpOnly=True, sameSite="Strict", path="/",
        )  # fmt: skip


@pytest.fixture
def anna(place: Street, visitor: Browser) -> Iterator[Person]:
    """In the first browser."""
    yield from _person(place, visitor, "anna")


@pytest.fixture
def bert(place: Street, another: Browser) -> Iterator[Person]:
    """In the second browser."""
    yield from _person(place, another, "bert")
