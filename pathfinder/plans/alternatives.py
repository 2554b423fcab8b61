"""More chains beside the cheapest one: different ones, cheapest first.

The k-th alternative is the cheapest viable chain that lacks, of every earlier answer, at least one
intermediary (of a direct chain: its line). So no alternative is an earlier one at other levels,
under another registry or by a detour around nobody, and each survives the loss of some node that
an earlier one needs.

Exact by branching (after Lawler): whatever differs from a chain avoids one of its intermediaries,
so the best chain among those that avoid a set is kept for many sets, the cheapest of all first.
Where it passes all of an earlier answer, one of those nodes joins the set, each in its own branch.
Sets are met once. Every branch avoids more and so costs at least as much: the first chain of the
queue that differs from all earlier ones is the next answer.
"""

from dataclasses import dataclass, replace
from heapq import heappop, heappush
from typing import Final

from pathfinder.answer import Route, RouteAnswer
from pathfinder.core.graph import Graph
from pathfinder.core.labels import RANK
from pathfinder.core.search import LABEL_BUDGET, LAST_RESORT_BUDGET, cheapest, route_of, setting_of
from pathfinder.question import LineEnds, RouteQuestion

MAX_ALTERNATIVES: Final = 10  # more than a person compares; each costs a handful of searches
SEARCH_BUDGET: Final = 400  # over all alternatives: about forty for each of ten
OTHERS_BUDGET: Final = 200_000  # labels of all searches but the first: some ten seconds

Part = str | LineEnds
"""What makes a chain this one: the name of an intermediary, or the line of a direct chain."""


@dataclass(frozen=True, slots=True)
class Alternatives:
    """The answer and those beside it, in the order of section 6.

    `exact` False: a search gave up, so a cheaper or a further one may be missing; True with fewer
    than were asked for: there are no more. Each alternative's own `exact` says that everything up
    to it is proven. `searches`: how many it took, the first included.
    """

    first: RouteAnswer
    others: tuple[RouteAnswer, ...]
    exact: bool
    searches: int


def find_alternatives(
    graph: Graph,
    question: RouteQuestion,
    most: int,
    *,
    searches: int = SEARCH_BUDGET,
    labels: int = OTHERS_BUDGET,
) -> Alternatives:
    """The cheapest chain, as `find_route` finds it, and up to `most` ≤ MAX_ALTERNATIVES others.

    `searches`: how often a chain is looked for at most; `labels`: what all searches but the first
    may take together. Raises BadQuestion where the question does not fit the graph.
    """
    assert 0 <= most <= MAX_ALTERNATIVES and searches >= 1
    return _Branching(graph, question, searches, labels).run(most)


def parts_of(route: Route) -> frozenset[Part]:
    """What a different chain lacks one of."""
    if len(route.hops) == 1:
        return frozenset({(route.hops[0].promisor, route.hops[0].promisee)})
    return frozenset(hop.promisee for hop in route.hops[:-1])


class _Branching:
    """Made for one use. `_queue` holds the best chain of every set that may still be of use."""

    def __init__(self, graph: Graph, question: RouteQuestion, searches: int, labels: int) -> None:
        self._graph, self._question = graph, question
        self._left, self._searches, self._labels = searches, 0, labels
        self._met: set[frozenset[Part]] = set()
        self._queue: list[tuple[object, int, frozenset[Part], RouteAnswer]] = []
        self._exact = True

    def run(self, most: int) -> Alternatives:
        first = self._look(frozenset(), LABEL_BUDGET)
        found: list[RouteAnswer] = []
        taken: list[frozenset[Part]] = []
        while self._queue and len(found) <= most:
            _, _, avoided, answer = heappop(self._queue)
            assert answer.route is not None
            parts = parts_of(answer.route)
            same = next((earlier for earlier in taken if earlier <= parts), None)
            if same is None:
                found.append(replace(answer, exact=self._exact))
                taken.append(parts)
                same = parts
            if len(found) <= most:
                for part in sorted(same, key=str):
                    self._look(avoided | {part}, self._labels)
        return Alternatives(first, tuple(found[1:]), self._exact, self._searches)

    def _look(self, avoided: frozenset[Part], labels: int) -> RouteAnswer:
        """Puts the cheapest chain that avoids all of these into the queue."""
        question = self._question
        if avoided in self._met or self._left == 0 or labels <= 0:
            # What is not looked at could be cheaper than everything that comes later.
            self._exact &= avoided in self._met
            return RouteAnswer("", question.amount, None, self._exact)
        self._met.add(avoided)
        self._left -= 1
        asked = replace(
            question,
            avoid_nodes=question.avoid_nodes | {p for p in avoided if isinstance(p, str)},
            avoid_lines=question.avoid_lines | {p for p in avoided if not isinstance(p, str)},
        )
        brand, setting = setting_of(self._graph, asked)
        best = cheapest(setting, labels, min(labels, LAST_RESORT_BUDGET))
        if self._searches:
            self._labels -= best.labels
        self._searches += 1
        self._exact &= best.exact
        route = None if best.label is None else route_of(setting, best.label)
        answer = RouteAnswer(brand, question.amount, route, best.exact)
        if route is not None:
            heappush(self._queue, (_order(route), self._searches, avoided, answer))
        return answer


def _order(route: Route) -> tuple[object, ...]:
    """Section 6: what two chains are compared by."""
    return (
        route.cost,
        len(route.hops),
        route.risk,
        tuple(RANK[hop.level] for hop in route.hops),
        tuple(hop.promisee for hop in route.hops),
        route.policy.name,
    )
