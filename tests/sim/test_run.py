"""One run: the same for the same seed, with every fault that was asked for, and brought down to
the event that it needs where something fails."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from node.command.sim import breaking, sim
from node.command.sim import run as running
from node.command.sim.campaign import Wanted, course_of, parse_faults, play
from node.command.sim.plan import LIES, Break, Fault, Manner
from node.command.sim.run import Result as Outcome
from node.command.sim.run import run
from node.command.sim.shrink import minimised, shrink, symptom
from node.command.sim.world.world import SimWorld
from tests.sim.patching import changed
from tests.sim.scenes import Scene, chain, pay, trouble
from tests.sim.slips_promises import no_grace, silence_frees

ROOT = Path(__file__).resolve().parents[2]
SMALL = Wanted(nodes=4, payments=4, faults=tuple(Fault), minutes=0.3)
SMALL_WORDS = ("--nodes", "4", "--payments", "4", "--minutes", "0.3")


def said(*words: str) -> Result:
    """`pledgeway sim run` with these words."""
    return CliRunner().invoke(sim, ["run", *words])


# ---------------------------------------------------------------- the same again


def _trace_elsewhere(seed: int, hash_seed: str) -> str:
    """Of a run in a process of its own."""
    words = ["-m", "node.command", "sim", "run", "--seed", str(seed), *SMALL_WORDS, "--json"]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["trace"])


@pytest.mark.edge
def test_a_seed_says_the_same_in_every_process() -> None:
    here = play(SMALL, 3)
    assert here.happenings > 50
    assert _trace_elsewhere(3, "1") == _trace_elsewhere(3, "2") == here.trace


def test_a_seed_says_the_same_after_another() -> None:
    first = play(SMALL, 3)
    other = play(SMALL, 4)
    assert play(SMALL, 3) == first
    assert other.trace != first.trace


def test_the_seed_matters_to_the_same_course() -> None:
    """Delays and keys are the seed's, not the plan's."""
    scene = Scene(chain(), (pay(1),))
    assert len({run(scene.course(seed)).trace for seed in (1, 2, 3)}) == 3


# ---------------------------------------------------------------- faults


def test_every_fault_is_drawn_and_strikes() -> None:
    struck: dict[Fault, int] = dict.fromkeys(Fault, 0)
    sound = breaking.strike

    def strike(world: SimWorld, fault: Break) -> None:
        struck[fault.fault] += 1
        sound(world, fault)

    with changed(running, "strike", strike):
        for seed in range(2):
            assert play(SMALL, seed).sound
    assert min(struck.values()) > 0, struck


EFFECTS = (
    trouble(0.9, Fault.DROP, "A", "B", for_s=5, strength=900),
    trouble(0.9, Fault.REORDER, "A", "B", for_s=5, strength=900),
    trouble(0.9, Fault.DELAY, "A", "B", for_s=5, strength=700_000),
    trouble(0.9, Fault.PARTITION, "A", "B", for_s=5),
    trouble(0.9, Fault.PARTITION, "A", "*", for_s=5),
    trouble(0.9, Fault.CRASH, "A"),
    trouble(0.9, Fault.CRASH_AT_WRITE, "A", strength=1),
    trouble(0.9, Fault.CRASH_AT_WRITE, "A", strength=2),
    trouble(0.9, Fault.CRASH_AT_SEND, "A", strength=1),
    trouble(0.9, Fault.TORN_WRITE, "A", strength=1),
    trouble(0.9, Fault.FAILED_WRITE, "A", for_s=2),
    trouble(0.9, Fault.FULL_DISK, "A", for_s=2),
    trouble(0.9, Fault.SLOW_DISK, "A", for_s=2),
    trouble(0.9, Fault.CLOCK_SKEW, "P", for_s=2, strength=200_000),
    trouble(0.9, Fault.CLOCK_JUMP, "A", for_s=2, strength=300_000_000),
    trouble(0.9, Fault.REGISTRY_DEAD, "R1", for_s=3),
    trouble(0.9, Fault.REGISTRY_SLOW, "R1", for_s=3, strength=2_000_000),
    trouble(0.9, Fault.REGISTRY_SILENT, "R1", for_s=3),
    trouble(0.9, Fault.REGISTRY_CRASH, "R1", strength=1),
    trouble(0.9, Fault.REGISTRY_CUT, "Q", "R1", for_s=3),
)


@cache
def paid_with(fault: Break | None) -> Outcome:
    """One payment, and perhaps a fault; all runs last equally long."""
    events = (pay(1, "ATOMIC", deciders=("R1",)), *([fault] if fault else []))
    course = Scene(chain(), events).course(5)
    return run(replace(course, span_us=8_000_000))


@pytest.mark.parametrize("fault", EFFECTS, ids=lambda f: f"{f.fault.value}-{f.other}{f.strength}")
def test_a_fault_is_felt(fault: Break) -> None:
    """The run is another one than without it, and every promise holds in both."""
    assert paid_with(fault).sound
    assert paid_with(None).ends == {"COMMITTED": 1}
    assert paid_with(fault).trace != paid_with(None).trace


def test_what_is_no_fault_is_not_felt() -> None:
    nothing = trouble(0.9, Fault.CLOCK_SKEW, "A", for_s=2, strength=0)
    assert paid_with(nothing).trace == paid_with(None).trace


def test_every_fault_has_been_tried() -> None:
    """A frame that comes twice has no effect, as it should; `heard-twice` shows that it comes. Lies
    have tests of their own, which count how often each was told."""
    assert {fault.fault for fault in EFFECTS} == set(Fault) - {Fault.DOUBLE} - set(LIES)
    assert paid_with(trouble(0.9, Fault.DOUBLE, "A", "B", for_s=5, strength=900)).sound


# ---------------------------------------------------------------- shrinking


def test_one_event_is_left_of_many() -> None:
    """With a bug in it that one payment shows, everything else is left out."""
    ignored = pay(2, "BARE", amount=7, manner=Manner.IGNORED)
    noise = [pay(1 + n / 4, amount=10 + n) for n in range(6)]
    noise += [trouble(1.2, Fault.SLOW_DISK, "A", for_s=1), trouble(12, Fault.CRASH, "B")]
    heard: list[tuple[int, int]] = []
    with no_grace():
        found = run(Scene(chain(), (*noise, ignored)).course(1))
        assert symptom(found) == "invariant 6"
        least = shrink(found, lambda *told: heard.append(told))
    assert least.course.plan == (ignored,) or list(least.course.plan) == [ignored]
    assert symptom(least) == "invariant 6"
    assert heard[-1][1] == 1 and heard[-1][0] < 40


def test_two_events_that_need_each_other_stay() -> None:
    tried: list[Sequence[int]] = []

    def fails(items: list[int]) -> bool:
        tried.append(items)
        return {3, 11} <= set(items)

    assert sorted(minimised(list(range(16)), fails)) == [3, 11]
    assert len(tried) < 100


def test_shrinking_stops_when_it_may_not_go_on() -> None:
    assert minimised([1, 2, 3, 4], lambda _: True, lambda: False) == [1, 2, 3, 4]


def test_a_daemon_that_fails_is_a_finding() -> None:
    def broken(*_: object) -> None:
        raise ValueError("planted")

    with changed(running, "strike", broken):
        result = run(Scene(chain(), (trouble(1, Fault.CRASH, "A"),)).course(1))
    assert not result.sound and not result.violations
    assert "ValueError" in result.crashed and "planted" in result.crashed


# ---------------------------------------------------------------- the command


def test_json_has_its_shape() -> None:
    result = said("--seed", "3", *SMALL_WORDS, "--json")
    assert result.exit_code == 0 and not result.stderr
    told = json.loads(result.stdout)
    assert told["sound"] is True and told["failed"] == []
    assert (told["seed"], told["seeds"], told["nodes"], told["payments"]) == (3, 1, 4, 4)
    assert told["faults"] == [fault.value for fault in Fault]
    assert len(told["trace"]) == 64 and told["happenings"] > 50 and told["virtual_s"] > 20
    assert sum(told["ends"].values()) == 4


def test_many_seeds_have_one_trace() -> None:
    words = ("--seed", "3", "--seeds", "2", "--workers", "1", *SMALL_WORDS)
    told = json.loads(said(*words, "--json").stdout)
    assert told["seeds"] == 2 and told["trace"] not in (play(SMALL, s).trace for s in (3, 4))
    shown = said(*words)
    assert shown.exit_code == 0 and "2 of 2 seeds" in shown.stdout


def test_a_failure_is_shown_with_its_seed_and_its_events() -> None:
    """Exit status 1; the line that repeats it can be typed as it stands."""
    words = ("--seed", "1", "--nodes", "4", "--payments", "6", "--minutes", "0.2")
    with silence_frees():
        failing = next(s for s in range(1, 20) if not play(Wanted(4, 6, (), 0.2), s).sound)
        words = ("--seed", str(failing), *words[2:], "--faults", "none")
        shown, told = said(*words), said(*words, "--json", "--no-shrink")
    assert shown.exit_code == told.exit_code == 1
    again = f"again: pledgeway sim run --seed {failing} --nodes 4 --payments 6 --faults none"
    assert again in shown.stdout and "invariant 5" in shown.stdout
    (failure,) = json.loads(told.stdout)["failed"]
    assert failure["seed"] == failing and failure["symptom"] == "invariant 5"
    assert len(failure["events"]) >= 6
    assert failure["violations"][0].keys() == {"invariant", "at_s", "where", "what"}


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--faults", "gremlins"), "gremlins"),
        (("--faults", "drop,"), "--faults"),
        (("--nodes", "1"), "--nodes"),
        (("--nodes", "1000000"), "--nodes"),
        (("--payments", "0"), "--payments"),
        (("--seed", "-1"), "--seed"),
        (("--minutes", "0"), "--minutes"),
        (("--workers", "0"), "--workers"),
        (("--unheard-of",), "--unheard-of"),
    ],
)
def test_unusable_input_is_named(words: tuple[str, ...], names: str) -> None:
    result = said(*words)
    assert result.exit_code == 2 and not result.stdout
    assert names in result.stderr and "Traceback" not in result.stderr


def test_faults_are_read_as_they_are_written() -> None:
    assert parse_faults("all") == tuple(Fault) and parse_faults("none") == ()
    assert parse_faults("crash, drop") == (Fault.CRASH, Fault.DROP)


def test_a_plan_holds_what_was_wanted() -> None:
    course = course_of(SMALL, 9)
    faults = [a.fault for a in course.plan if isinstance(a, Break)]
    assert set(faults) == set(Fault) and len(course.plan) == 4 + len(faults)
    assert [a.at_us for a in course.plan] == sorted(a.at_us for a in course.plan)
    assert all(a.at_us < course.span_us for a in course.plan)
