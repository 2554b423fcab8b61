"""Everybody who takes part in a sale is killed at every point of it, and starts again: it goes on,
and ends as if nothing had been. Then at random, SALE_STORMS=50 times or as often as you like, from
the seed SALE_STORM_SEED on; each takes some seconds.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from node.command.demo.sale_cast import BOB, HOUSE, NED, NORA, REGISTRY, SALLY, Spans
from node.command.demo.sale_scenes import balances
from node.command.demo.sale_steps import AGENT, BUYER, SELLER, Course
from node.command.processes.control import Json
from node.command.processes.market import all_answer, killed, silent
from proto.sale.stakes import Branch
from tests.e2e.sale.selling import case, ends, require_split, selling
from tests.e2e.sale.storm import weathers

pytestmark = pytest.mark.e2e

SOLD = case("sold", votes=(True, False))
SEED = int(os.environ.get("SALE_STORM_SEED", "1"))
# Of three one is challenged, and one has an arbiter and a silent agent: they wait for the clock.
CLOCK = Spans(agree=15, lock=20, release=10, window=4, refund=30, vote=30, slash=10)
QUICK = replace(CLOCK, refund=4)
WEATHERS = (
    case("sold"),
    case("objected", CLOCK, Branch.REFUNDED),
    case("forfeited", QUICK, Branch.REFUND_PLAIN, arbiter=NORA),
)
STORMS = [
    replace(WEATHERS[number % 3], scene=f"storm{number}", thing=f"storm{number}.example")
    for number in range(int(os.environ.get("SALE_STORMS", "1")))
]
TAKING_PART = (BOB, SALLY, NED, HOUSE, REGISTRY)


def signed_by(decision: str, *roles: str) -> Callable[[Json], bool]:
    """Whether a node has these signatures of a decision."""

    def so(shown: Json) -> bool:
        found = [d["signed"] for d in shown["decisions"] if d["decision"] == decision]
        return bool(found) and set(roles) <= set(found[0])

    return so


async def kill_all(course: Course) -> None:
    """One after the other, each while the one before comes back."""
    town = course.market.town
    for name in TAKING_PART:
        await killed(town, name)
    await all_answer(town)


async def test_everybody_is_killed_at_every_point(directory: Path) -> None:
    async with selling(directory, (SOLD, *STORMS)) as market:
        course = Course(market, SOLD)
        before = await balances(course)
        await course.offer()
        await kill_all(course)
        await course.answer()
        await kill_all(course)
        await course.take()
        await kill_all(course)
        await course.give()
        await kill_all(course)
        with silent(market.town, REGISTRY):
            await course.pass_on()
            await course.sees(AGENT, signed_by("LOCK", "BUYER", "SELLER", "AGENT"), "has all")
            for name in (BOB, SALLY, HOUSE, NED):  # the last has K, and nobody else
                await killed(market.town, name)
        await course.reaches("LOCKED")
        await kill_all(course)
        await course.open_up()
        await course.prove()
        await kill_all(course)
        with silent(market.town, REGISTRY):
            await course.attest()
            for name in (BOB, SALLY, HOUSE, NED):
                await killed(market.town, name)
        await course.reaches("SPLIT", parts=(BUYER, SELLER))
        await kill_all(course)
        await course.votes(BUYER, True)
        await kill_all(course)
        await course.votes(SELLER, False)
        await killed(market.town, HOUSE)
        pool = await course.paid_out()
        assert pool["branch"] == "RELEASED" and all(v["opened"] for v in pool["votes"])
        assert set((await ends(course)).values()) == {"ENDED"}
        await require_split(course, before)
        for number, one in enumerate(STORMS):
            await weathers(market, one, SEED + number)
