"""The score of an agent in one deposit brand, as one viewer sees it. Whole units throughout.

    score = Σ over raters, Σ over his votes, the newest first:
            min(value, what is left of the rater's weight) × age decay × (+1 or -1)

A rater's weight is his part of the viewer's credit (`node.reputation.sharing`). It bounds all his
votes together, so ten sales of 10 count as one of 100, and a sale with oneself under many names
counts no more than the credit that somebody else has granted to those names. Where credit and
deposit are not of the same worth, the viewer says how many units of credit one of the deposit is;
without that they count as equal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from node.reputation.ratings import Heard
from node.reputation.sharing import shared
from node.reputation.trust import Trust
from proto.keys import NodeId
from proto.limits import US

HALF_LIFE_US: Final = 180 * 86_400 * US  # half a year: agents change hands, and so do prices
STEPS: Final = 16
# 2^-(i/16) as parts of 65536, rounded to the nearest: ages in between count as the step before.
DECAY: Final = (
    *(65_536, 62_757, 60_097, 57_549, 55_109, 52_773, 50_535, 48_393),
    *(46_341, 44_376, 42_495, 40_693, 38_968, 37_316, 35_734, 34_219),
)


def decayed(units: int, age_us: int, half_life_us: int = HALF_LIFE_US) -> int:
    """What is left of it after that time, rounded down; nothing has aged before it was made."""
    steps = max(0, age_us) * STEPS // half_life_us
    halvings, step = divmod(steps, STEPS)
    return units * DECAY[step] >> (16 + min(halvings, 256))


@dataclass(frozen=True, slots=True)
class Exchange:
    """So many units of credit (`credit`) are worth so many of the deposit (`deposit`)."""

    credit: int = 1
    deposit: int = 1

    def demand_ceil(self, deposit: int) -> int:
        """Units of credit that a value in units of the deposit asks for."""
        return -(-deposit * self.credit // self.deposit)

    def weight_floor(self, credit: int) -> int:
        """Units of the deposit that so much credit vouches for."""
        return credit * self.deposit // self.credit


EQUAL: Final = Exchange()


@dataclass(frozen=True, slots=True)
class Counted:
    """One vote in the score. `weight`: of its rater, for all his votes; `taken`: of the value, by
    that weight; `counts`: what it adds, signed and aged. Units of the deposit brand."""

    vote: Heard
    weight: int
    taken: int
    counts: int


@dataclass(frozen=True, slots=True)
class Score:
    """`good` and `bad`: sums of what counts, both above zero. `unknown`: raters to whom none of the
    viewer's credit leads. `votes` are in the order of the list."""

    good: int
    bad: int
    votes: tuple[Counted, ...]
    unknown: int

    @property
    def total(self) -> int:
        return self.good - self.bad


def score_of(
    trust: Trust,
    votes: Sequence[Heard],
    now_us: int,
    half_life_us: int = HALF_LIFE_US,
    exchange: Exchange = EQUAL,
) -> Score:
    """`votes`: of one agent, brand and house, each voter at most once for each pool.

    Of what the viewer voted himself the whole value counts: he need not trust anybody for it.
    """
    values: dict[NodeId, int] = {}
    for vote in votes:
        values[vote.voter] = values.get(vote.voter, 0) + vote.value
    weights = _weights(trust, values, exchange)
    left = dict(weights)
    counted: dict[int, Counted] = {}
    for i in sorted(range(len(votes)), key=lambda i: (-votes[i].at_us, -votes[i].sequence, -i)):
        vote = votes[i]
        taken = min(vote.value, left.get(vote.voter, 0))
        if taken:
            left[vote.voter] -= taken
        aged = decayed(taken, now_us - vote.at_us, half_life_us)
        counts = aged if vote.success else -aged
        counted[i] = Counted(vote, weights.get(vote.voter, 0), taken, counts)
    found = tuple(counted[i] for i in range(len(votes)))
    return Score(
        good=sum(max(0, one.counts) for one in found),
        bad=sum(max(0, -one.counts) for one in found),
        votes=found,
        unknown=sum(1 for voter in values if not weights.get(voter)),
    )


def _weights(trust: Trust, values: Mapping[NodeId, int], exchange: Exchange) -> dict[NodeId, int]:
    demands = {node: exchange.demand_ceil(value) for node, value in values.items()}
    own = demands.pop(trust.viewer, 0)
    credit = shared(trust, demands)
    weights = {node: min(values[node], exchange.weight_floor(n)) for node, n in credit.items()}
    if own:
        weights[trust.viewer] = values[trust.viewer]
    return weights
