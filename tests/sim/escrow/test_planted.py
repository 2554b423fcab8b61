"""The simulator of exchanges finds every planted bug, and nothing where none is planted."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Final

import pytest

from node.command.sim.escrow.plan import Course, Trouble
from node.command.sim.escrow.run import run
from tests.sim.escrow import slips
from tests.sim.escrow.scenes import S, course, crook, deal, ill

SEEDS_TRIED: Final = 6  # what a run draws may change with its parts


@dataclass(frozen=True, slots=True)
class Planted:
    """`promise`: the one of escrow section 1 that is to be complained of, or END."""

    slip: Callable[[], AbstractContextManager[None]]
    promise: str
    scene: Course

    @property
    def name(self) -> str:
        return self.slip.__name__


SWAP: Final = deal("swap", "Ann", "Bob")
BOBS: Final = deal("swap", "Ann", "Bob", initiator="Bob")
BUY: Final = deal("buy parcel", "Ann", "Bob")
THREE: Final = deal("three way swap", "Bob", "Cid", "Ann", initiator="Ann")
CONTENTS: Final = deal("buy object contents", "Ann", "Bob", "Cid")
SILENT: Final = "withholds-share"
SLOW: Final = ill(0.5, Trouble.LETTERS_SLOW, "Ann", for_s=20, n=3 * S)
PLANTED: Final = (
    Planted(slips.alone, "K2", course(BUY, crooks=(crook("Ann", "threshold-one"),))),
    Planted(slips.any_key, "K2", course(CONTENTS, crooks=(crook("Ann", "takes-seat"),))),
    Planted(slips.any_terms, "K2", course(THREE, crooks=(crook("Ann", "other-amount"),))),
    Planted(slips.too_early, "K2", course(BUY)),
    Planted(
        slips.any_certificate, "K1",
        course(BOBS, crooks=(crook("Ann", SILENT, "settles-falsely"),)),
    ),
    Planted(slips.both_ways, "K3", course(BOBS, crooks=(crook("Ann", SILENT),))),
    Planted(slips.fee_lost, "K3", course(deal("deed parcel and tier", "Ann", "Bob"))),
    Planted(
        slips.no_fence, "K5", course(SWAP, crooks=(crook("Bob", "cancels-leg"),), ills=(SLOW,))
    ),
    Planted(
        slips.any_leg, "K2",
        course(SWAP, crooks=(crook("Ann", "withholds-decided", "snatches"),)),
    ),
    Planted(slips.twice, "K5", course(SWAP)),
    Planted(slips.any_word, "K4", course(BOBS, crooks=(crook("Ann", SILENT, "shouts-decided"),))),
    Planted(slips.holds_stay, "END", course(SWAP)),
    Planted(slips.unvetted, "K4", course(SWAP)),
)  # fmt: skip


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_a_planted_bug_is_found(planted: Planted) -> None:
    for seed in range(1, SEEDS_TRIED + 1):
        scene = replace(planted.scene, seed=seed)
        with planted.slip():
            result = run(scene)
        if planted.promise in {breach.promise for breach in result.breaches}:
            break
    else:
        pytest.fail(f"nobody complains of {planted.promise}: {planted.slip.__doc__}")
    control = run(scene)
    assert control.sound, (control.breaches, control.crashed)


def test_every_promise_has_a_bug_that_breaks_it() -> None:
    assert {planted.promise for planted in PLANTED} == {"K1", "K2", "K3", "K4", "K5", "END"}
    assert all(planted.slip.__doc__ for planted in PLANTED)
