"""Chains without an amount, and plans that put shares of one payment on several of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from types import MappingProxyType

from pathfinder.core.labels import Label
from pathfinder.core.search import levels_of
from pathfinder.core.setting import Setting
from pathfinder.core.steps import Step
from pathfinder.core.timing import Timing, earlier_timing, held, last_timing
from pathfinder.network import Policy
from proto.levels import Level
from proto.modes import mode_of
from proto.schedule import schedule

Room = Callable[[int], int]
"""What a line, by its number, carries."""


@dataclass(frozen=True, slots=True)
class Track:
    """Lines and levels of a viable chain, payer first; any share that its lines carry fits it.

    `steps` are of the intermediaries. `least` ≤ D ≤ `most` (µs from now) keeps V8.
    """

    lines: tuple[int, ...]
    levels: tuple[Level, ...]
    steps: tuple[Step, ...]
    least: int
    most: int

    @property
    def key(self) -> tuple[tuple[int, ...], tuple[Level, ...]]:
        """Two tracks with the same key are one."""
        return self.lines, self.levels

    def amounts(self, share: int) -> tuple[int, ...]:
        """Of every promise, payer first, where the payee receives `share`."""
        found = [share]
        for step in reversed(self.steps):
            found.append(-(-found[-1] * step.num // step.den) + step.flat)
        return tuple(reversed(found))

    def cost(self, share: int) -> int:
        """The amount of promise 1."""
        return self.amounts(share)[0]

    def fee(self, share: int) -> int:
        """What intermediaries take together. Never less for a larger share, as rates are ≥ 1."""
        return self.cost(share) - share

    def widest(self, room: Room, most_cost: int) -> int:
        """The greatest share that the lines carry at no more than that cost; 0 = none."""
        amount = min(room(self.lines[0]), most_cost)
        for line, step in zip(self.lines[1:], self.steps, strict=True):
            # Floor of the inverse: exactly the amounts whose price is no more than `amount`.
            amount = min(room(line), (amount - step.flat) * step.den // step.num)
        return max(0, amount)


def track_of(setting: Setting, label: Label) -> Track:
    """The track of a chain that a pass over this setting has found."""
    board = setting.board
    policy, levels = setting.policies[label.policy], levels_of(label)
    prices = board.prices(policy, setting.waived)
    lines, steps = [], []
    for ends in pairwise((setting.payer, *label.path)):
        lines.append(board.numbered(*ends))
    for line, (incoming, outgoing) in zip(lines[1:], pairwise(levels), strict=True):
        offered = prices.steps(line, outgoing)
        steps.append(next(step for step in offered if step.incoming is incoming))
    timing = _timing(setting, label, policy)
    plan = schedule(
        levels,
        lateness_us=policy.lateness_us,
        payee_margin_us=setting.question.payee_margin_us,
    )
    assert plan is not None  # the search has looked at V8
    return Track(tuple(lines), levels, tuple(steps), plan.deadline, timing.most)


def _timing(setting: Setting, label: Label, policy: Policy) -> Timing:
    """Which D the chain needs and bears; from the payee backwards."""
    question, facts, lateness_us = setting.question, setting.board.facts, policy.lateness_us
    chain = tuple(label)[::-1]
    timing = last_timing(
        chain[0].level,
        lateness_us,
        question.payee_margin_us,
        question.latest_deadline,
        question.deadline_floor,
    )
    for onward, at in pairwise(chain):
        mode = mode_of(at.level, onward.level)
        assert timing is not None and mode is not None
        timing = held(timing, onward.level, lateness_us, facts[at.node].hold_max_us)
        assert timing is not None
        timing = earlier_timing(timing, at.level, onward.level, mode, lateness_us)
    assert timing is not None
    timing = held(timing, label.level, lateness_us, facts[setting.payer].hold_max_us)
    assert timing is not None
    return timing


@dataclass(frozen=True, slots=True)
class Part:
    """What the payee receives over one track."""

    track: Track
    share: int


Taken = Mapping[int, int]
"""Line -> what the parts so far put on it."""


def _nothing_taken() -> Taken:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Draft:
    """Parts that fit beside each other, and the D that all of them bear."""

    least: int
    most: int
    parts: tuple[Part, ...] = ()
    share: int = 0
    cost: int = 0
    taken: Taken = field(default_factory=_nothing_taken)

    def plus(self, track: Track, share: int) -> "Draft | None":
        """With one more part, which the lines must carry; None where no common D is left."""
        least, most = max(self.least, track.least), min(self.most, track.most)
        if least > most:
            return None
        amounts = track.amounts(share)
        taken = dict(self.taken)
        for line, amount in zip(track.lines, amounts, strict=True):
            taken[line] = taken.get(line, 0) + amount
        parts = (*self.parts, Part(track, share))
        return Draft(least, most, parts, self.share + share, self.cost + amounts[0], taken)

    @property
    def order(self) -> tuple[object, ...]:
        """Cheaper first, then fewer parts, fewer promises, less risk; the rest is for repeating."""
        return (
            self.cost,
            len(self.parts),
            sum(len(p.track.lines) for p in self.parts),
            sum(step.mode.risk for p in self.parts for step in p.track.steps),
            [(-p.share, p.track.key) for p in self.parts],
        )


def merged(draft: Draft) -> Draft:
    """Parts on the same track become one: one flat fee less, one rounding less. Largest first."""
    shares: dict[tuple[tuple[int, ...], tuple[Level, ...]], Part] = {}
    for part in draft.parts:
        known = shares.get(part.track.key)
        share = part.share + (known.share if known else 0)
        shares[part.track.key] = Part(part.track, share)
    made = Draft(draft.least, draft.most)
    for part in sorted(shares.values(), key=lambda p: (-p.share, p.track.key)):
        following = made.plus(part.track, part.share)
        assert following is not None  # the same tracks had a common D before
        made = following
    return made
