"""A browser for tests: Chromium by way of its driver, spoken to in W3C WebDriver over HTTP.

The protocol is JSON over HTTP and we need a dozen words of it, so that no client library is pulled
in. What WebDriver has no word for (dark mode, scripts switched off) is said in Chromium's own
(the DevTools protocol), which its driver passes on.
"""

import json
import os
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
DRIVER: Final = "chromedriver"
TIMEOUT_S: Final = 60.0  # a busy machine
QUIET: Final = (
    *("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-extensions", "--no-first-run", "--no-default-browser-check", "--no-proxy-server"),
    # Whatever a page or the browser itself wanted from elsewhere would fail, and be seen.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def missing() -> str:
    """What is not installed; "" where everything is there."""
    if not _browser():
        return f"no browser: none of {', '.join(BROWSERS)} is installed"
    return "" if shutil.which(DRIVER) else f"no {DRIVER} is installed"


def _browser() -> str | None:
    return next((path for path in map(shutil.which, BROWSERS) if path), None)


@dataclass(frozen=True)
class Browser:
    """One window."""

    http: httpx.Client
    session: str

    def _post(self, path: str, body: dict[str, object]) -> Any:
        answer = self.http.post(f"/session/{self.session}{path}", json=body)
        value = answer.json()["value"]
        assert answer.status_code == 200, value
        return value

    def tell(self, command: str, **parameters: object) -> Any:
        """A word of the DevTools protocol."""
        return self._post("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def open(self, url: str) -> None:
        """Returns when the page is loaded, with all it needs."""
        self._post("/url", {"url": url})

    def run(self, script: str, *arguments: object) -> Any:
        """The value of a function's body in the page."""
        return self._post("/execute/sync", {"script": script, "args": list(arguments)})

    def resize(self, width: int, height: int = 800) -> None:
        """The size of the page in CSS pixels, and of a phone's where it is narrow."""
        mobile = width < 600
        self.tell(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if mobile else 1,
            mobile=mobile,
        )

    def dark(self, wanted: bool) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if wanted else "light"}
        self.tell("Emulation.setEmulatedMedia", features=[scheme])

    def paper(self, wanted: bool) -> None:
        self.tell("Emulation.setEmulatedMedia", media="print" if wanted else "")

    def scripts(self, wanted: bool) -> None:
        self.tell("Emulation.setScriptExecutionDisabled", value=not wanted)

    def click(self, selector: str) -> None:
        found = self._post("/element", {"using": "css selector", "value": selector})
        (element,) = found.values()
        self._post(f"/element/{element}/click", {})

    def text(self) -> str:
        """What a reader sees of the page, by the tree that screen readers are given."""
        nodes = self.tell("Accessibility.getFullAXTree")["nodes"]
        return "\n".join(str(node.get("name", {}).get("value", "")) for node in nodes)

    def picture(self, path: Path) -> None:
        """The whole page as PNG."""
        shot = self.tell("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(b64decode(shot["data"]))

    def complaints(self) -> list[str]:
        """What the console got since the last call: errors, refused resources, broken rules."""
        return [entry["message"] for entry in self._post("/se/log", {"type": "browser"})]

    def requests(self) -> list[str]:
        """The URLs that were asked for since the last call."""
        entries = self._post("/se/log", {"type": "performance"})
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        wanted = (m["params"] for m in messages if m["method"] == "Network.requestWillBeSent")
        return [params["request"]["url"] for params in wanted]


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A headless browser around a block; both processes are gone at its end."""
    options = [*QUIET, f"--user-data-dir={profile}"]
    if os.geteuid() == 0:
        options.append("--no-sandbox")  # Chromium refuses to run as root with one
    chrome = {"binary": _browser(), "args": options}
    logs = {"browser": "ALL", "performance": "ALL"}
    wanted = {"goog:chromeOptions": chrome, "goog:loggingPrefs": logs}
    with (
        _driver() as url,
        httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False) as http,
    ):
        answer = http.post("/session", json={"capabilities": {"alwaysMatch": wanted}})
        value = answer.json()["value"]
        assert answer.status_code == 200, value
        try:
            yield Browser(http, value["sessionId"])
        finally:
            http.delete(f"/session/{value['sessionId']}")


@contextmanager
def _driver() -> Iterator[str]:
    """The driver on a port of its own choice; its URL."""
    with subprocess.Popen(
        [DRIVER, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            line = next(line for line in lines if "started successfully on port" in line)
            yield f"http://127.0.0.1:{line.rstrip('.' + chr(10)).split()[-1]}"
        finally:
            process.terminate()
            process.wait(timeout=TIMEOUT_S)
