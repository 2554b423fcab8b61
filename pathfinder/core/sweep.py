"""One pass of the search: labels, backwards from the payee over (node, level of promise held).

A label is a chain from a node to the payee, together with the promise that the node wants to hold
for it. Labels leave the heap in the order of what their chain will cost the payer at least, then
of promises, then of risk (A*; the bounds come from `bounds`). Fee rates are at least 1, so one
promise more never makes an amount smaller: once the heap holds nothing that could still come
before the best chain that the payer has closed, that one is the answer.

The pass is as strict as it is told (`Strictness`). What it does not keep apart it relaxes: it then
looks at walks, or at chains whose deadlines nobody asked about. If what it finds keeps the relaxed
rules all the same, it is the answer to the strict question too; `search` looks, and tightens.
"""

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final

from pathfinder.core.bounds import BY_PAYER, Bounds, Ways
from pathfinder.core.labels import LEVELS, Label, earlier_answer
from pathfinder.core.setting import Setting
from pathfinder.core.steps import Step, payee_takes
from pathfinder.core.timing import Timing, earlier_timing, held, last_timing
from proto.limits import MAX_AMOUNT
from proto.viability import Rule

UNTIMED: Final = Timing(0, 0, 0, 0)  # of every label where V8 is waived, or relaxed


@dataclass(frozen=True, slots=True)
class Strictness:
    """What a pass keeps apart. `critical`: nodes that no chain visits twice. `timed`: V8.
    `counted`: how many promises a chain has. `risky`: what its modes add up to.
    `own_path_only`: no chain visits any node twice, though a better one may be missed by that.
    """

    critical: frozenset[int] = frozenset()
    timed: bool = False
    counted: bool = False
    risky: bool = False
    own_path_only: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """Outcome of a pass. `label` None and `complete` False: the budget ran out."""

    label: Label | None
    complete: bool
    labels: int  # taken from the heap


_Item = tuple[int, int, int, int, Label, Ways | None, int]
"""(cost, promises, risk: each at least; serial; label; its ways; the first that is left)."""


