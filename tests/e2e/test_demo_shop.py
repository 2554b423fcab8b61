"""`pledgeway demo shop` as people start it: whole, interrupted, and where there is no browser."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from node.command.browsing.chromium import missing
from tests.e2e.houses import require_clean_logs
from tests.e2e.test_demo import WARM, children_of
from tests.patience import PATIENCE_S

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

DEMO = [sys.executable, "-m", "node.command", "demo", "shop"]
MOST_S = 200  # it takes 35 on two busy cores; others may use them as well
ENDED = {
    "joins": (0, 0),
    "approved": (700, 1),
    "denied": (450, 0),
    "forged": (0, 0),
    "expired": (9000, 0),
    "standing": (30, 3),
}
needs_browser = pytest.mark.skipif(bool(missing()), reason=missing())


@needs_browser
def test_a_shop_is_paid_by_somebody_with_a_browser(directory: Path) -> None:
    kept, pictures = directory / "street", directory / "pictures"
    command = [*DEMO, "--json", "--keep", str(kept), "--pictures", str(pictures)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=MOST_S)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    shown = json.loads(done.stdout)
    assert shown["ok"] and shown["accounts"] and shown["check"]["ok"]
    assert {s["scene"]: (s["asked"], s["handed"]) for s in shown["scenes"]} == ENDED
    require_receipts(shown["receipts"], kept)
    files = sorted(pictures.iterdir())
    assert [str(file) for file in files] == shown["pictures"]
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)
    require_clean_logs(kept)


def require_receipts(receipts: list[dict[str, Any]], kept: Path) -> None:
    """One for each delivery, which a registry has decided, and which a changed byte ends."""
    assert [one["amount"] for one in receipts] == [700, 30, 30, 30]
    assert {one["rests_on"] for one in receipts} == {"CERTIFIED"}
    file = kept / f"{receipts[0]['order'][:8]}.receipt"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    verify = [sys.executable, "-m", "node.command", "verify", "receipt", str(file)]
    assert subprocess.run(verify, capture_output=True, timeout=MOST_S).returncode in (1, 2)


@needs_browser
@pytest.mark.skipif("PLEDGEWAY_LONG" not in os.environ, reason="set PLEDGEWAY_LONG: 20 seconds")
def test_an_interruption_leaves_nothing_behind(directory: Path) -> None:
    kept = directory / "street"
    with subprocess.Popen(
        [*DEMO, "--keep", str(kept)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        give_up_s = time.monotonic() + PATIENCE_S
        # The shop is the last to be opened: by then everything runs.
        while not (kept / "shop.out").exists() or not (kept / "shop.out").read_bytes():
            assert demo.poll() is None and time.monotonic() < give_up_s
            time.sleep(0.05)
        started = children_of(demo.pid, WARM)
        assert started
        demo.send_signal(signal.SIGINT)
        _, said = demo.communicate(timeout=PATIENCE_S)
    assert demo.returncode == 128 + signal.SIGINT
    assert said.splitlines()[-1] == "pledgeway: stopped by SIGINT; every process has ended"
    assert not children_of(demo.pid, WARM) and not using(kept)


def using(folder: Path) -> list[str]:
    """Command lines of processes that were given something in this folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").replace("\0", " ")
        except OSError:
            continue
        if str(folder) in words:
            found.append(words)
    return found


def test_without_a_browser_it_says_what_to_install(tmp_path: Path) -> None:
    nothing = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run(DEMO, capture_output=True, text=True, timeout=MOST_S, env=nothing)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("pledgeway: no browser: none of chromium")
    assert "apt-get install" in done.stderr and len(done.stderr.splitlines()) == 1
