"""The cheapest viable chain (protocol section 6), exactly; or what bars the nearest ones.

A pass over walks answers at once where the best walk visits no node twice: walks include all
chains, so it is then the best chain too, ties included. Where it does not, the nodes that it
visits twice become critical, that is, their visits are told apart, and the pass runs again.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from pathfinder.answer import Hop, Route, RouteAnswer
from pathfinder.board import Waived
from pathfinder.graph import Graph
from pathfinder.labels import LEVELS, RANK, Label
from pathfinder.question import RouteQuestion, candidates_of
from pathfinder.setting import Setting, policies_to_try
from pathfinder.sweep import Pass
from proto.levels import Level
from proto.modes import mode_of
from proto.schedule import schedule
from proto.viability import Chain, Violation, check_chain

LABEL_BUDGET: Final = 200_000  # over all passes: some ten seconds, beyond which nobody waits
LAST_RESORT_BUDGET: Final = 50_000  # of the pass that is not exact, once the budget is spent
_LEVEL_OF_RANK: Final = {RANK[level]: level for level in LEVELS}


@dataclass(frozen=True, slots=True)
class Cheapest:
    """The best chain under a setting. `exact` False: it may not be, or there may be one."""

    label: Label | None
    exact: bool
    labels: int = 0  # that all passes took from their heaps


def cheapest(setting: Setting, budget: int, last_resort: int) -> Cheapest:
    """Passes with more and more critical nodes, until the best walk is a chain."""
    critical = taken = 0
    while taken < budget:
        found = Pass(setting, critical).run(budget - taken)
        taken += found.labels
        if not found.complete:
            break
        if found.label is None:
            return Cheapest(None, True, taken)
        repeated = _repeated(found.label.path)
        if not repeated:
            return Cheapest(found.label, True, taken)
        assert repeated & ~critical, "a critical node was visited twice"
        critical |= repeated
    found = Pass(setting, 0, own_path_only=True).run(last_resort)
    return Cheapest(found.label, False, taken + found.labels)


def _repeated(path: tuple[int, ...]) -> int:
    seen = twice = 0
    for node in path:
        twice |= seen & (1 << node)
        seen |= 1 << node
    return twice


def levels_of(label: Label) -> tuple[Level, ...]:
    """Payer first."""
    return tuple(_LEVEL_OF_RANK[rank] for rank in label.ranks)


def names_of(setting: Setting, label: Label) -> tuple[str, ...]:
    """All nodes, payer first."""
    nodes = setting.board.nodes
    return (setting.question.payer, *(nodes[number].name for number in label.path))


def amounts_of(label: Label) -> tuple[int, ...]:
    """Payer first."""
    found = []
    at: Label | None = label
    while at is not None:
        found.append(at.amount)
        at = at.onward
    return tuple(found)


def violations_of(setting: Setting, label: Label) -> tuple[Violation, ...]:
    """What the protocol's own check says about a chain, whatever the setting waived."""
    board, question = setting.board, setting.question
    policy = setting.policies[label.policy]
    path = (setting.payer, *label.path)
    ends = {(board.promisor[i], node): i for node in label.path for i in board.incoming[node]}
    lines = [ends[pair] for pair in pairwise(path)]
    advertised = [board.lines[i].available for i in lines]
    chain = Chain(
        names=path,
        nodes=tuple(board.facts[number] for number in path),
        levels=levels_of(label),
        amounts=amounts_of(label),
        available=tuple(
            setting.available.get(i, a) for i, a in zip(lines, advertised, strict=True)
        ),
        members=frozenset(policy.members),
        payee=setting.terms(policy),
        lateness_us=policy.lateness_us,
        declines=question.declines,
        line_fees=tuple(board.lines[i].fees for i in lines),
        max_hops=question.max_hops,
    )
    return check_chain(chain)


def route_of(setting: Setting, label: Label) -> Route:
    """The whole chain as a value. The label was found with nothing waived."""
    violations = violations_of(setting, label)
    assert not violations, violations
    names, levels, amounts = names_of(setting, label), levels_of(label), amounts_of(label)
    policy = setting.policies[label.policy]
    modes = []
    for name, incoming, outgoing in zip(names[1:-1], levels, levels[1:], strict=False):
        mode = mode_of(incoming, outgoing)
        assert mode is not None
        modes.append((name, mode))
    plan = schedule(
        levels,
        lateness_us=policy.lateness_us,
        payee_margin_us=setting.question.payee_margin_us,
    )
    assert plan is not None
    hops = zip(names, names[1:], levels, amounts, strict=False)
    return Route(tuple(Hop(*hop) for hop in hops), tuple(modes), policy, plan)


def setting_of(
    graph: Graph, question: RouteQuestion, waived: Waived = frozenset()
) -> tuple[str, Setting]:
    """The brand and the setting. Raises BadQuestion where the question does not fit the graph."""
    candidates = candidates_of(graph, question)
    return candidates.brand, Setting(
        graph.board(candidates.brand, question.now_us),
        question,
        policies_to_try(candidates.policies, question),
        waived,
    )


def find_route(
    graph: Graph,
    question: RouteQuestion,
    *,
    budget: int = LABEL_BUDGET,
) -> RouteAnswer:
    """The cheapest viable chain. Raises BadQuestion where the question does not fit the graph.

    Without a chain the answer has no reasons yet: `explain.explain` finds them.
    """
    brand, setting = setting_of(graph, question)
    best = cheapest(setting, budget, min(budget, LAST_RESORT_BUDGET))
    route = None if best.label is None else route_of(setting, best.label)
    return RouteAnswer(brand, question.amount, route, best.exact)
