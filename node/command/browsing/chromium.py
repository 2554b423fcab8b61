"""Finding Chromium and its driver, and starting them."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import httpx

from node.command.browsing.window import Browser
from node.command.browsing.wire import BrowserFault, Wire, ask

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
DRIVER: Final = "chromedriver"
INSTALL: Final = "on Debian or Ubuntu: apt-get install chromium chromium-driver"
TIMEOUT_S: Final = 60.0  # a busy machine
FLAGS: Final = (
    *("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-extensions", "--no-first-run", "--no-default-browser-check", "--no-proxy-server"),
    # Whatever a page or the browser itself wanted from elsewhere would fail, and be seen. Names
    # under localhost are taken to loopback by the browser itself: each of them is a site.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost,"
    " EXCLUDE *.localhost",
    # Over a pipe, so that the browser ends when its driver does, however that came about.
    "--remote-debugging-pipe",
)
# The driver lives as long as the shell's standard input, which ends with us even if we are killed.
# Its output is its own: it ends with a driver that does not start.
WATCHED: Final = '"$0" --port=0 & exec >&-; read end; kill $!; wait'
READY: Final = "started successfully on port"


def missing() -> str:
    """What is not installed and how it would be; "" where everything is there."""
    if not _browser():
        return f"no browser: none of {', '.join(BROWSERS)} is installed ({INSTALL})"
    return "" if shutil.which(DRIVER) else f"no {DRIVER} is installed ({INSTALL})"


def _browser() -> str | None:
    return next((path for path in map(shutil.which, BROWSERS) if path), None)


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A headless browser around a block, gone at its end; several at once are several people.

    `profile`: a folder for its cookies and other memories, made where it is not there. BrowserFault
    where something is missing or does not start.
    """
    absent = missing()
    if absent:
        raise BrowserFault(absent)
    with (
        _driver() as url,
        httpx.Client(base_url=url, timeout=TIMEOUT_S, trust_env=False) as http,
    ):
        value = ask(http, "POST", "/session", {"capabilities": {"alwaysMatch": _wanted(profile)}})
        wire = Wire(http, value["sessionId"])
        try:
            yield Browser(wire)
        finally:
            with suppress(BrowserFault):  # it is gone already; what went wrong before is told
                wire.delete("")


def _wanted(profile: Path) -> dict[str, object]:
    options = [*FLAGS, f"--user-data-dir={profile}"]
    if os.geteuid() == 0:
        options.append("--no-sandbox")  # Chromium refuses to run as root with one
    return {
        "goog:chromeOptions": {"binary": _browser(), "args": options},
        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
    }


@contextmanager
def _driver() -> Iterator[str]:
    """The driver on a port of its own choice; its URL. BrowserFault."""
    with subprocess.Popen(
        ["sh", "-c", WATCHED, DRIVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        process_group=0,  # an interruption from the keyboard is ours: we end it in good order
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            lines = iter(process.stdout.readline, "")
            line = next((line for line in lines if READY in line), None)
            if line is None:
                raise BrowserFault(f"{DRIVER} does not start; try `{DRIVER} --version`")
            yield f"http://127.0.0.1:{line.rstrip('.' + chr(10)).split()[-1]}"
        finally:
            process.stdin.close()
            process.wait(timeout=TIMEOUT_S)
