"""A linear programme solved in floats, and a bound of it that is proven in whole numbers.

Nothing is believed of the solver but its multipliers: for any multipliers at all, weak duality
gives a true bound, and good ones give a good bound. Coefficients are whole numbers of 2^-SCALE.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

SCALE: Final = 64  # bits behind the point: the loss stays below a unit for any amount
ONE: Final = 1 << SCALE


@dataclass(frozen=True, slots=True)
class Solved:
    """`least`: the objective is no less, proven, rounded up. `values`: of the solver, in floats."""

    least: int
    values: tuple[float, ...]


class Programme:
    """Minimise cost · x where rates · x ≤ most in every row, low ≤ x ≤ high.

    Bounds of x are plain integers; costs, rates and `most` are in 2^-SCALE. Made for one use.
    """

    def __init__(self, bounds: Sequence[tuple[int, int]], cost: Sequence[int]) -> None:
        self._bounds, self._cost = bounds, cost
        self._columns: list[list[tuple[int, int]]] = [[] for _ in bounds]
        self._most: list[int] = []

    def row(self, entries: Sequence[tuple[int, int]], most: int) -> None:
        """(Number of x, rate) …; left out where the bounds keep it anyway."""
        if sum(rate * self._bounds[n][rate > 0] for n, rate in entries) > most:
            for number, rate in entries:
                self._columns[number].append((len(self._most), rate))
            self._most.append(most)

    @property
    def impossible(self) -> bool:
        """Whether some row cannot be kept within the bounds, whatever the other rows say."""
        least = [0] * len(self._most)
        for bounds, column in zip(self._bounds, self._columns, strict=True):
            for row, rate in column:
                least[row] += rate * bounds[rate < 0]
        return any(a > b for a, b in zip(least, self._most, strict=True))

    def solve(self) -> Solved | None:
        """None where the solver finds nothing; that alone proves nothing."""
        scale = float(max(1, *(high for _, high in self._bounds)))
        where = [(row, n) for n, column in enumerate(self._columns) for row, _ in column]
        rates = np.array([rate / ONE for column in self._columns for _, rate in column])
        rows = np.array([row for row, _ in where], dtype=int)
        # Rows of like size: the solver's tolerances are absolute.
        weights = np.full(len(self._most), 1e-30)
        np.maximum.at(weights, rows, np.abs(rates))
        places = (rows, np.array([n for _, n in where], dtype=int))
        shape = (len(self._most), len(self._bounds))
        found: Any = linprog(
            np.array([cost / ONE for cost in self._cost]),
            A_ub=csr_array((rates / weights[rows], places), shape=shape),
            b_ub=np.array([most / ONE / scale for most in self._most]) / weights,
            bounds=[(low / scale, high / scale) for low, high in self._bounds],
            method="highs",
        )
        if found.status != 0:
            return None
        prices = np.maximum(-found.ineqlin.marginals, 0.0) / weights
        least = self._proven([int(float(price) * ONE) for price in prices])
        return Solved(least, tuple(float(x) * scale for x in found.x))

    def _proven(self, multipliers: Sequence[int]) -> int:
        """Weak duality for whatever multipliers ≥ 0 of the rows."""
        total = -sum(m * most for m, most in zip(multipliers, self._most, strict=True))
        for (low, high), cost, column in zip(self._bounds, self._cost, self._columns, strict=True):
            reduced = cost * ONE + sum(multipliers[row] * rate for row, rate in column)
            total += reduced * (low if reduced > 0 else high)
        return -(-total // (ONE * ONE))
