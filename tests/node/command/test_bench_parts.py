"""What a benchmark counts with, without its processes."""

import os
import sqlite3
import sys
import threading
from dataclasses import replace
from pathlib import Path

import nacl.bindings
import pytest
import trio.testing
from click.testing import CliRunner

from node.command.bench.accounting import (
    METERED,
    MOST_WAIT_S,
    Accounts,
    read_accounts,
    spent_us,
)
from node.command.bench.chain import PAYEE, PAYER, chain_network, names
from node.command.bench.command import bench
from node.command.bench.cpu import all_cpu_s, cpu_s
from node.command.bench.machine import machine, versions
from node.command.bench.quantile import quantile
from node.command.bench.result import Measured, Outcome, Wanted
from node.command.bench.run import node_of
from node.command.bench.show import show
from node.command.bench.storage import used_bytes
from pathfinder.core.graph import Graph
from pathfinder.core.search import find_route
from pathfinder.question import RouteQuestion
from proto.levels import Level
from runtime.writer import Committer


def test_quantiles_are_values_that_occurred() -> None:
    ordered = [float(i) for i in range(1, 101)]
    assert [quantile(ordered, share) for share in (0.5, 0.95, 0.99)] == [50.0, 95.0, 99.0]
    assert quantile([7.0], 0.5) == quantile([7.0], 0.99) == 7.0
    assert quantile([1.0, 2.0, 3.0], 0.5) == 2.0


@pytest.mark.skipif(sys.platform != "linux", reason="no clock of other processes")
def test_processor_time_of_a_process() -> None:
    before = cpu_s(os.getpid())
    assert before is not None
    sum(range(300_000))
    after = cpu_s(os.getpid())
    assert after is not None and 0 < after - before < 10
    nobody = 2**22 + 1  # above the kernel's largest process id
    assert all_cpu_s({"we": os.getpid(), "nobody": nobody}).keys() == {"we"}


@pytest.mark.edge
def test_used_bytes_count_what_is_still_in_the_log(tmp_path: Path) -> None:
    path = tmp_path / "books.sqlite"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (x)")
    empty = used_bytes(path)
    connection.execute("INSERT INTO t VALUES (zeroblob(100000))")
    full = used_bytes(path)
    assert 90_000 < full - empty < 120_000
    connection.execute("DELETE FROM t")
    assert used_bytes(path) - empty < 10_000
    connection.close()
    with pytest.raises(OSError, match=r"nothing\.sqlite"):
        used_bytes(tmp_path / "nothing.sqlite")


@pytest.mark.parametrize("level", [Level.ATOMIC, Level.SECURED, Level.BARE])
@pytest.mark.parametrize("hops", [1, 3, 20])
def test_the_chain_is_payable_at_every_level(hops: int, level: Level) -> None:
    graph = Graph.from_network(chain_network(hops))
    question = RouteQuestion(PAYER, PAYEE, 1000, levels=frozenset({level}))
    if level is not Level.ATOMIC and hops == 20:
        return  # twenty expiries one after the other lock longer than anybody holds
    route = find_route(graph, question).route
    assert route is not None and [hop.level for hop in route.hops] == [level] * hops


def test_roles() -> None:
    assert names(1) == (PAYER, PAYEE)
    assert [node_of(role, 3) for role in ("payer", "hop", "payee")] == [PAYER, "Hop 2", PAYEE]


@pytest.mark.edge
def test_the_machine_is_described(tmp_path: Path) -> None:
    about = machine(tmp_path)
    assert about["cores"] >= 1 and about["memory_mib"] > 100 and about["fsync_us"] > 0
    assert list(tmp_path.iterdir()) == []
    assert versions()["python"].endswith(".".join(map(str, sys.version_info[:3])))


