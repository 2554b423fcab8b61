"""Labels: partial chains, backwards from the payee, and when one makes another superfluous."""

from collections.abc import Iterator
from typing import Final

from pathfinder.core.timing import Timing
from proto.levels import Level

LEVELS: Final = tuple(sorted(Level))  # index = number of the level
RANK: Final = tuple(level.safety_rank for level in LEVELS)


class Label:
    """A chain from `node` to the payee and the promise that this node holds for it.

    `amount` and `level` are of that promise, `hops` counts it. `visited` is a set of critical
    nodes, as bits. `must_differ`: all promises so far are BARE, and V4 does not let all be.
    `beaten`: another label that has been found meanwhile makes this one superfluous.

    Not a dataclass: a search makes tens of thousands. Nobody changes one but to mark it beaten.
    """

    __slots__ = (
        *("amount", "hops", "risk", "level", "node", "policy", "timing", "must_differ"),
        *("visited", "onward", "beaten"),
    )

    def __init__(
        self,
        amount: int,
        hops: int,
        risk: int,
        level: Level,
        node: int,
        policy: int,
        timing: Timing,
        must_differ: bool,
        visited: int,
        onward: "Label | None",
    ) -> None:
        self.amount = amount
        self.hops = hops
        self.risk = risk
        self.level = level
        self.node = node
        self.policy = policy
        self.timing = timing
        self.must_differ = must_differ
        self.visited = visited
        self.onward = onward
        self.beaten = False

    def __iter__(self) -> "Iterator[Label]":
        """This label and those of the chain ahead, towards the payee."""
        at: Label | None = self
        while at is not None:
            yield at
            at = at.onward

    @property
    def path(self) -> tuple[int, ...]:
        """Numbers of the nodes, this one first."""
        return tuple([label.node for label in self])

    @property
    def ranks(self) -> tuple[int, ...]:
        """Safety ranks of all promises, this one first."""
        return tuple([RANK[label.level] for label in self])


def earlier_answer(one: Label, other: Label, names: list[str]) -> bool:
    """Whether `one` comes no later than `other` in the order of section 6, policy apart."""
    if one.amount != other.amount:
        return one.amount < other.amount
    if one.hops != other.hops:
        return one.hops < other.hops
    if one.risk != other.risk:
        return one.risk < other.risk
    if (ranks := one.ranks) != (others := other.ranks):
        return ranks < others
    return [names[n] for n in one.path] <= [names[n] for n in other.path]
