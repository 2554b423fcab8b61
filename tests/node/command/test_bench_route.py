"""`pledgeway bench route`, small: what it prints, and that a seed repeats it."""

import json
import pstats
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner, Result

from node.command.bench import bench
from node.command.bench.route_load import WARM_UP, load
from node.command.bench.route_result import GUIDES, Asked, Built, Checked, Outcome, Wanted
from node.command.bench.route_show import show_routes
from pathfinder.core.search import Guide
from pathfinder.files.network_file import write_network
from pathfinder.network import Line, Network, Node, busiest_brand
from pathfinder.synthetic import Shape, synthetic_network

SMALL = ("--nodes", "40", "--edges", "160", "--queries", "12")
ASKED = {
    *("p50_ms", "p95_ms", "p99_ms", "max_ms", "mean_ms", "found", "exact", "build_s", "warm_s"),
    *("memory_mb", "resident_mb", "seed", "nodes", "lines", "machine", "versions", "labels"),
    *("queries", "payer", "payers", "amount", "policies", "full_collections", "network_s"),
}
TIMES = {"build_s", "warm_s", "memory_mb", "resident_mb", "network_s", "full_collections"}


def run(*options: str) -> Result:
    return CliRunner().invoke(bench, ["route", *options])


def measured(*options: str) -> dict[str, Any]:
    result = run(*SMALL, "--warm-up", "3", *options, "--json")
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_json() -> None:
    found = measured("--check", "12")
    assert found.keys() >= ASKED
    assert (found["nodes"], found["queries"], found["seed"], found["payer"]) == (40, 12, 1, "own")
    assert found["lines"] == pytest.approx(160, abs=10)
    assert found["payers"] == 1 and found["policies"] == 4
    assert 0 < found["found"] <= 12 and found["exact"] == 12
    times = [found[f"{name}_ms"] for name in ("p50", "p95", "p99", "max")]
    assert times[0] > 0 and times == sorted(times)
    # The system counts both lazily, so a little apart.
    assert found["memory_mb"] * 1.1 > found["resident_mb"] > 10
    assert 0 < found["labels"]["p50"] <= found["labels"]["p95"] <= found["labels"]["max"]
    check = found["check"]
    assert check["asked"] == 12 == check["agreed"] + check["undecided"]
    assert check["agreed"] > 6 and check["differences"] == []
    assert {"cpu", "cores", "load_before"} <= found["machine"].keys()


def test_alternatives() -> None:
    found = measured("--alternatives", "2")
    assert found["alternatives"] == 2 and found["labels"] is None and found["found"] > 0
    assert found["exact"] == 12 and answers(found)["found"] == answers(measured())["found"]
    refused = run(*SMALL, "--alternatives", "2", "--parts", "2")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "--alternatives: not with --parts" in refused.stderr


def answers(found: dict[str, Any]) -> dict[str, Any]:
    ignored = TIMES | {"machine", "versions"}
    return {k: v for k, v in found.items() if k not in ignored and not k.endswith("_ms")}


def test_a_seed_repeats() -> None:
    first, again = (answers(measured()) for _ in range(2))
    assert first == again
    assert answers(measured("--seed", "2")) != first


def test_another_payer_each_time() -> None:
    assert measured("--payer", "random")["payers"] > 6


def test_as_many_questions_beforehand_as_asked_for() -> None:
    assert [measured("--warm-up", n)["warm_up"] for n in ("0", "7")] == [0, 7]


def test_small_lines_leave_fewer_chains() -> None:
    assert measured("--too-small", "90")["found"] < measured()["found"]
    assert measured("--too-small", "100")["found"] == 0


def test_every_guide_leads_to_the_same_chains() -> None:
    assert {*GUIDES} == {guide.value for guide in Guide}
    costs = [answers(measured("--guide", guide)) | {"guide": "", "labels": 0} for guide in GUIDES]
    assert costs[0] == costs[1] == costs[2]


def test_splits() -> None:
    assert measured("--parts", "3", "--queries", "3")["parts"] == 3


def test_for_people() -> None:
    result = run(*SMALL, "--check", "3")
    assert (result.exit_code, result.stderr) == (0, "")
    for text in ("40 nodes", "12, one payer, seed 1", "p99", "same cost 3 times of 3"):
        assert text in result.stdout


