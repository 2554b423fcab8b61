"""Every track between payer and payee that could be of use, where a network is small enough.

Depth first, backwards from the payee, over simple paths; at each node all ways to hold the chain so
far are kept but those that another one makes superfluous: same promise, nowhere dearer, times no
tighter. What is left out never makes a plan cheaper nor wider.
"""

from dataclasses import dataclass
from typing import Final

from pathfinder.core.setting import Setting
from pathfinder.core.steps import Step, payee_takes, payer_gives
from pathfinder.core.timing import Timing, earlier_timing, held, last_timing
from pathfinder.plans.track import Track
from proto.levels import Level
from proto.limits import MAX_AMOUNT

MAX_ALL_TRACKS: Final = 600  # of one policy: more make a proof about plans hopeless
MAX_PATHS: Final = 2_000  # for which it is worth a try: many of them are viable for nobody
MAX_STEPS: Final = 20_000  # taken to count them; a fiftieth of a second
MAX_BRANCHES: Final = 30_000  # ways to hold a chain tried before them; half a second


@dataclass(frozen=True, slots=True)
class _Way:
    """How the chain from a node on may go: what the node holds for it, and at which price.

    `least`: the amount of the promise that it holds where the payee receives the least share. The
    levels and steps stand with this node's first.
    """

    levels: tuple[Level, ...]
    steps: tuple[Step, ...]
    timing: Timing
    risk: int
    least: int
    all_bare: bool

    def no_worse(self, other: "_Way", *, risk_counts: bool) -> bool:
        """Whatever `other` is good for, this one is, at no higher price on any line. Both hold the
        same level over the same lines, and both chains are all BARE or neither is."""
        return (
            self.timing.no_worse(other.timing)
            and not (risk_counts and self.risk > other.risk)
            and _no_dearer(self.steps, other.steps)
        )


def _no_dearer(one: tuple[Step, ...], other: tuple[Step, ...]) -> bool:
    # A loop: this is asked millions of times, and a generator costs more than what it asks.
    for a, b in zip(one, other, strict=True):
        if a is not b and (a.flat > b.flat or a.num * b.den > b.num * a.den):
            return False
    return True


def all_tracks(
    setting: Setting, share: int, branches: int = MAX_BRANCHES
) -> tuple[Track, ...] | None:
    """All useful tracks of a setting of one policy that bear at least `share`, in a stable order.

    None where there are more than MAX_ALL_TRACKS, or more than so many ways to try. The
    question's amount plays no part, nor does what lines carry beyond `share`.
    """
    assert len(setting.policies) == 1
    return _Enumeration(setting, share, branches).run()


def few_paths(setting: Setting, share: int) -> bool:
    """Whether there are few enough paths, whatever the rules say, to look at all of them."""
    board = setting.board
    distances = board.distances(setting.payer, lambda line: setting.carries(line, share))
    paths, steps, seen = 0, 0, {setting.payee}
    stack = [(setting.payee, iter(board.incoming[setting.payee]))]
    while stack:
        node, lines = stack[-1]
        line = next(lines, None)
        if line is None:
            stack.pop()
            seen.discard(node)
            continue
        promisor = board.promisor[line]
        if promisor in seen or not setting.carries(line, share):
            continue
        steps += 1
        if promisor == setting.payer:
            paths += 1
        elif 0 <= distances[promisor] <= setting.max_hops - len(stack):
            seen.add(promisor)
            stack.append((promisor, iter(board.incoming[promisor])))
        if paths > MAX_PATHS or steps > MAX_STEPS:
            return False
    return True


class _TooMany(Exception):
    """The bounds of this module are reached."""


