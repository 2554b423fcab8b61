"""What the simulator has found in exchanges, as short scenes that fail without the mending."""

import pytest

from node.command.sim.escrow.plan import Deal, Manner, Trouble
from node.command.sim.escrow.run import run
from tests.sim.escrow.scenes import course, crook, deal, ill

TAKEN = (
    (deal("buy object contents", "Ann", "Bob", "Cid"), "Ann"),  # Bob is never paid
    (deal("loan", "Ann", "Bob", "Cid", initiator="Bob"), "Bob"),  # the pledge stays with Bob
    (deal("buy parcel for group", "Ann", "Bob", "Cid", initiator="Bob"), "Bob"),  # and the parcel
)


@pytest.mark.parametrize(("one", "who"), TAKEN, ids=lambda x: x.case if isinstance(x, Deal) else x)
def test_nobody_signs_for_a_receipt_that_another_key_confirms(one: Deal, who: str) -> None:
    """Whoever fixes the terms named a key and an account of its own for the seat whose receipt
    somebody wanted, and signed there itself."""
    result = run(course(one, crooks=(crook(who, "takes-seat"),)))
    assert result.tricks == {"takes-seat": 1}
    assert result.sound, result.breaches
    assert result.outcomes[0].losses == 0 and not result.outcomes[0].committed


@pytest.mark.parametrize("guarded", [False, True])
def test_no_hold_is_left(guarded: bool) -> None:
    """A giver's hold stayed open after its leg was delivered, and an account has 1024 of them."""
    one = deal("deed parcel", "Ann", "Bob", guarded=guarded, coordinators=("K1",))
    result = run(course(one))
    assert result.sound, result.breaches
    assert result.outcomes[0].committed


def test_what_was_offered_comes_back() -> None:
    """A right in a hold that its coordinator was to prepare, and could not, stayed there."""
    one = deal("deed parcel", "Ann", "Bob", guarded=True, coordinators=("Nan",))
    result = run(course(one))
    assert result.sound, result.breaches
    assert not result.outcomes[0].committed


def test_terms_that_come_after_their_decision_find_nobody() -> None:
    """A seat was FIXED when it was over already, and stayed so for ever."""
    one = deal(
        "buy object contents", "Ann", "Bob", "Cid",
        coordinators=("Nan",), cancels=True, initiator="Bob",
        manners=(Manner.STANDING,) * 3, within_s=30,
    )  # fmt: skip
    for seed in (1, 2, 3):
        down = ill(0.5, Trouble.HELPER_DOWN, "Nan", for_s=8)
        result = run(course(one, seed=seed, ills=(down,)))
        assert result.sound, result.breaches


def test_a_giver_does_not_ask_for_ever() -> None:
    """Whoever receives may say that a right comes into a hold that nobody makes."""
    one = deal("swap", "Ann", "Bob")
    result = run(course(one, crooks=(crook("Bob", "accepts-elsewhere"),)))
    assert result.tricks == {"accepts-elsewhere": 1}
    assert result.sound, result.breaches
