"""The simulator of sales finds every planted bug, and nothing where none is planted."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Final

import pytest

from node.command.sim.sale.plan import Course
from node.command.sim.sale.run import run
from tests.sim.sale import slips
from tests.sim.sale.scenes import AGENT, BUYER, SELLER, course

SEEDS_TRIED: Final = 6  # what a run draws may change with its parts
# All of them, and every scene once more without its bug; else the first, which break every promise.
ALL: Final = bool(os.environ.get("SALE_PLANTED"))
FIRST: Final = 8


@dataclass(frozen=True, slots=True)
class Planted:
    """`promise`: the word of what is to be complained of."""

    slip: Callable[[], AbstractContextManager[None]]
    promise: str
    scene: Course

    @property
    def name(self) -> str:
        return self.slip.__name__


NOBODY: Final = {AGENT: ("never-attests",), BUYER: ("keeps-the-money",)}  # nobody says a word
OTHER: Final = {BUYER: ("other-contract", "opens-no-pool")}
OBJECTS: Final = {BUYER: ("never-shows", "challenges-falsely", "keeps-the-money")}
FALSE: Final = {SELLER: ("settles-falsely",), **NOBODY}
PLANTED: Final = (
    Planted(slips.unpromised, "LOCK", course()),
    Planted(slips.any_contract, "TERMS", course(OTHER, seed=2)),
    Planted(slips.key_late, "KEY", course({BUYER: ("overdue-share",)})),
    Planted(slips.released_at_once, "LOSS", course({SELLER: ("recalls-early",)})),
    Planted(slips.unattested, "POOL", course(NOBODY)),
    Planted(slips.for_ever, "END", course({AGENT: ("never-hands-over",)})),
    Planted(slips.any_vote, "VOTE", course({BUYER: ("opens-other-vote",)})),
    Planted(slips.key_first, "KEY", course({SELLER: ("overdue-share",)})),
    Planted(slips.any_seal, "LOCK", course({AGENT: ("other-key",)})),
    Planted(slips.unreleased, "LOSS", course(OBJECTS)),
    Planted(slips.tip_for_nothing, "POOL", course(NOBODY)),
    Planted(slips.holds_stay, "END", course()),
    Planted(slips.arbiter_alone, "LOSS", course({AGENT: ("hands-rubbish",)}, arbiter=True)),
    Planted(slips.any_certificate, "POOL", course(FALSE)),
)


@pytest.mark.parametrize(
    "planted", PLANTED if ALL else PLANTED[:FIRST], ids=lambda planted: planted.name
)
def test_a_planted_bug_is_found(planted: Planted) -> None:
    for more in range(SEEDS_TRIED):
        scene = replace(planted.scene, seed=planted.scene.seed + more)
        with planted.slip():
            result = run(scene)
        if planted.promise in {breach.promise for breach in result.breaches}:
            break
    else:
        pytest.fail(f"nobody complains of {planted.promise}: {planted.slip.__doc__}")
    if ALL:
        control = run(scene)
        assert control.sound, (control.breaches, control.crashed)


def test_every_promise_has_a_bug_that_breaks_it() -> None:
    wanted = {"LOCK", "TERMS", "KEY", "LOSS", "POOL", "END", "VOTE"}
    assert {planted.promise for planted in PLANTED[:FIRST]} == wanted
    assert all(planted.slip.__doc__ for planted in PLANTED)
