"""Every case under random schedules, with failures, dishonest parties and coordinators."""

import os
import subprocess
import sys

import pytest

from node.command.sim.escrow.cases import CASES
from node.command.sim.escrow.plan import draw_course
from node.command.sim.escrow.run import run
from node.escrow.library import CASES as TWELVE

NAMES = tuple(case.name for case in CASES)
SEEDS = range(1, 5)  # of sixteen exchanges each; more by `pledgeway sim escrow --seeds`


def test_all_twelve_are_there() -> None:
    assert NAMES[:12] == TWELVE


def test_without_faults_every_case_commits() -> None:
    result = run(draw_course(1, NAMES, honest=True))
    assert result.sound, (result.breaches, result.crashed)
    assert all(outcome.committed for outcome in result.outcomes)


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_honest_loses(seed: int) -> None:
    result = run(draw_course(seed, NAMES))
    assert result.sound, (result.breaches, result.crashed)
    assert sum(outcome.losses for outcome in result.outcomes) == 0
    assert any(outcome.committed for outcome in result.outcomes)


SCRIPT = """
from node.command.sim.escrow.plan import draw_course
from node.command.sim.escrow.run import run
print(run(draw_course(2, ("buy parcel", "deed parcel and tier"))).trace)
"""


def test_the_same_seed_gives_the_same_run_in_any_process() -> None:
    traces = set()
    for salt in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": salt}
        told = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=environment, capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        traces.add(told.stdout.strip())
    assert len(traces) == 1 and len(traces.pop()) == 64
