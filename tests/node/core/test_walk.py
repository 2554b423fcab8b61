"""Random networks, payments and faults from a seed; the seed in the test's name repeats it."""

import pytest

from node.core.rows import PaymentPhase
from tests.node.walk import Walk


@pytest.mark.parametrize("seed", range(80))
def test_whatever_fails_everything_ends_as_agreed(seed: int) -> None:
    Walk(seed).run(150)


@pytest.mark.parametrize("seed", range(1000, 1020))
def test_without_faults_nobody_loses(seed: int) -> None:
    Walk(seed, calm=True).run(150)


def test_walks_pay_and_fail() -> None:
    """A walk in which nothing is ever paid, or nothing ever fails, would prove little."""
    phases = []
    for seed in range(10):
        walk = Walk(seed)
        walk.run(100)
        phases += [walk._payment(deal).phase for deal in walk.deals]
    assert phases.count(PaymentPhase.COMMITTED) > 5
    assert phases.count(PaymentPhase.ABORTED) > 5
