"""One question with all that may stand beside its chain: alternatives, a split, and why not (pure).

What `pledgeway route` asks of a file, and a daemon is asked about what it knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pathfinder.answer import Reason, Route, RouteAnswer
from pathfinder.answer_json import answer_as_json
from pathfinder.core.graph import Graph
from pathfinder.core.search import find_route, setting_of
from pathfinder.explain import explain
from pathfinder.plans.alternatives import Alternatives, find_alternatives
from pathfinder.plans.flow import bottleneck
from pathfinder.plans.no_split import no_split
from pathfinder.plans.parts import PartsAnswer, find_parts
from pathfinder.plans.plan_json import alternatives_as_json, parts_as_json
from pathfinder.question import RouteQuestion

MAX_NAMED_LINES: Final = 8  # of a bottleneck, in one sentence


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    """`answer`: the one chain, if it is one, with its reasons where they were looked for. At most
    one of `split` and `others`; None: not asked for."""

    answer: RouteAnswer
    split: PartsAnswer | None = None
    others: Alternatives | None = None

    @property
    def several(self) -> bool:
        """Whether the answer is not one chain, but parts."""
        return self.split is not None and len(self.split.routes) > 1

    @property
    def found(self) -> bool:
        return self.answer.found or self.several

    @property
    def routes(self) -> tuple[Route, ...]:
        """The chains that are to be used; alternatives are not."""
        if self.split is not None:
            return self.split.routes
        return (self.answer.route,) if self.answer.route else ()

    def as_json(self, *, with_reasons: bool) -> Mapping[str, Any]:
        """The object of protocol section 10, and what `plan_json` says stands beside it."""
        found = answer_as_json(self.answer, with_reasons=with_reasons)
        if self.split is not None:
            found |= parts_as_json(self.split)
        if self.others is not None:
            found |= alternatives_as_json(self.others)
        return found


def ask_all(
    graph: Graph,
    question: RouteQuestion,
    *,
    parts: int | None = None,
    alternatives: int | None = None,
    explained: bool = False,
) -> WholeAnswer:
    """At most one of `parts` and `alternatives`. `explained`: reasons even where there is a chain.
    Raises BadQuestion."""
    assert parts is None or alternatives is None
    more: tuple[Reason, ...] = ()
    if parts is not None:
        split = find_parts(graph, question, parts)
        one = split.routes[0] if len(split.routes) == 1 else None
        answer = RouteAnswer(split.brand, split.amount, one, split.exact)
        whole = WholeAnswer(answer, split=split)
        more = () if split.found else (_why_not(graph, question, split, parts),)
    elif alternatives is not None:
        others = find_alternatives(graph, question, alternatives)
        whole = WholeAnswer(others.first, others=others)
    else:
        whole = WholeAnswer(find_route(graph, question))
    if explained or not whole.found:
        # The reasons of the single chain, then why several do not help either.
        answer = explain(graph, question, whole.answer)
        whole = replace(whole, answer=replace(answer, reasons=(*answer.reasons, *more)))
    return whole


def _why_not(graph: Graph, question: RouteQuestion, split: PartsAnswer, most: int) -> Reason:
    _, setting = setting_of(graph, question)
    cut = bottleneck(setting) if split.most is not None else None
    names = []
    for number in cut.lines if cut is not None else ():
        line = setting.board.lines[number]
        names.append(f"{line.promisor}→{line.promisee} {setting.room(number)}")
    names.sort()
    if len(names) > MAX_NAMED_LINES:
        names[MAX_NAMED_LINES:] = [f"and {len(names) - MAX_NAMED_LINES} more"]
    return no_split(split, most, names=names)
