"""What barred the nearest chains: the cheapest one for each rule or limit that is put aside.

A chain that only one rule bars is the nearest a payer can come. Where no single one is to blame, a
set of them is looked for that none can be left out of. Bounded by one purse of labels, of which no
rule may take more than its share; what was cut off is told (`RouteAnswer.skipped`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pathfinder.answer import SEARCH, SEVERAL, Bar, Reason, RouteAnswer, Skipped
from pathfinder.bars import Candidate, bars_of
from pathfinder.core.board import Waived
from pathfinder.core.graph import Graph
from pathfinder.core.search import (
    Guide,
    amounts_of,
    cheapest,
    guides_for,
    levels_of,
    names_of,
    setting_of,
)
from pathfinder.core.setting import Setting
from pathfinder.question import RouteQuestion
from pathfinder.reason_codes import Code
from pathfinder.waivers import Waiver, together, waivers_for

EXPLAIN_BUDGET: Final = 10_000  # labels of one explanation: less than a second of searching
RULE_BUDGET: Final = 2_500  # of one rule, so that a hopeless one leaves something for the others
LEAST_BUDGET: Final = 400  # kept for each of the others: a near chain is found with fewer
MAX_CHAINS: Final = 16  # more than a person reads
ANY_CODE: Final = frozenset(Code)


def explain(
    graph: Graph,
    question: RouteQuestion,
    answer: RouteAnswer,
    *,
    budget: int = EXPLAIN_BUDGET,
    only: frozenset[Code] = ANY_CODE,
) -> RouteAnswer:
    """The same answer with its reasons: chains that would have been cheaper, or possible at all.

    `only`: the rules and limits to put aside. Raises BadQuestion as `find_route` does.
    """
    return _Explaining(graph, question, answer, budget).run(only)


@dataclass(frozen=True, slots=True)
class _Barred:
    """A chain and all that bars it."""

    chain: Candidate
    bars: tuple[Bar, ...]

    @property
    def order(self) -> tuple[object, ...]:
        """Cheaper first, then fewer bars; the rest is for repeating."""
        chain = self.chain
        return chain.amounts[0], len(self.bars), len(chain.names), chain.names, chain.levels

    @property
    def reasons(self) -> tuple[Reason, ...]:
        chain = self.chain
        about = (chain.names, chain.levels, chain.policy.name, chain.amounts[0], len(self.bars))
        return tuple(Reason(bar, *about) for bar in self.bars)


def _guides(setting: Setting, waived: int) -> Sequence[Guide]:
    """Fine trees are made for what is asked often. One rule less is asked once, and not worth
    them; all of them together are what most has to be said about."""
    usual = guides_for(setting)
    return (Guide.COARSE,) if waived == 1 and Guide.FINE in usual else usual


class _Explaining:
    """One explanation. Made for one use."""

    def __init__(
        self, graph: Graph, question: RouteQuestion, answer: RouteAnswer, budget: int
    ) -> None:
        self._graph, self._question, self._answer = graph, question, answer
        self._left, self._labels = budget, 0
        self._skipped: list[Skipped] = []
        if not answer.exact:
            self._skipped.append(Skipped(SEARCH, answer.labels))

    def run(self, only: frozenset[Code]) -> RouteAnswer:
        question, cost = self._question, self._answer.cost
        waivers = [w for w in waivers_for(question, self._graph) if w.name in only]
        if cost is not None:
            # Only what is cheaper than the answer is missed, whatever the payer would pay.
            question = replace(question, max_cost=cost - 1)
            waivers = [w for w in waivers if w.name is not Code.MAX_COST]
        reserve = 0 if self._answer.found else RULE_BUDGET  # for what several bar together
        barred: dict[object, _Barred] = {}
        for behind, waiver in zip(range(len(waivers), 0, -1), waivers, strict=True):
            found = self._nearest(question, (waiver,), kept=reserve + behind * LEAST_BUDGET)
            if found is not None:
                barred.setdefault(found.chain, found)
        reasons = self._told(barred.values())
        if not reasons and cost is None and only == ANY_CODE:
            reasons = self._of_several(waivers)
        return replace(
            self._answer,
            reasons=reasons,
            skipped=tuple(self._skipped),
            labels=self._answer.labels + self._labels,
        )

    def _told(self, barred: Iterable[_Barred]) -> tuple[Reason, ...]:
        nearest = sorted(barred, key=lambda b: b.order)[:MAX_CHAINS]
        return tuple(reason for one in nearest for reason in one.reasons)

    def _nearest(
        self, question: RouteQuestion, waivers: Sequence[Waiver], kept: int = 0
    ) -> _Barred | None:
        """The cheapest chain once they are put aside, with what bars it; None where that does not
        help, or was not looked at to the end. `kept`: labels of the purse for what comes behind."""
        rules: Waived = frozenset(rule for waiver in waivers for rule in waiver.rules)
        name = waivers[0].name.value if len(waivers) == 1 else SEVERAL
        share = min(self._left, RULE_BUDGET, max(self._left - kept, LEAST_BUDGET))
        if share <= 0:
            self._skipped.append(Skipped(name, 0))
            return None
        asked = together(waivers, question, self._graph)
        brand, setting = setting_of(self._graph, asked, rules)
        # Of the last resort's chain nobody knows that it is the nearest: it is not looked for.
        found = cheapest(setting, share, 0, _guides(setting, len(waivers)))
        self._left -= found.labels
        self._labels += found.labels
        if not found.exact:
            self._skipped.append(Skipped(name, found.labels))
        label = found.label
        if label is None or not found.exact:
            return None
        chain = Candidate(
            names_of(setting, label),
            levels_of(label),
            amounts_of(label),
            setting.policies[label.policy],
            brand,
        )
        bars = bars_of(self._graph, self._question, chain)
        # Only a search that was cut off can have missed a chain that nothing bars.
        assert bars or not self._answer.exact, (chain, name)
        return _Barred(chain, bars) if bars else None

    def _of_several(self, waivers: list[Waiver]) -> tuple[Reason, ...]:
        """No rule alone is to blame: a set that none can be left out of, or no lines at all."""
        needed = list(waivers)
        nearest = self._nearest(self._question, needed)
        if nearest is None:
            cut_off = any(one.what == SEVERAL for one in self._skipped)
            return () if cut_off else (self._no_path(),)
        # What is least often to blame is put back first.
        for waiver in reversed(needed.copy()):
            fewer = [w for w in needed if w is not waiver]
            if self._left <= 0:
                break
            without = self._nearest(self._question, fewer)
            if without is not None:
                nearest, needed = without, fewer
        return nearest.reasons

    def _no_path(self) -> Reason:
        question, brand = self._question, self._answer.brand
        text = f"no lines in {brand} lead from {question.payer} to {question.payee}"
        if not brand:
            text = f"there are no lines at all, so none from {question.payer} to {question.payee}"
        step = f"a line is missing: somebody who reaches {question.payee} has to grant credit"
        code = Code.NO_PATH
        return Reason(Bar(code, code.rule, text, question.payer, next_step=step))