def outcome(failed: int = 0, differences: tuple[str, ...] = ()) -> Outcome:
    measured = Measured(
        depth=4,
        seconds=2.0,
        payments=100,
        paid_in_all=150,
        failed=failed,
        reasons={"NO_ROUTE": failed} if failed else {},
        latencies_ms={"p50_ms": 1.0, "p95_ms": 2.0, "p99_ms": 3.0},
        cpu_ms={"Payer": 0.25, "Payee": 0.5},
        bytes_grown={"Payer": 1000.4, "Payee": 2000.4},
        search_hits=149,
        searches=1,
        budget_us={"Payer": {"crypto": 100.0, "database": 50.0, "grpc": 25.0, "rest": 75.5}},
    )
    about = {
        "cpu": "x",
        "cores": 2,
        "memory_mib": 1,
        "filesystem": "ext4",
        "fsync_us": 1,
        "system": "s",
        "load_before": 0.0,
    }
    wanted = Wanted(1, Level.ATOMIC, (4,), 2.0, "sqlite")
    return Outcome(wanted, 3, (measured,), differences, about, {"python": "3"})


def test_one_depth_is_one_flat_object() -> None:
    found = outcome().as_json()
    assert found["ok"] and found["payments_per_s"] == 50.0
    assert (found["cpu_ms_per_payment"], found["bytes_per_payment"]) == (0.75, 3001)


def test_a_failed_payment_or_a_difference_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    assert not outcome(failed=1).ok
    bad = outcome(differences=("here: x is 1, not 2",))
    assert not bad.ok and not bad.as_json()["books_equal"]
    show(outcome(failed=1))
    assert "failed at depth 4: 1 NO_ROUTE" in capsys.readouterr().out
    show(bad)
    assert "here: x is 1, not 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["--server", "postgresql://nowhere/x"],
        ["--hops", "1", "--profile", "x", "--profile-node", "hop"],
        ["--depth", "100000"],
        ["--level", "PROXY"],
        ["--hops", "0"],
        ["--directory", "/nowhere/at/all"],
    ],
    ids=" ".join,
)
def test_unusable_input(words: list[str]) -> None:
    done = CliRunner().invoke(bench, ["payments", *words])
    assert done.exit_code == 2, done.output


def test_a_budget_is_what_was_spent_between_two_readings() -> None:
    before = {"Payer": {"crypto": 1_000, "rest": 5_000}, "gone": {"crypto": 0, "rest": 0}}
    after = {"Payer": {"crypto": 41_000, "rest": 25_000}, "late": {"crypto": 9, "rest": 9}}
    assert spent_us(before, after, 10) == {"Payer": {"crypto": 4.0, "rest": 2.0}}


def test_an_account_is_kept_while_a_thread_is_about_to_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unborn = threading.Thread(name="writer")  # as enumerate() lists it until it runs
    everyone = [*threading.enumerate(), unborn]
    monkeypatch.setattr(threading, "enumerate", lambda: everyone)
    monkeypatch.setattr(Committer, "commit", Committer.commit)
    for name in METERED:
        monkeypatch.setattr(nacl.bindings, name, getattr(nacl.bindings, name))
    spent_ns = Accounts().read()
    assert spent_ns.keys() == {"crypto", "database", "grpc", "rest"}
    assert spent_ns["rest"] > 0


async def test_an_account_is_read_as_of_now_or_left_out(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    kept, old = tmp_path / "kept", tmp_path / "old"
    kept.write_text(f'{{"at_ns": {2**63}, "spent_ns": {{"crypto": 7}}}}')
    old.write_text('{"at_ns": 1, "spent_ns": {"crypto": 3}}')
    files = {"a": str(kept), "b": str(tmp_path / "none"), "c": str(old)}
    assert await read_accounts({"a": str(kept)}) == {"a": {"crypto": 7}}
    assert trio.current_time() < 1
    assert await read_accounts(files) == {"a": {"crypto": 7}}
    assert trio.current_time() > MOST_WAIT_S, "as long as there is hope for the others"


def test_a_store_that_shrank_tells_no_bytes() -> None:
    measured = outcome().measured[0]
    assert measured.bytes_per_payment == 3001
    shrunk = replace(measured, bytes_grown={"Payer": 1000.4, "Payee": -1.0})
    assert shrunk.bytes_per_payment is None
