"""What each party ends with: nothing is made or lost, and the examples add up by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.core.sale.outcomes import ADDED, Case, deposit_rule, outcome_table
from proto.sale.stakes import PERMILLE, Pool, SaleRole, Stakes

BUYER, SELLER, AGENT, HOUSE = SaleRole.BUYER, SaleRole.SELLER, SaleRole.AGENT, SaleRole.HOUSE
STAKES = Stakes(
    price=1000, buyer_deposit=110, seller_deposit=430, bond=1000, vote_bond=10, slash_permille=100
)
permilles = st.integers(0, PERMILLE)
amounts = st.integers(0, 10**12)


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    price = draw(st.integers(1, 10**12))
    figures = [draw(amounts) for _ in range(3)]
    parts = [draw(permilles) for _ in range(3)]
    stakes = Stakes(price, figures[0], figures[1], price, figures[2], *parts)
    fee = draw(st.integers(0, price))
    return Pool(stakes, draw(amounts), fee, draw(st.integers(1, 50)), draw(st.booleans()))


@given(pools())
def test_every_row_sums_to_nothing(pool: Pool) -> None:
    for ending in outcome_table(pool):
        assert sum(ending.changes.values()) == 0, ending
        assert ending.changes[HOUSE] in (0, pool.house_fee)


@given(pools())
def test_nobody_loses_more_than_his_stake(pool: Pool) -> None:
    endings = outcome_table(pool)
    for role in (BUYER, SELLER, AGENT):
        worst = min(e.changes[role] for e in endings if not e.added)
        on_top = sum(min(0, e.changes[role]) for e in endings if e.added)
        assert worst + on_top >= -pool.stake(role)


def test_the_figures_of_an_example() -> None:
    told = {e.case: e.changes for e in outcome_table(Pool(STAKES, 20, 5, 1, arbitrated=True))}
    assert told == {
        Case.RELEASED: {BUYER: -1020, SELLER: 995, AGENT: 20, HOUSE: 5},
        Case.REFUNDED: {BUYER: -10 + 43, SELLER: -43, AGENT: 10, HOUSE: 0},
        Case.REFUND_PLAIN: {BUYER: 43, SELLER: -43, AGENT: 0, HOUSE: 0},
        Case.NOT_LOCKED: dict.fromkeys((BUYER, SELLER, AGENT, HOUSE), 0),
        Case.BOND_SLASHED: {BUYER: 1000, SELLER: 0, AGENT: -1000, HOUSE: 0},
        Case.NO_BUYER_VOTE: {BUYER: -10, SELLER: 0, AGENT: 10, HOUSE: 0},
        Case.NO_SELLER_VOTE: {BUYER: 0, SELLER: -10, AGENT: 10, HOUSE: 0},
    }


def test_what_cannot_happen_has_no_row() -> None:
    stakes = Stakes(price=1000, buyer_deposit=0, seller_deposit=1, bond=1000)
    cases = {e.case for e in outcome_table(Pool(stakes, 0, 0, 1, arbitrated=False))}
    assert not cases & ADDED
    assert len(cases) == 4


@pytest.mark.parametrize(
    ("deposit", "from_permille"), [(0, 1000), (112, 900), (429, 700), (1000, 500)]
)
def test_the_deposit_rule(deposit: int, from_permille: int) -> None:
    rule = deposit_rule(1000, deposit)
    assert rule.least == ((900, 112), (700, 429))
    assert rule.pays_not_from == from_permille


@given(st.integers(1, 10**12), amounts)
def test_the_rule_solved_for_its_likelihood(price: int, deposit: int) -> None:
    q = deposit_rule(price, deposit).pays_not_from
    assert deposit * q >= price * (PERMILLE - q)
    assert q == 1 or deposit * (q - 1) < price * (PERMILLE - q + 1)