class _Enumeration:
    """Made for one use."""

    def __init__(self, setting: Setting, share: int, branches: int) -> None:
        self._setting, self._share, self._left = setting, share, branches
        self._policy = setting.policies[0]
        self._prices = setting.board.prices(self._policy, setting.waived)
        self._found: list[Track] = []
        self._distances = setting.board.distances(
            setting.payer, lambda line: setting.carries(line, share)
        )

    def run(self) -> tuple[Track, ...] | None:
        setting = self._setting
        ways = tuple(self._last_ways())
        try:
            if ways:
                self._extend(setting.payee, ways, (), {setting.payee})
        except _TooMany:
            return None
        return tuple(sorted(self._found, key=lambda track: track.key))

    def _last_ways(self) -> list[_Way]:
        setting, question, found = self._setting, self._setting.question, []
        terms, facts = setting.terms(self._policy), setting.board.facts[setting.payee]
        for level in sorted(Level, key=lambda level: level.safety_rank):
            if level not in question.levels:
                continue
            if not payee_takes(level, facts, terms, self._policy, setting.waived):
                continue
            timing = last_timing(
                level,
                self._policy.lateness_us,
                question.payee_margin_us,
                question.latest_deadline,
                question.deadline_floor,
            )
            if timing is not None:
                found.append(_Way((level,), (), timing, 0, self._share, level is Level.BARE))
        return found

    def _extend(
        self, node: int, ways: tuple[_Way, ...], lines: tuple[int, ...], seen: set[int]
    ) -> None:
        setting, board = self._setting, self._setting.board
        if len(lines) >= setting.max_hops:
            return
        for line in board.incoming[node]:
            promisor = board.promisor[line]
            if promisor in seen:
                continue
            held_by = [(w, t) for w in ways if (t := self._held(w, line, promisor)) is not None]
            self._left -= 1 + len(held_by)
            if self._left < 0:
                raise _TooMany
            if not held_by:
                continue
            if promisor == setting.payer:
                self._close(held_by, (line, *lines))
                continue
            if self._distances[promisor] < 0:
                continue
            earlier = self._earlier(held_by, line)
            if earlier:
                self._extend(promisor, earlier, (line, *lines), seen | {promisor})

    def _held(self, way: _Way, line: int, promisor: int) -> Timing | None:
        """Once that promisor gives the first promise of the chain on that line."""
        setting = self._setting
        if not setting.carries(line, way.least):
            return None
        hold_max_us = setting.board.facts[promisor].hold_max_us
        return held(way.timing, way.levels[0], self._policy.lateness_us, hold_max_us)

    def _earlier(self, held_by: list[tuple[_Way, Timing]], line: int) -> tuple[_Way, ...]:
        question, found = self._setting.question, []
        for way, timing in held_by:
            for step in self._prices.steps(line, way.levels[0]):
                risk = way.risk + step.mode.risk
                if step.incoming not in question.levels:
                    continue
                if question.declines and step.mode.relies_on_registry:
                    continue
                if question.max_risk is not None and risk > question.max_risk:
                    continue
                lateness = self._policy.lateness_us
                earlier = earlier_timing(timing, step.incoming, way.levels[0], step.mode, lateness)
                least = -(-way.least * step.num // step.den) + step.flat
                if earlier is None or least > MAX_AMOUNT:
                    continue
                levels, steps = (step.incoming, *way.levels), (step, *way.steps)
                bare = way.all_bare and step.incoming is Level.BARE
                found.append(_Way(levels, steps, earlier, risk, least, bare))
        return self._useful(found)

    def _useful(self, ways: list[_Way]) -> tuple[_Way, ...]:
        counts = self._setting.question.max_risk is not None
        # Only what holds the same level can stand in for another.
        alike: dict[tuple[Level, bool], list[_Way]] = {}
        ranks = [(w.risk, [level.safety_rank for level in w.levels], i) for i, w in enumerate(ways)]
        for _, _, i in sorted(ranks):
            way = ways[i]
            kept = alike.setdefault((way.levels[0], way.all_bare), [])
            least = way.least
            # Who is no dearer on any line is so at its head: that is known at once, and is false of
            # half of them.
            for other in kept:
                if other.least <= least and other.no_worse(way, risk_counts=counts):
                    break
            else:
                kept[:] = [
                    other
                    for other in kept
                    if least > other.least or not way.no_worse(other, risk_counts=counts)
                ]
                kept.append(way)
        return tuple(way for kept in alike.values() for way in kept)

    def _close(self, held_by: list[tuple[_Way, Timing]], lines: tuple[int, ...]) -> None:
        setting, question, policy = self._setting, self._setting.question, self._policy
        facts = setting.board.facts[setting.payer]
        kept: list[Track] = []
        for way, timing in held_by:
            level = way.levels[0]
            if level not in question.first_levels:
                continue
            if way.all_bare and policy.members and not setting.one_of_several:
                continue
            if not payer_gives(level, facts, policy, setting.waived):
                continue
            track = Track(lines, way.levels, way.steps, timing.least, timing.most)
            if not any(_covers(other, track) for other in kept):
                kept = [other for other in kept if not _covers(track, other)]
                kept.append(track)
        self._found += kept
        if len(self._found) > MAX_ALL_TRACKS:
            raise _TooMany


def _covers(one: Track, other: Track) -> bool:
    """On the same lines: whatever the other does in a plan, this one does for no more."""
    return (
        one.least <= other.least and one.most >= other.most and _no_dearer(one.steps, other.steps)
    )
