"""The proven bound of a linear programme against all whole-number points of small ones."""

import random
from itertools import product

import pytest

from pathfinder.plans.programme import ONE, Programme


def small(
    rng: random.Random,
) -> tuple[list[tuple[int, int]], list[int], list[list[int]], list[int]]:
    """Bounds, costs, rows of rates, and what each row may come to; thirds where they hurt."""
    count = rng.randint(1, 3)
    bounds = [(low := rng.randint(0, 2), low + rng.randint(0, 4)) for _ in range(count)]
    third = ONE // 3
    cost = [rng.randint(-9, 9) * third for _ in range(count)]
    rows = [[rng.randint(-4, 4) * third for _ in range(count)] for _ in range(rng.randint(0, 3))]
    return bounds, cost, rows, [rng.randint(-6, 9) * third for _ in rows]


def least(
    bounds: list[tuple[int, int]], cost: list[int], rows: list[list[int]], most: list[int]
) -> int | None:
    """Rounded up, as `Solved.least` is."""
    values = [
        sum(c * x for c, x in zip(cost, point, strict=True))
        for point in product(*(range(low, high + 1) for low, high in bounds))
        if all(
            sum(r * x for r, x in zip(row, point, strict=True)) <= m
            for row, m in zip(rows, most, strict=True)
        )
    ]
    return -(-min(values) // ONE) if values else None


@pytest.mark.parametrize("block", range(0, 600, 200))
def test_nothing_is_better_than_the_bound(block: int) -> None:
    reached = 0
    for seed in range(block, block + 200):
        bounds, cost, rows, most = small(random.Random(seed))
        programme = Programme(bounds, cost)
        for row, limit in zip(rows, most, strict=True):
            programme.row(list(enumerate(row)), limit)
        best = least(bounds, cost, rows, most)
        if programme.impossible:
            assert best is None, f"seed {seed}"
            continue
        found = programme.solve()
        if found is None:
            continue
        assert best is None or found.least <= best, f"seed {seed}"
        reached += found.least == best
    assert reached > 60, "a bound that is never reached is of no use"


@pytest.mark.parametrize("seed", range(40))
def test_any_multipliers_prove_something_true(seed: int) -> None:
    """Whatever the solver answered, it could not make the bound wrong."""
    rng = random.Random(seed)
    bounds, cost, rows, most = small(rng)
    programme = Programme(bounds, cost)
    for row, limit in zip(rows, most, strict=True):
        programme.row(list(enumerate(row)), limit)
    best = least(bounds, cost, rows, most)
    if best is not None:
        for _ in range(20):
            made_up = [rng.randrange(9 * ONE) for _ in programme._most]
            assert programme._proven(made_up) <= best
