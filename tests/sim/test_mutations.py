"""The simulator finds every planted bug, and finds nothing where none is planted."""

import pytest

from tests.sim import find_seed
from tests.sim.mutations import MUTATIONS, NAMED, SEEDS_TRIED, Mutation


def told(mutation: Mutation) -> str:
    """What to do where a mutation was not caught."""
    return (
        f"no seed from {mutation.seed} on shows that {mutation.breaks!r}"
        f" breaks invariant {mutation.invariant}: python -m tests.sim.find_seed {mutation.name}"
    )


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_planted_bug_is_found(mutation: Mutation) -> None:
    for seed in range(mutation.seed, mutation.seed + SEEDS_TRIED):
        if mutation.caught(mutation.run(seed)):
            break
    else:
        pytest.fail(told(mutation))
    control = mutation.control(seed)
    assert mutation.sound(control), (control.violations, control.crashed)


def test_the_list_is_what_was_asked_for() -> None:
    assert len(NAMED) == len(MUTATIONS) >= 16
    assert {mutation.invariant for mutation in MUTATIONS} >= {2, 3, 4, 5, 6, 7, 8}
    for mutation in MUTATIONS:
        assert mutation.breaks.endswith(".") and "\n" not in mutation.breaks.splitlines()[0]


def test_a_slip_is_taken_back() -> None:
    """Nothing of one run is left for the next."""
    mutation = NAMED["silence-frees"]
    before = mutation.control(1).trace
    assert not mutation.run(1).sound
    assert mutation.control(1).trace == before


def test_seeds_can_be_looked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert find_seed.main(["no-grace"]) == 0
    assert capsys.readouterr().out.startswith("no-grace: seed ")
    assert find_seed.main(["no-such-thing"]) == 2
    assert "no mutation is called no-such-thing" in capsys.readouterr().err
