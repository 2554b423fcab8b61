"""The browser itself: found or missed, and gone with whoever started it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from node.command.browsing import chromium
from node.command.browsing.waiting import until
from node.command.browsing.wire import BrowserFault, BrowserGone
from tests.patience import PATIENCE_S

pytestmark = [pytest.mark.edge, pytest.mark.browser]

STARTS = """
import signal, sys, time
from pathlib import Path
# Whoever is started in the background inherits that interrupts are passed over.
signal.signal(signal.SIGINT, signal.default_int_handler)
from node.command.browsing.chromium import browser
with browser(Path(sys.argv[1])) as window:
    window.open("about:blank")
    print("ready", flush=True)
    time.sleep(600)
"""


def users(profile: Path) -> list[int]:
    """Processes that were started with this profile: the browser, and those that it made."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            words = (folder / "cmdline").read_bytes()
        except OSError:
            continue  # it has just ended
        if f"--user-data-dir={profile}".encode() in words:
            found.append(int(folder.name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGKILL], ids=["interrupted", "killed"])
def test_it_ends_with_whoever_started_it(tmp_path: Path, by: signal.Signals) -> None:
    absent = chromium.missing()
    if absent:
        pytest.skip(absent)
    command = [sys.executable, "-c", STARTS, str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert users(tmp_path)
        process.send_signal(by)
        try:
            assert process.wait(PATIENCE_S)
        finally:
            process.kill()
    until(lambda: not users(tmp_path), "no browser any more")


def test_a_browser_that_is_gone_is_not_waited_for(tmp_path: Path) -> None:
    absent = chromium.missing()
    if absent:
        pytest.skip(absent)
    with chromium.browser(tmp_path) as window:
        window.wire.tell("Browser.close")
        with pytest.raises(BrowserGone):
            window.until_said("anything")


def test_without_a_browser_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "apt-get install chromium" in chromium.missing()
    with pytest.raises(BrowserFault, match="no browser"), chromium.browser(tmp_path):
        pass
    (tmp_path / "chromium").touch(0o755)
    assert chromium.missing().startswith("no chromedriver")


def test_a_driver_that_does_not_start_is_complained_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("chromium", "chromedriver"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with (
        pytest.raises(BrowserFault, match="chromedriver does not start"),
        chromium.browser(tmp_path / "profile"),
    ):
        pass