def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "net.json"
    write_network(file, synthetic_network(30, 100, Random(1), Shape(2, 1)))
    result = run("--network", str(file), "--queries", "5", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert (found["nodes"], found["policies"], found["file"]) == (30, 3, str(file))


def test_a_profile(tmp_path: Path) -> None:
    file = tmp_path / "route.prof"
    assert run(*SMALL, "--profile", str(file)).exit_code == 0
    seen = {place[2] for place in pstats.Stats(str(file)).stats}  # type: ignore[attr-defined]
    assert "find_route" in seen


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--network", "missing.json"], "missing.json"),
        (["--network", "x", "--nodes", "9"], "--nodes: not with --network"),
        (["--nodes", "5", "--edges", "10"], "at least 6 nodes"),
        (["--nodes", "10", "--edges", "9"], "at least 20 lines"),
        (["--nodes", "10", "--edges", "900"], "at most 40 lines"),
        ([*SMALL, "--registries", "1", "--collectives", "1"], "at most 0 collectives"),
        ([*SMALL, "--brand", "EUR"], "no line in brand EUR"),
        ([*SMALL, "--check", "1", "--parts", "2"], "--check: not with --parts"),
        (["--guide", "fine", "--parts", "2"], "--guide: not with --parts"),
        ([*SMALL, "--too-small", "5", "--amount", "1"], "--too-small"),
    ],
)
def test_what_does_not_go_together(options: list[str], said: str) -> None:
    result = run(*options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1 and said in result.stderr


@pytest.mark.parametrize("amount", ["0-5", "9-5", "x", "1-2-3", "", "-5", "1.5-2", "9" * 30])
def test_spans_of_amounts(amount: str) -> None:
    result = run("--amount", amount)
    assert (result.exit_code, result.stdout) == (2, "") and "--amount" in result.stderr


def test_a_profile_that_cannot_be_written(tmp_path: Path) -> None:
    for file, status in ((tmp_path / "no" / "such", 2), (tmp_path / ("n" * 300), 1)):
        result = run(*SMALL, "--profile", str(file))
        assert (result.exit_code, result.stdout) == (status, "")
        assert result.stderr.count("\n") == 1 and file.name in result.stderr


# ---------------------------------------------------------------- what is asked


def test_warm_up_goes_elsewhere() -> None:
    network = synthetic_network(60, 480, Random(1))
    own = load(network, "USD", "own", 50, (10, 20), Random(3))
    assert len(own.warm_up) == WARM_UP and len(own.questions) == 50
    both = (*own.warm_up, *own.questions)
    assert len({q.payer for q in both}) == 1
    assert not {q.payee for q in own.warm_up} & {q.payee for q in own.questions}
    assert all(10 <= q.amount <= 20 and q.payer != q.payee for q in both)
    other = load(network, "USD", "random", 10, (10, 20), Random(3))
    assert not {q.payer for q in other.warm_up} & {q.payer for q in other.questions}
    assert len({q.payer for q in other.questions}) == 10


def test_two_nodes_are_enough() -> None:
    network = Network(nodes=(Node("A"), Node("B")), lines=(Line("A", "B", "USD", 5),))
    assert {q.payee for q in load(network, "USD", "own", 3, (1, 5), Random(1)).questions} == {"B"}


def test_busiest_brand() -> None:
    lines = [Line("A", "B", "EUR", 5), Line("B", "A", "USD", 5), Line("A", "C", "USD", 5)]
    assert busiest_brand(Network(lines=tuple(lines))) == "USD"
    assert busiest_brand(Network(lines=tuple(lines[:2]))) == "EUR"
    assert busiest_brand(Network()) is None


def test_a_difference_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    asked = [Asked("A", "B", 5, 1.0, 6, True, 1), Asked("A", "C", 5, 1.0, None, True, 0)]
    about = {"cores": 2, "cpu": "x", "memory_mib": 1, "system": "y", "load_before": 0.0}
    outcome = Outcome(
        Wanted(2, 1, "own", (1, 5)),
        Built(3, 2, "USD", 1, 0.1, 0.1),
        asked,
        warm_up=20,
        warm_s=0.1,
        peak_bytes=1 << 20,
        resident_bytes=None,
        collections=0,
        checked=Checked(2, 1, 0, ("A to B, 5: 6 and 5",)),
        machine=about,
        versions={},
    )
    assert not outcome.ok
    assert replace(outcome, checked=Checked(2, 1, 1)).ok
    assert outcome.as_json()["found"] == 1
    show_routes(outcome)
    assert "differs: A to B, 5: 6 and 5" in capsys.readouterr().out
