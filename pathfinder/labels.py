"""Labels: partial chains, backwards from the payee, and when one makes another superfluous."""

from dataclasses import dataclass
from typing import Final

from pathfinder.timing import Timing
from proto.levels import Level

LEVELS: Final = tuple(sorted(Level))  # index = number of the level
RANK: Final = tuple(level.safety_rank for level in LEVELS)


@dataclass(frozen=True, eq=False, slots=True)
class Label:
    """A chain from `path[0]` to the payee and the promise that this node holds for it.

    `amount` and `level` are of that promise, `hops` counts it. `visited` is a set of critical
    nodes, as bits. `ranks` are the safety ranks of all promises, this one first.
    """

    amount: int
    hops: int
    risk: int
    ranks: tuple[int, ...]
    path: tuple[int, ...]
    policy: int
    level: Level
    timing: Timing
    all_bare: bool
    visited: int
    onward: "Label | None"

    @property
    def key(self) -> tuple[int, int, int, tuple[int, ...], tuple[int, ...], int]:
        """The order of section 6. Two labels never have the same."""
        return (self.amount, self.hops, self.risk, self.ranks, self.path, self.policy)

    def no_worse(self, other: "Label") -> bool:
        """Whatever completes `other` completes this one, and not into a later answer.

        A smaller amount stays smaller: it grows by a rate of at least 1 before it is rounded up.
        """
        return (
            self.hops <= other.hops
            and self.key <= other.key
            and not self.visited & ~other.visited
            and self.timing.no_worse(other.timing)
        )
