"""What votes add up to: values, ages, outcomes, and nothing gained by splitting."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.reputation.score import DECAY, EQUAL, HALF_LIFE_US, Exchange, decayed, score_of
from proto.limits import US
from tests.node.reputation.worlds import NOW_US, scored, trusting, votes

DAY_US = 86_400 * US
CREDITS = {("viewer", "ann"): 100, ("viewer", "bea"): 20}


def test_success_adds_failure_takes_away() -> None:
    score = scored(CREDITS, [("ann", 60), ("bea", -15)])
    assert (score.good, score.bad, score.total, score.unknown) == (60, 15, 45, 0)


@pytest.mark.parametrize("parts", [1, 2, 10, 100])
def test_a_sale_in_parts_counts_as_the_whole(parts: int) -> None:
    for who, whole in (("ann", 100), ("ann", 500), ("bea", 100)):
        once = scored(CREDITS, [(who, whole)])
        split = scored(CREDITS, [(who, whole // parts)] * parts)
        assert split.total == once.total <= CREDITS["viewer", who]


def test_of_one_rater_the_newest_sales_count_first() -> None:
    old, new = votes([("bea", 20)], HALF_LIFE_US), votes([("bea", -20)])
    score = score_of(trusting(CREDITS), [*old, *new], NOW_US)
    assert [one.taken for one in score.votes] == [0, 20]
    assert score.total == -20


def test_the_viewer_believes_himself_without_any_credit() -> None:
    assert scored({}, [("viewer", -70), ("ann", 1000)]).total == -70


def test_credit_and_deposit_may_differ_in_worth() -> None:
    """A hundred units of credit for each of the deposit: Ann's 100 vouch for 1."""
    said = votes([("ann", 60), ("bea", 15)])
    for exchange, total in ((EQUAL, 75), (Exchange(100, 1), 1), (Exchange(1, 100), 75)):
        assert score_of(trusting(CREDITS), said, NOW_US, exchange=exchange).total == total


@pytest.mark.parametrize(
    ("age_us", "left"),
    [
        (-DAY_US, 1000),  # its house's clock is ahead of ours
        (0, 1000),
        (HALF_LIFE_US // 16 - 1, 1000),
        (HALF_LIFE_US // 16, 957),
        (HALF_LIFE_US // 2, 707),
        (HALF_LIFE_US, 500),
        (2 * HALF_LIFE_US, 250),
        (9 * HALF_LIFE_US, 1),
        (10 * HALF_LIFE_US, 0),
        (10**6 * HALF_LIFE_US, 0),
    ],
)
def test_what_is_left_with_age(age_us: int, left: int) -> None:
    assert decayed(1000, age_us) == left


def test_the_table_is_what_it_says() -> None:
    assert list(DECAY) == [round(65_536 * 2 ** (-i / 16)) for i in range(16)]
    assert all(a > b for a, b in pairwise(DECAY))


@given(st.integers(0, 2**62), st.integers(0, 10**18), st.integers(0, 10**18))
def test_it_only_shrinks(units: int, age: int, more: int) -> None:
    assert 0 <= decayed(units, age + more) <= decayed(units, age) <= units


def test_a_shorter_half_life_forgets_sooner() -> None:
    said = votes([("ann", 100)], 30 * DAY_US)
    trust = trusting(CREDITS)
    assert score_of(trust, said, NOW_US, half_life_us=30 * DAY_US).total == 50
    assert score_of(trust, said, NOW_US).total == 91