class Pass:
    """A single pass over one setting. Made for one use."""

    def __init__(self, setting: Setting, bounds: Bounds, strict: Strictness) -> None:
        self.setting, self.bounds, self.strict = setting, bounds, strict
        self.timed = strict.timed and Rule.V8 not in setting.waived
        self.lateness = [policy.lateness_us for policy in setting.policies]
        self.names = setting.board.names
        self.prices = [setting.board.prices(p, setting.waived) for p in setting.policies]
        # A bit for each critical node: numbers of nodes would make a label of kilobytes.
        self.bits = {node: 1 << place for place, node in enumerate(sorted(strict.critical))}
        self.heap: list[_Item] = []
        self.serial = 0
        self.fronts: dict[int, list[Label]] = {}
        self.best: Label | None = None

    def run(self, budget: int) -> Found:
        """The best chain, after taking at most `budget` labels from the heap."""
        self._start()
        heap, taken = self.heap, 0
        while heap:
            item = heappop(heap)
            best = self.best
            if best is not None and item[:3] > (best.amount, best.hops, best.risk):
                break
            label = item[4]
            if label.beaten:
                continue
            if taken >= budget:
                return Found(best, False, taken)
            taken += 1
            self._extend(item)
        return Found(self.best, True, taken)

    def _start(self) -> None:
        s, question = self.setting, self.setting.question
        facts = s.board.facts[s.payee]
        for number, policy in enumerate(s.policies):
            terms = s.terms(policy)
            for level in LEVELS:
                if level not in question.levels:
                    continue
                if not payee_takes(level, facts, terms, policy, s.waived):
                    continue
                timing: Timing | None = UNTIMED
                if self.timed:
                    timing = last_timing(
                        level,
                        self.lateness[number],
                        question.payee_margin_us,
                        question.latest_deadline,
                        question.deadline_floor,
                    )
                if timing is None:
                    continue
                must_differ = level is LEVELS[0] and s.must_differ(policy)
                self._offer(
                    Label(
                        question.amount, 1, 0, level, s.payee, number, timing, must_differ, 0, None
                    )
                )

    def _extend(self, item: _Item) -> None:
        """Follows a label's ways, the most promising first, for as long as nothing else in the
        heap promises more."""
        _, hops, risk, _, label, ways, first = item
        if ways is None:  # made now, for most labels never get here
            most = min(self.setting.question.max_cost - label.amount, MAX_AMOUNT)
            ways = self.bounds.ways(label.policy, label.node, label.level, label.must_differ, most)
        heap, amount = self.heap, label.amount
        setting, most_cost = self.setting, self.setting.question.max_cost
        extras, lines, held_by = ways
        for place in range(first, len(lines)):
            extra, line = extras[place], lines[place]
            if amount + extra > most_cost:
                return
            if place > first:
                key = (amount + extra, hops, risk)
                if heap and key > heap[0][:3]:
                    self.serial += 1
                    heappush(heap, (*key, self.serial, label, ways, place))
                    return
            if not setting.carries(line, amount):
                continue
            timing: Timing | None = label.timing
            promisor = setting.board.promisor[line]
            if self.timed:
                hold_max_us = setting.board.facts[promisor].hold_max_us
                lateness = self.lateness[label.policy]
                timing = held(label.timing, label.level, lateness, hold_max_us)
                if timing is None:
                    continue
            if held_by[place] == BY_PAYER:
                self._close(label)
            elif self._may_visit(promisor, label):
                incoming = LEVELS[held_by[place]]
                step = self.prices[label.policy].step(line, incoming, label.level)
                assert timing is not None and step is not None
                self._step(label, promisor, step, timing)

    def _close(self, label: Label) -> None:
        """The payer may give the first promise of this chain: is there a better one?"""
        best = self.best
        if label.must_differ:
            return
        if best is None or (label is not best and self._before(label, best)):
            self.best = label

    def _before(self, label: Label, best: Label) -> bool:
        if not earlier_answer(label, best, self.names):
            return False
        same = earlier_answer(best, label, self.names)
        return not same or label.policy < best.policy

    def _may_visit(self, node: int, label: Label) -> bool:
        if node == self.setting.payee or label.visited & self.bits.get(node, 0):
            return False
        return not (self.strict.own_path_only and any(node == at.node for at in label))

    def _step(self, label: Label, promisor: int, step: Step, timing: Timing) -> None:
        s, mode, incoming = self.setting, step.mode, step.incoming
        risk, most = label.risk + mode.risk, s.question.max_risk
        if self.strict.risky and most is not None and risk > most:
            return
        amount = -(-label.amount * step.num // step.den) + step.flat
        if amount > MAX_AMOUNT:
            return
        if self.timed:
            lateness = self.lateness[label.policy]
            earlier = earlier_timing(timing, incoming, label.level, mode, lateness)
            if earlier is None:
                return
            timing = earlier
        visited = label.visited | self.bits.get(promisor, 0)
        must_differ = label.must_differ and incoming is LEVELS[0]
        self._offer(
            Label(
                amount, label.hops + 1, risk, incoming, promisor, label.policy, timing,
                must_differ, visited, label,
            )
        )  # fmt: skip

    def _offer(self, label: Label) -> None:
        """Keeps the label unless one that is no worse is known; marks those that it beats."""
        node, policy, level = label.node, label.policy, label.level
        bounds = self.bounds
        extra, far = bounds.least(policy, node, level, label.must_differ)
        amount, hops = label.amount + extra, label.hops - 1 + far
        question = self.setting.question
        if far < 0 or amount > question.max_cost:
            return
        if self.strict.counted and hops > self.setting.max_hops:
            return
        place = ((node << 2 | level) << 1 | label.must_differ) * len(self.lateness) + policy
        front = self.fronts.get(place)
        if front is None:
            self.fronts[place] = [label]
        else:
            for other in front:
                if self._no_worse(other, label):
                    return
            kept = []
            for other in front:
                if self._no_worse(label, other):
                    other.beaten = True
                else:
                    kept.append(other)
            kept.append(label)
            self.fronts[place] = kept
        self.serial += 1
        heappush(self.heap, (amount, hops, label.risk, self.serial, label, None, 0))

    def _no_worse(self, label: Label, other: Label) -> bool:
        """Whatever completes `other` completes `label`, and not into a later answer.

        A smaller amount stays smaller: it grows by a rate of at least 1 before it is rounded up.
        """
        if label.amount > other.amount or label.visited & ~other.visited:
            return False
        strict = self.strict
        if strict.counted and label.hops > other.hops:
            return False
        if strict.risky and label.risk > other.risk:
            return False
        if self.timed and not label.timing.no_worse(other.timing):
            return False
        return label.amount < other.amount or earlier_answer(label, other, self.names)
