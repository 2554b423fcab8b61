"""What the benchmark of pending promises counts with, without its processes."""

import os
import sys
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner

from node.command.bench.chain import FILLER, HOP, PAYEE, REGISTRY, crossing_network
from node.command.bench.command import bench
from node.command.bench.holding import PatientFinder
from node.command.bench.pending_result import Found, Fresh, Outcome, Restart, Wanted
from node.command.bench.pending_show import show_pending
from node.command.bench.resident import resident_bytes
from node.routing import RouteFound, RouteHop, RoutePart
from pathfinder.core.graph import Graph
from pathfinder.core.search import find_route
from pathfinder.question import RouteQuestion
from proto.keys import NodeId
from proto.levels import Level
from proto.limits import US
from proto.policy import EMPTY_POLICY
from proto.schedule import schedule

FRESH = Fresh(10, 0, 20.0, 30.0)
FOUND = Found(
    pending=100,
    filled_s=1.0,
    resident_bytes={HOP: (1_000_000, 1_300_000)},
    stored_bytes={HOP: (10_000, 210_000), PAYEE: (0, 5)},
    fresh={"before": FRESH, "full": FRESH},
    beyond_cap={"PENDING_FULL": 20},
    answers_ms={"status of the hop": 5.0},
    restart=Restart(1.0, 1.1, 1.5, 100),
    ended_s=2.0,
    left=0,
)
WANTED = Wanted(101, Level.SECURED, "released", 60, 1.0, "sqlite")
ABOUT = {"cores": 2, "cpu": "x", "memory_mib": 1, "filesystem": "ext4", "fsync_us": 5}


def outcome(**changes: Any) -> Outcome:
    return Outcome(WANTED, replace(FOUND, **changes), HOP, (), ABOUT, {})


def test_bytes_are_of_the_hop_and_of_each_promise() -> None:
    found = outcome().as_json()
    assert (found["memory_bytes_per_promise"], found["disk_bytes_per_promise"]) == (3000, 2000)
    assert found["stored_bytes"][HOP] == {"before": 10_000, "after": 210_000}
    assert outcome(resident_bytes={}).as_json()["memory_bytes_per_promise"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"pending": 98},
        {"restart": Restart(1.0, 1.1, 1.5, 98)},
        {"left": 2},
        {"fresh": {"full": Fresh(10, 1, 20.0, 30.0)}},
        {"fresh": {"full": Fresh(0, 0, 0.0, 0.0)}},
    ],
)
def test_what_is_not_well_is_said(changes: dict[str, Any]) -> None:
    assert outcome().ok, "an odd count is rounded down: a payment is two promises"
    assert not outcome(**changes).ok
    assert not replace(outcome(), differences=("a book",)).ok


def test_people_see_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    show_pending(outcome())
    shown = capsys.readouterr().out
    for words in ("100 promises at SECURED", "3,000 bytes", "20 PENDING_FULL", "all books are eq"):
        assert words in shown, shown


def test_a_patient_payer_moves_all_times_alike() -> None:
    finder = PatientFinder()
    plan = schedule((Level.SECURED, Level.SECURED))
    assert plan is not None
    hop = RouteHop(NodeId(bytes(32)), NodeId(bytes(32)), Level.SECURED, 5)
    found = RouteFound((RoutePart((hop, hop), (), plan),), EMPTY_POLICY, True)
    assert finder._stretched(found) == found, "never earlier than the least"
    finder.hold_us = plan.deadline + 7 * US
    later = finder._stretched(found)
    assert finder._stretched(later) == later
    moved = later.parts[0].schedule
    times = ((plan.deadline, plan.limit, *plan.expiries, *plan.locks),
             (moved.deadline, moved.limit, *moved.expiries, *moved.locks))  # fmt: skip
    assert [b - a for a, b in zip(*times, strict=True) if a is not None and b is not None] == (
        [7 * US] * 6
    )


def test_the_filler_reaches_the_payee_over_the_hop_alone() -> None:
    graph = Graph.from_network(crossing_network(900 * US))
    question = RouteQuestion(FILLER, PAYEE, 1000, levels=frozenset({Level.SECURED}))
    found = find_route(graph, question).route
    assert found is not None and [hop.promisee for hop in found.hops] == [HOP, PAYEE]
    assert found.policy.members == (REGISTRY,)


@pytest.mark.skipif(sys.platform != "linux", reason="no memory of other processes")
def test_memory_of_a_process() -> None:
    ours = resident_bytes(os.getpid())
    assert ours is not None and 2**20 < ours < 2**34
    assert resident_bytes(2**22 + 1) is None


def test_a_server_goes_with_postgresql_alone() -> None:
    done = CliRunner().invoke(bench, ["pending", "--server", "postgresql://x"])
    assert done.exit_code == 2 and "--store postgresql" in done.output
