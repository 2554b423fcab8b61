"""One pass of the search: Pareto labels, backwards from the payee over (node, incoming level).

A label is a chain from a node to the payee, together with the promise that the node wants to hold
for it. Labels leave the heap in the order of protocol section 6: cost, promises, risk, levels,
names, policy. Fee rates are at least 1, so one promise more never makes an amount smaller and
always makes the chain longer: the first label that the payer can close is the answer.

The pass looks at walks. Only visits of the nodes in `critical` are told apart; a walk may visit
any other node twice. `search` repeats the pass with more critical nodes where that happened.
"""

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Final

from pathfinder.labels import LEVELS, RANK, Label
from pathfinder.network import Policy
from pathfinder.setting import Setting
from pathfinder.steps import Step, payee_takes, payer_gives
from pathfinder.timing import Timing, earlier_timing, held, last_timing
from proto.levels import Level
from proto.limits import MAX_AMOUNT
from proto.viability import Rule

UNTIMED: Final = Timing(0, 0, 0, 0)  # of every label where V8 is waived


@dataclass(frozen=True, slots=True)
class Found:
    """Outcome of a pass. `label` None and `complete` False: the budget ran out."""

    label: Label | None
    complete: bool
    labels: int  # that the pass took from its heap


class Pass:
    """One run over one setting. Owned by `run`; made for one use."""

    def __init__(self, setting: Setting, critical: int, *, own_path_only: bool = False) -> None:
        self.setting, self.critical = setting, critical
        # A heuristic for when exactness is out of reach: no label visits a node twice, though one
        # that would have been needed may have been beaten by one that cannot be completed.
        self.own_path_only = own_path_only
        self.heap: list[tuple[int, int, int, tuple[int, ...], tuple[int, ...], int, Label]] = []
        self.beaten: set[Label] = set()  # a better one took their place while they waited
        self.fronts: dict[tuple[int, int, Level, bool], list[Label]] = {}
        self.prices = [setting.board.prices(p, setting.waived) for p in setting.policies]
        self.lateness = [policy.lateness_us for policy in setting.policies]
        self.declined = setting.question.declines and Rule.V12 not in setting.waived

    def run(self, budget: int) -> Found:
        """The first answer in the order of section 6, within `budget` labels."""
        self._start()
        taken = 0
        while self.heap:
            label = heappop(self.heap)[-1]
            if label in self.beaten:
                continue
            if label.amount > self.setting.question.max_cost:
                break
            if taken >= budget:
                return Found(None, False, taken)
            taken += 1
            if self._extend(label):
                return Found(label, True, taken)
        return Found(None, True, taken)

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
                timing = self._last_timing(level, number)
                if timing is None:
                    continue
                self._offer(
                    Label(
                        amount=question.amount,
                        hops=1,
                        risk=0,
                        ranks=(RANK[level],),
                        path=(s.payee,),
                        policy=number,
                        level=level,
                        timing=timing,
                        all_bare=level is Level.BARE,
                        visited=0,
                        onward=None,
                    )
                )

    def _last_timing(self, level: Level, policy: int) -> Timing | None:
        if Rule.V8 in self.setting.waived:
            return UNTIMED
        question = self.setting.question
        return last_timing(
            level,
            self.lateness[policy],
            question.payee_margin_us,
            question.latest_deadline,
            question.deadline_floor,
        )

    def _extend(self, label: Label) -> bool:
        """Offers every chain that is one promise longer; True where the payer closes this one."""
        s, board = self.setting, self.setting.board
        policy = s.policies[label.policy]
        untimed = Rule.V8 in s.waived
        lateness, prices = self.lateness[label.policy], self.prices[label.policy]
        for line in board.incoming[label.path[0]]:
            if not s.carries(line, label.amount):
                continue
            promisor = board.promisor[line]
            is_payer = promisor == s.payer
            if not is_payer and not self._may_visit(promisor, label):
                continue
            timing: Timing | None = label.timing
            if not untimed:
                hold_max_us = board.facts[promisor].hold_max_us
                timing = held(label.timing, label.level, lateness, hold_max_us)
                if timing is None:
                    continue
            assert timing is not None
            if is_payer:
                if self._closes(label, policy):
                    return True
                continue
            for step in prices.steps(line, label.level):
                self._step(label, promisor, step, timing, lateness)
        return False

    def _may_visit(self, node: int, label: Label) -> bool:
        s = self.setting
        if node == s.payee or (label.visited >> node) & 1:
            return False
        if self.own_path_only and node in label.path:
            return False
        distance = s.distances[node]
        return distance >= 0 and label.hops + distance <= s.max_hops

    def _closes(self, label: Label, policy: Policy) -> bool:
        """Whether the payer may give the first promise of this chain."""
        s = self.setting
        if label.level not in s.question.first_levels:
            return False
        if label.all_bare and policy.members and not s.one_of_several:
            return False
        return payer_gives(label.level, s.board.facts[s.payer], policy, s.waived)

    def _step(self, label: Label, promisor: int, step: Step, timing: Timing, lateness: int) -> None:
        s, mode, incoming = self.setting, step.mode, step.incoming
        if incoming not in s.question.levels or (self.declined and mode.relies_on_registry):
            return
        risk, most = label.risk + mode.risk, s.question.max_risk
        if most is not None and risk > most:
            return
        amount = -(-label.amount * step.num // step.den) + step.flat
        if amount > MAX_AMOUNT:
            return
        if Rule.V8 in s.waived:
            earlier: Timing | None = timing
        else:
            earlier = earlier_timing(timing, incoming, label.level, mode, lateness)
        if earlier is None:
            return
        self._offer(
            Label(
                amount=amount,
                hops=label.hops + 1,
                risk=risk,
                ranks=(RANK[incoming], *label.ranks),
                path=(promisor, *label.path),
                policy=label.policy,
                level=incoming,
                timing=earlier,
                all_bare=label.all_bare and incoming is Level.BARE,
                visited=label.visited | (self.critical & (1 << promisor)),
                onward=label,
            )
        )

    def _offer(self, label: Label) -> None:
        """Keeps the label unless one that is no worse is known; drops those it beats."""
        place = (label.policy, label.path[0], label.level, label.all_bare)
        front = self.fronts.setdefault(place, [])
        for other in front:
            if self._no_worse(other, label):
                return
        kept = []
        for other in front:
            if self._no_worse(label, other):
                self.beaten.add(other)
            else:
                kept.append(other)
        kept.append(label)
        self.fronts[place] = kept
        heappush(self.heap, (*label.key, label))

    def _no_worse(self, label: Label, other: Label) -> bool:
        if self.setting.question.max_risk is not None and label.risk > other.risk:
            return False
        return label.no_worse(other)
