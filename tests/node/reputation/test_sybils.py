"""An attack of 1,000 invented raters: they weigh what somebody granted to them, and no more."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.reputation.sharing import shared
from tests.node.reputation.worlds import person, scored, trusting, weight_of

CROWDS = (10, 1000)
HONEST = {("viewer", "ann"): 100, ("ann", "bea"): 60, ("ann", "cid"): 60, ("viewer", "dan"): 50}
TRUTH = [("bea", 40), ("cid", 50), ("dan", -30)]
PRAISE = 10**9  # a sale with oneself may have any price


def crowd(size: int) -> list[str]:
    return [f"invented{i}" for i in range(size)]


def among_themselves(names: list[str], ring: str = "mallory") -> dict[tuple[str, str], int]:
    """What costs them nothing: each grants to the next one, to the ringleader, to honest people and
    to the viewer himself."""
    grants = {}
    for i, name in enumerate(names):
        for taker in (names[i - 1], ring, "ann", "bea", "dan", "viewer", "agent"):
            grants[name, taker] = 10**12
        grants[ring, name] = 10**12
    return grants


@pytest.mark.parametrize("size", CROWDS)
def test_a_crowd_to_whom_nobody_grants_credit_lifts_its_agent_by_exactly_nothing(size: int) -> None:
    names = crowd(size)
    praise = [(name, PRAISE) for name in (*names, "mallory")]
    before = scored(HONEST, TRUTH)
    after = scored({**HONEST, **among_themselves(names)}, TRUTH + praise)
    assert (after.total, after.good, after.bad) == (before.total, before.good, before.bad)
    assert before.total == 40 + 50 - 30
    assert after.unknown == size + 1


@pytest.mark.parametrize("size", CROWDS)
@pytest.mark.parametrize("granted", [1, 7, 30])
@pytest.mark.parametrize("by", ["viewer", "ann", "bea", "dan"])
def test_a_crowd_lifts_its_agent_by_the_credit_granted_to_it_at_most(
    size: int, granted: int, by: str
) -> None:
    """10 and 1,000 have the same bound; what honest raters weigh together shrinks by no more."""
    names = crowd(size)
    grants = {**HONEST, **among_themselves(names), (by, "mallory"): granted}
    before = scored(HONEST, TRUTH)
    after = scored(grants, TRUTH + [(name, PRAISE) for name in names])
    lifted = weight_of(after, *names)
    assert 0 < lifted <= granted
    assert after.good <= before.good + granted
    honest = ("bea", "cid", "dan")
    assert weight_of(after, *honest) >= weight_of(before, *honest) - granted


@pytest.mark.parametrize("size", CROWDS)
def test_its_number_gets_it_no_more_of_an_edge_that_it_shares_with_honest_raters(size: int) -> None:
    """Ann has 100 of the viewer's credit, and grants the ringleader as much as she grants Bea. Half
    of Ann's claim is Bea's; what goes on behind the ringleader is halved once more."""
    names = crowd(size)
    grants = {
        **among_themselves(names),
        ("viewer", "ann"): 100,
        ("ann", "bea"): 100,
        ("ann", "mallory"): 100,
    }
    after = scored(grants, [("bea", 100), *((name, PRAISE) for name in (*names, "mallory"))])
    # Claims of 1 (Bea) against 1 + 1 at most (the ringleader and all behind him): a third, of
    # which the turns may take a third.
    assert weight_of(after, "bea") >= 100 * 1 // 3 * 2 // 3
    assert weight_of(after, "bea", "mallory", *names) == 100


@pytest.mark.parametrize("value", [1, 100, PRAISE])
def test_how_large_their_sales_are_matters_as_little(value: int) -> None:
    names = crowd(100)
    grants = {
        **among_themselves(names),
        ("viewer", "ann"): 100,
        ("ann", "bea"): 100,
        ("ann", "mallory"): 100,
    }
    after = scored(grants, [("bea", 100), *((name, value) for name in names)])
    assert weight_of(after, "bea") >= 44


def test_an_agent_who_is_trusted_vouches_for_nobody() -> None:
    """People grant credit to their agent; his invented customers get none of it."""
    grants = {("viewer", "agent"): 500, **{("agent", name): 500 for name in crowd(10)}}
    grants |= {("viewer", "ann"): 500, ("ann", "agent"): 500}
    assert scored(grants, [(name, PRAISE) for name in crowd(10)]).total == 0


def test_credit_that_only_raters_grant_gives_them_no_weight() -> None:
    """The other direction: they would carry the loss, not the viewer."""
    grants = {("ann", "viewer"): 500, ("bea", "ann"): 500}
    assert scored(grants, [("ann", 10), ("bea", 10)]).total == 0


def test_slander_by_a_crowd_is_bounded_in_the_same_way() -> None:
    names = crowd(1000)
    grants = {**HONEST, **among_themselves(names), ("dan", "mallory"): 5}
    before = scored(HONEST, TRUTH)
    after = scored(grants, TRUTH + [(name, -PRAISE) for name in names])
    assert before.total - 2 * 5 <= after.total < before.total


PEOPLE = ("viewer", "a", "b", "c", "d", "e")
EDGES = st.dictionaries(
    st.tuples(st.sampled_from(PEOPLE), st.sampled_from(PEOPLE)).filter(lambda e: e[0] != e[1]),
    st.integers(1, 50),
    min_size=3,
)
DEMANDS = st.dictionaries(st.sampled_from(PEOPLE[1:]), st.integers(1, 80), min_size=1)


@settings(max_examples=150, deadline=None)
@given(EDGES, DEMANDS, st.lists(st.tuples(st.sampled_from(PEOPLE[1:]), st.integers(1, 9))))
def test_in_any_network_a_crowd_takes_no_more_than_was_granted_to_it(
    edges: dict[tuple[str, str], int], demands: dict[str, int], into: list[tuple[str, int]]
) -> None:
    names = crowd(20)
    attack = {(granter, "mallory"): units for granter, units in into}
    crowded = {**edges, **attack, **{("mallory", name): 10**9 for name in names}}
    crowded |= {(name, person_): 10**9 for name in names for person_ in PEOPLE[1:]}
    asked = {person(name): units for name, units in demands.items()}
    before = sum(shared(trusting(edges), asked).values())
    found = shared(trusting(crowded), {**asked, **{person(name): PRAISE for name in names}})
    theirs = sum(found.get(person(name), 0) for name in names)
    granted = sum(attack.values())
    assert theirs <= granted
    assert sum(found.values()) - theirs >= before - granted
