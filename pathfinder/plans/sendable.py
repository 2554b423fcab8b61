"""The most that a payee can receive: over one chain, or over several under one commit.

One chain. A chain that carries an amount carries every smaller one: prices never fall with the
amount, so each promise is no larger, and no other rule asks about amounts. So the amounts that some
chain carries are 1 … M without a gap, and M is found by bisection: `find_route` says whether there
is a chain, and the chain it finds is filled up, which mostly is the end of it. Exact where the
searches are, which in a large network give up sooner.

Several chains. The most of a small network is proven by `proving`, over all its tracks. Elsewhere
`widening` finds a plan, and three bounds say how much more there could be at most: the lines
together, the flow with fees, and so many times what one chain carries.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from pathfinder.answer import Route
from pathfinder.core.graph import Graph
from pathfinder.core.search import LABEL_BUDGET, cheapest, find_route, route_of, setting_of
from pathfinder.core.setting import Setting
from pathfinder.plans.flow import (
    MAX_FLOW_LINES,
    bottleneck,
    ends_carry,
    most_together,
    widest_chain,
)
from pathfinder.plans.parts import (
    family_settings,
    find_parts,
    limits_of,
    planned,
    routes_of,
    widened,
)
from pathfinder.plans.track import track_of
from pathfinder.question import RouteQuestion
from proto.levels import Level
from proto.limits import MAX_AMOUNT, MAX_PARTS

LABELS_WITH_TREES: Final = 4_000  # of one search in a large network: a second


@dataclass(frozen=True, slots=True)
class Full:
    """A line that stops more from flowing, and what it carries."""

    promisor: str
    promisee: str
    carries: int


@dataclass(frozen=True, slots=True)
class Sendable:
    """`amount`: what the payee can receive over `routes`, the largest part first; 0 and none.

    `at_most`: no plan of that many chains delivers more, proven; `exact`: the two are equal.
    `bottleneck`: lines, a minimum cut, that all money has to cross, fees and rules aside; empty
    where they are not what stops it, or the network is too large to tell. `cut`: what they carry
    together.
    """

    brand: str
    amount: int
    at_most: int
    routes: tuple[Route, ...]
    bottleneck: tuple[Full, ...] = ()
    cut: int | None = None

    @property
    def exact(self) -> bool:
        return self.amount == self.at_most

    @property
    def cost(self) -> int:
        """What the payer promises for the amount."""
        return sum(route.cost for route in self.routes)


def max_sendable(
    graph: Graph, question: RouteQuestion, max_parts: int = 1, *, unit: int = 1
) -> Sendable:
    """The most that the payee can receive for at most `question.max_cost`.

    `question.amount` plays no part. Every part is a multiple of `unit`. Raises BadQuestion where
    the question does not fit the graph.
    """
    assert 1 <= max_parts <= MAX_PARTS and unit >= 1
    question = replace(question, amount=unit)
    brand, setting = setting_of(graph, question)
    lines_together = most_together(setting)
    if lines_together is None:
        lines_together = ends_carry(setting, max_parts)
    ceiling = lines_together
    ceiling = min(ceiling, question.max_cost, MAX_AMOUNT)
    single = _over_one(graph, question, ceiling, unit)
    found = Sendable(brand, single.amount, single.at_most, single.routes)
    if max_parts > 1 and ceiling > 0:
        found = _over_several(graph, question, max_parts, unit, found, ceiling)
    return _with_bottleneck(found, setting)


# ---------------------------------------------------------------------- one chain


def _over_one(graph: Graph, question: RouteQuestion, ceiling: int, unit: int) -> Sendable:
    """In units: `low` is carried, more than `high` was not found, more than `proven` cannot be."""
    _, setting = setting_of(graph, question)
    labels = LABEL_BUDGET
    if setting.has_trees:
        ceiling, labels = min(ceiling, widest_chain(setting)), LABELS_WITH_TREES
    low, high = 0, ceiling // unit
    proven, probe, closely = high, high, True
    brand, best = "", None
    while low < high:
        brand, setting = setting_of(graph, replace(question, amount=probe * unit))
        chosen = cheapest(setting, labels, labels // 4)
        if chosen.label is None:
            high = probe - 1
            proven = min(proven, high) if chosen.exact else proven
        else:
            best = route_of(setting, chosen.label)
            widest = track_of(setting, chosen.label).widest(setting.room, question.max_cost)
            low = min(high, max(probe, widest // unit))
        # A chain that is full is mostly the widest: then a unit more ends the search. Halves else.
        probe = low + 1 if closely and best is not None else (low + high + 1) // 2
        closely = not closely
    if best is not None:
        # The chain that was filled up may not be the cheapest one for what fills it.
        asked = replace(question, amount=low * unit)
        answer = find_route(graph, asked, budget=labels)
        if answer.route is None:
            low = best.hops[-1].amount // unit
        best = answer.route or best
    routes = () if best is None else (best,)
    return Sendable(brand, low * unit, max(low, proven) * unit, routes)


# ---------------------------------------------------------------------- several


def _over_several(
    graph: Graph,
    question: RouteQuestion,
    max_parts: int,
    unit: int,
    single: Sendable,
    ceiling: int,
) -> Sendable:
    """Not less than over one chain."""
    from pathfinder.plans.proving import prove  # the solver behind it is not for plain payments

    limits = limits_of(question, max_parts, unit)
    families = family_settings(graph, question)
    proof = prove([setting for _, setting in families], limits, None)
    # Every part would be viable alone.
    at_most = min(ceiling, proof.bound or 0, max_parts * single.at_most)
    at_most -= at_most % unit
    plan = None if proof.plan is None else planned(proof.plan, *families[proof.family])
    if not proof.exact and single.routes:
        wide = widened(families, limits, single.at_most, first=single.routes[0].policy)
        if wide is not None and (plan is None or wide.draft.share > plan.draft.share):
            plan = wide
    if plan is None or plan.draft.share <= single.amount:
        return replace(single, at_most=max(at_most, single.amount))
    amount = plan.draft.share
    routes = routes_of(plan, question)
    if proof.exact:
        # A plan that delivers the most was made to deliver, not to be cheap.
        cheap = find_parts(graph, replace(question, amount=amount), max_parts, unit=unit)
        routes = cheap.routes or routes
    return replace(single, amount=amount, at_most=max(at_most, amount), routes=routes)


# ---------------------------------------------------------------------- what stops it


def _with_bottleneck(found: Sendable, setting: Setting) -> Sendable:
    if len(setting.board.lines) > MAX_FLOW_LINES:
        return found  # before anybody looks at all of them
    cut = bottleneck(setting, _usable(setting))
    assert cut is not None
    board = setting.board
    full = sorted(
        (board.lines[i].promisor, board.lines[i].promisee, setting.room(i)) for i in cut.lines
    )
    return replace(found, bottleneck=tuple(Full(*line) for line in full), cut=cut.carries)


def _usable(setting: Setting) -> frozenset[int]:
    """Lines whose promisor may take part at all: the payer, or who has some price."""
    board = setting.board
    prices = [board.prices(policy, setting.waived) for policy in setting.policies]
    return frozenset(
        i
        for i in range(len(board.lines))
        if board.promisor[i] == setting.payer
        or any(table.steps(i, level) for table in prices for level in Level)
    )


def used_of(routes: Sequence[Route]) -> dict[tuple[str, str], int]:
    """What a plan puts on each of its lines."""
    used: dict[tuple[str, str], int] = {}
    for route in routes:
        for hop in route.hops:
            ends = (hop.promisor, hop.promisee)
            used[ends] = used.get(ends, 0) + hop.amount
    return used
