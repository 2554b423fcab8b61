"""Sales among the silent and the dishonest: some subsets of them here, all by `pledgeway sim sale`.

More by SALE_SIM_SEEDS=108, which plays every subset once.
"""

import os
import subprocess
import sys

import pytest

from node.command.sim.sale.plan import COMBINATIONS, conducts, draw_course
from node.command.sim.sale.run import run
from tests.sim.sale.scenes import AGENT, BUYER, SELLER, course

SEEDS = int(os.environ.get("SALE_SIM_SEEDS", "2"))  # less than a second of CPU each
STEP = COMBINATIONS // SEEDS + 1  # spread over the subsets


def test_three_who_are_honest_and_act() -> None:
    result = run(course(arbiter=True))
    assert result.sound, (result.breaches, result.crashed)
    assert [one.ended for one in result.outcomes] == ["released"]


@pytest.mark.parametrize("seed", [1 + n * STEP % COMBINATIONS for n in range(SEEDS)])
def test_nobody_honest_loses_more_than_he_can(seed: int) -> None:
    result = run(draw_course(seed))
    assert result.sound, (result.breaches, result.crashed)


def test_so_many_seeds_play_every_subset() -> None:
    played = {tuple(conducts(n).items()) for n in range(COMBINATIONS)}
    assert len(played) == COMBINATIONS == 108
    assert {len(one) for one in played} == {3, 4}


ENDS = {
    "refund plain": course({AGENT: ("never-attests",), BUYER: ("keeps-the-money",)}),
    "refunded": course({AGENT: ("attests-falsely",), SELLER: ("recalls-early",)}),
    "returned": course({AGENT: ("never-hands-over",)}),
    "closed": course({BUYER: ("opens-no-pool",)}),
}


@pytest.mark.parametrize("ended", ENDS)
def test_a_sale_ends_as_it_should(ended: str) -> None:
    result = run(ENDS[ended])
    assert result.sound, (result.breaches, result.crashed)
    assert [one.ended for one in result.outcomes] == [ended]


def test_a_bond_is_taken_from_an_agent_whose_words_convict_him() -> None:
    result = run(course({AGENT: ("hands-rubbish",)}, arbiter=True))
    assert result.sound, (result.breaches, result.crashed)
    assert [one.slashed for one in result.outcomes] == [True]


SCRIPT = """
from node.command.sim.sale.plan import draw_course
from node.command.sim.sale.run import run
print(run(draw_course(31)).trace)
"""


def test_the_same_seed_gives_the_same_run_in_any_process() -> None:
    told = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | {"PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True,
        timeout=120,
    )  # fmt: skip
    trace = told.stdout.strip()
    assert len(trace) == 64 and trace == run(draw_course(31)).trace
