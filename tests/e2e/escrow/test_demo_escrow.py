"""`pledgeway demo escrow` as people start it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from node.command.demo.escrow_acts import ACTS
from tests.e2e.houses import require_clean_logs
from tests.warmed import Typed

pytestmark = pytest.mark.e2e

MOST_S = 150  # it is made for 20 on two idle cores; here others may use them as well
ENDS = {
    "deeded": "COMMITTED",
    "bought": "COMMITTED",
    "silent": "NOT_COMMITTED",
    "killed": "COMMITTED",
}


def typed(*words: str) -> "subprocess.CompletedProcess[str]":
    return Typed(words).end(MOST_S)


def test_the_whole_market(directory: Path) -> None:
    kept = directory / "market"
    done = typed("demo", "escrow", "--json", "--keep", str(kept))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    shown = json.loads(done.stdout)
    assert shown["ok"] and shown["check"]["ok"] and shown["check"]["sums"] == {"L$": 0}
    acts = {act["act"]: act for act in shown["acts"]}
    assert tuple(acts) == ACTS
    assert {name: act["outcome"] for name, act in acts.items()} == ENDS
    for name, act in acts.items():
        require_moves(act, moved=ENDS[name] == "COMMITTED")
        assert act["certificate"]["outcome"] == ENDS[name]
    assert [a["certificate"]["registries"] for a in acts.values()] == [
        ["Harbour"], ["Summit"], ["Harbour"], ["Summit"],
    ]  # fmt: skip
    waited = {wait["what"]: wait["seconds"] for wait in acts["silent"]["waits"]
              if wait["phase"] == "SHARING"}  # fmt: skip
    assert waited["group"] > 1, "who was silent is named"
    assert acts["silent"]["locked"] == acts["killed"]["locked"] == 1
    assert sum("SIGKILL" in note for note in acts["killed"]["notes"]) == 2
    require_clean_logs(kept)
    proved = typed("verify", "--json", str(kept / "killed.certificate"))
    assert proved.returncode == 0 and json.loads(proved.stdout)["outcome"] == "COMMITTED"


def require_moves(act: dict[str, Any], *, moved: bool) -> None:
    """Of each thing somebody has what another has not any more; or nobody's has changed."""
    changes: dict[str, int] = {}
    for owned in act["owned"]:
        change = owned["after"] - owned["before"]
        changes[owned["thing"]] = changes.get(owned["thing"], 0) + change
        assert moved or not change, owned
    assert act["owned"] and set(changes.values()) == {0}, act["act"]
