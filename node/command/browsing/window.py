"""A window: what a person does in it, what is seen of it, and what the browser complains of."""

import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from node.command.browsing.elements import (
    FIELDS,
    Element,
    by_role,
    by_selector,
    by_text,
    said,
    tree,
)
from node.command.browsing.passkeys import Authenticator, authenticator
from node.command.browsing.waiting import PATIENCE_S, until
from node.command.browsing.wire import BrowserFault, BrowserGone, Wire

PHONE: Final = 360  # CSS pixels: most phones are as wide or wider
DESK: Final = 1280
NARROW: Final = 600  # below it is a phone, which has a finger for a mouse
KEYS: Final = {  # WebDriver's names of what no character is printed on
    "Tab": "\ue004",
    "Enter": "\ue007",
    "Escape": "\ue00c",
    "Space": "\ue00d",
    "Left": "\ue012",
    "Up": "\ue013",
    "Right": "\ue014",
    "Down": "\ue015",
    "Shift": "\ue008",
    "Home": "\ue011",
    "End": "\ue010",
    "Backspace": "\ue003",
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cookie:
    """What the browser keeps for a site. `same_site`: Strict, Lax, None, or "" where not said."""

    name: str
    value: str
    domain: str
    path: str
    secure: bool
    http_only: bool
    same_site: str


@dataclass(frozen=True, slots=True)
class Browser:
    """One browser: one person. All methods: BrowserFault."""

    wire: Wire

    # ------------------------------------------------------------ where it is

    def open(self, url: str) -> None:
        """Types an address. Returns when the page is loaded, with all it needs."""
        self.wire.post("/url", url=url)

    def again(self) -> None:
        """Reloads."""
        self.wire.post("/refresh")

    def back(self) -> None:
        self.wire.post("/back")

    def url(self) -> str:
        return str(self.wire.get("/url"))

    def title(self) -> str:
        return str(self.wire.get("/title"))

    def source(self) -> str:
        """The page as it is now, as HTML."""
        return str(self.wire.get("/source"))

    @contextmanager
    def tab(self) -> Iterator[None]:
        """A further tab of the same person around a block; then the one before."""
        before = self.wire.get("/window")
        made = self.wire.post("/window/new", type="tab")["handle"]
        self.wire.post("/window", handle=made)
        try:
            yield
        finally:
            with suppress(BrowserFault):  # it closed itself
                self.wire.delete("/window")
            self.wire.post("/window", handle=before)

    # ------------------------------------------------------------ what is done

    def find(self, selector: str) -> Element:
        """The first that a CSS selector means."""
        found = self.all(selector)
        if not found:
            raise BrowserFault(f"nothing on {self.url()} is {selector!r}")
        return found[0]

    def all(self, selector: str) -> tuple[Element, ...]:
        """All that a CSS selector means, in the page's order."""
        return by_selector(self.wire, selector)

    def role(self, role: str, name: str) -> Element:
        """The one that a screen reader calls so: `role("button", "Approve")`."""
        return by_role(self.wire, (role,), name)

    def saying(self, text: str) -> Element:
        """The smallest visible part that holds `text`, the first of several."""
        found = by_text(self.wire, text)
        if not found:
            raise BrowserFault(f"nothing on {self.url()} says {text!r}")
        return found[0]

    def click(self, selector: str) -> None:
        self.find(selector).click()

    def press(self, name: str, role: str = "button") -> None:
        """Clicks the button of that name, or the "link" or what `role` says."""
        self.role(role, name).click()

    def fill(self, label: str, text: str) -> None:
        """Writes into the field of that label, in place of what stood there."""
        field = by_role(self.wire, FIELDS, label)
        field.clear()
        field.type(text)

    def submit(self, selector: str = "form") -> None:
        """Sends a form as the Enter key in it would: the browser checks it first."""
        self.run(f"document.querySelector({json.dumps(selector)}).requestSubmit()")

    def key(self, *names: str) -> None:
        """Presses keys at what has the focus, one after another: a name of KEYS, or characters.

        Shift is held down until the end.
        """
        self.focused().type("".join(KEYS.get(name, name) for name in names))

    def focused(self) -> Element:
        """What the next key would go to."""
        return Element(self.wire, *self.wire.get("/element/active").values())

    def run(self, script: str, *arguments: object) -> Any:
        """The value of a function's body in the page, whatever its policy forbids to pages."""
        return self.wire.post("/execute/sync", script=script, args=list(arguments))

    def run_later(self, script: str, *arguments: object) -> Any:
        """What the function's body gives to its last argument, a function, sooner or later."""
        return self.wire.post("/execute/async", script=script, args=list(arguments))

    # ------------------------------------------------------------ what is waited for

    def until(self, question: Callable[[], T], what: str, within_s: float = PATIENCE_S) -> T:
        """The first true answer; `what` names it in the complaint that it did not come."""
        try:
            return until(question, what, within_s)
        except BrowserGone:
            raise
        except BrowserFault as fault:
            raise BrowserFault(f"{fault}; at {self.url()}") from fault

    def until_said(self, text: str, within_s: float = PATIENCE_S) -> None:
        """Until the page says `text`."""
        self.until(lambda: text in self.text(), f"{text!r} is said", within_s)

    def until_at(self, part: str, within_s: float = PATIENCE_S) -> None:
        """Until the address holds `part`."""
        self.until(lambda: part in self.url(), f"an address with {part!r}", within_s)

    # ------------------------------------------------------------ what is seen

    def text(self) -> str:
        """What a reader sees of the page, by the tree that screen readers are given."""
        return "\n".join(said(node, "name") for node in tree(self.wire))

    def picture(self, path: Path) -> None:
        """The whole page as PNG, folders made as needed."""
        shot = self.wire.tell("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b64decode(shot["data"]))

    def complaints(self) -> list[str]:
        """What the console got since the last call: errors, refused resources, broken rules."""
        return [entry["message"] for entry in self.wire.post("/se/log", type="browser")]

    def requests(self) -> list[str]:
        """The URLs that were asked for since the last call."""
        entries = self.wire.post("/se/log", type="performance")
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        wanted = (m["params"] for m in messages if m["method"] == "Network.requestWillBeSent")
        return [params["request"]["url"] for params in wanted]

    # ------------------------------------------------------------ how it is looked at

    def resize(self, width: int, height: int = 800) -> None:
        """The size of the page in CSS pixels, and of a phone's where it is narrow."""
        mobile = width < NARROW
        self.wire.tell(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if mobile else 1,
            mobile=mobile,
        )
        self.wire.tell("Emulation.setTouchEmulationEnabled", enabled=mobile)

    def dark(self, wanted: bool) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if wanted else "light"}
        self.wire.tell("Emulation.setEmulatedMedia", features=[scheme])

    def paper(self, wanted: bool) -> None:
        self.wire.tell("Emulation.setEmulatedMedia", media="print" if wanted else "")

    def scripts(self, wanted: bool) -> None:
        """Whether pages may run scripts; what we do here works all the same."""
        self.wire.tell("Emulation.setScriptExecutionDisabled", value=not wanted)

    # ------------------------------------------------------------ what it keeps

    def passkeys(self, *, consents: bool = True) -> AbstractContextManager[Authenticator]:
        """A new, empty authenticator in this tab around a block."""
        return authenticator(self.wire, consents=consents)

    def cookies(self) -> tuple[Cookie, ...]:
        """Those that the open page's address is sent, hidden ones included."""
        return tuple(
            Cookie(
                each["name"],
                each["value"],
                each["domain"],
                each["path"],
                each["secure"],
                each["httpOnly"],
                each.get("sameSite", ""),
            )
            for each in self.wire.get("/cookie")
        )

    def plant(self, name: str, value: str) -> None:
        """A cookie that the open page's site has not set, as an attacker would want it."""
        self.wire.post("/cookie", cookie={"name": name, "value": value})

    def forget(self) -> None:
        """All cookies of all sites: nobody is logged in."""
        self.wire.tell("Network.clearBrowserCookies")

    def downloads(self, folder: Path) -> None:
        """Where files go from now on; one that is not complete ends in .crdownload."""
        folder.mkdir(parents=True, exist_ok=True)
        self.wire.tell(
            "Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder.resolve())
        )

    def start_over(self) -> None:
        """A blank page on a desk in daylight, scripts on, no cookies, nothing complained of."""
        self.scripts(True)
        self.dark(False)
        self.resize(DESK)
        self.open("about:blank")
        self.forget()
        self.complaints()
        self.requests()
