"""The cheapest viable chain (protocol section 6), exactly; or what bars the nearest ones.

A pass is relaxed first: it looks at walks, and asks neither how many promises a chain has nor how
long they lock nor what its risks add up to. Where the best of that keeps those rules all the same,
it is the best chain too, ties included, for every chain was among what the pass looked at. Where it
does not, just the rule that it breaks is kept from then on, and the pass runs again: nodes that it
visits twice become critical, that is, their visits are told apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum, unique
from itertools import pairwise
from typing import Final

from pathfinder.answer import Hop, Route, RouteAnswer
from pathfinder.core.board import Waived
from pathfinder.core.bounds import Bounds, PlainBounds
from pathfinder.core.graph import Graph
from pathfinder.core.labels import Label
from pathfinder.core.setting import Setting, of_use, policies_to_try
from pathfinder.core.sweep import Pass, Strictness
from pathfinder.question import RouteQuestion, candidates_of
from proto.levels import Level
from proto.modes import mode_of
from proto.schedule import schedule
from proto.viability import Chain, Rule, Violation, check_chain

LABEL_BUDGET: Final = 200_000  # over all passes: some ten seconds, beyond which nobody waits
# Who asks the same kind of question again and again gets fine trees, which are dear and last: once
# he has taken so many labels under a coarse one, one for so many nodes, no fewer than the second.
NODES_PER_LABEL: Final = 64
LEAST_WORTH: Final = 300
MOST_COARSE: Final = 2_000  # labels of one search: one that takes more hardly ever ends soon
# Policies that those numbers are for: with more of them fine trees cost as many times as much.
USUAL_POLICIES: Final = 8
LAST_RESORT_BUDGET: Final = 50_000  # of the pass that is not exact, once the budget is spent


@dataclass(frozen=True, slots=True)
class Cheapest:
    """The best chain under a setting. `exact` False: it may not be, or there may be one."""

    label: Label | None
    exact: bool
    labels: int = 0  # that all passes took from their heaps


@unique
class Guide(Enum):
    """What may lead a search; all lead to the same answer."""

    PLAIN = "plain"  # how many promises it takes
    COARSE = "coarse"  # one tree of fees for everything
    FINE = "fine"  # one tree for each policy, over levels


def guides_for(setting: Setting, wanted: Sequence[Guide] = ()) -> Sequence[Guide]:
    """What to be led by, best what is wanted; the next one where a search takes long."""
    if _grown(setting):
        return (Guide.PLAIN,)
    if wanted:
        return wanted
    if not setting.has_trees:
        return (Guide.PLAIN,)
    from pathfinder.core.forest import Forest  # here: a small network needs no numpy

    forest = Forest.of(setting.board)
    if forest.has_fine(setting) or forest.spent(setting) >= _worth(setting):
        return (Guide.FINE,)
    return (Guide.COARSE, Guide.FINE)


def _worth(setting: Setting) -> int:
    """After how many labels fine trees are worth their price."""
    usual = max(LEAST_WORTH, len(setting.board.nodes) // NODES_PER_LABEL)
    return usual * _times_the_usual(setting)


def _times_the_usual(setting: Setting) -> int:
    return -(-len(setting.policies) // USUAL_POLICIES)


def _grown(setting: Setting) -> bool:
    """Whether somebody else's line carries more than it says: trees do not know of that."""
    board, waived = setting.board, Rule.V10 in setting.waived
    return not waived and any(
        room > board.room[line] and board.promisor[line] != setting.payer
        for line, room in setting.available.items()
    )


def _bounds(setting: Setting, guide: Guide) -> Bounds:
    if guide is Guide.PLAIN:
        return PlainBounds(setting)
    from pathfinder.core.forest import TreeBounds

    return TreeBounds(setting, fine=guide is Guide.FINE)


def cheapest(
    setting: Setting, budget: int, last_resort: int, guides: Sequence[Guide] = ()
) -> Cheapest:
    """Passes that get stricter, until the best of what they look at is a viable chain.

    `guides`: by which to be led instead of those that fit the network best.
    """
    guides = guides_for(setting, guides)
    strict, taken = Strictness(), 0
    bounds: Bounds | None = None
    for guide in guides:
        if bounds is not None and taken >= budget:
            break  # nothing is left to be guided, and a guide may take long to make
        bounds = _bounds(setting, guide)
        until = budget
        if guide is not guides[-1]:
            until = min(budget, taken + MOST_COARSE * _times_the_usual(setting))
        while taken < until:
            found = Pass(setting, bounds, strict).run(until - taken)
            taken += found.labels
            bounds.spend(found.labels)
            if not found.complete:
                break
            if found.label is None:
                return Cheapest(None, True, taken)
            tightened = _tightened(setting, strict, found.label)
            if tightened == strict:
                return Cheapest(found.label, True, taken)
            strict = tightened
    assert bounds is not None  # there is always a guide
    last = Strictness(timed=True, counted=True, risky=True, own_path_only=True)
    found = Pass(setting, bounds, last).run(last_resort)
    return Cheapest(found.label, False, taken + found.labels)


def _tightened(setting: Setting, strict: Strictness, label: Label) -> Strictness:
    """Which rules the next pass has to keep; the same as now where the chain breaks none."""
    path, question = label.path, setting.question
    repeated = _repeated(path)
    assert not repeated or repeated - strict.critical, "a critical node was visited twice"
    counted = strict.counted or len(path) > setting.max_hops
    most = question.max_risk
    risky = strict.risky or (most is not None and label.risk > most)
    timed = strict.timed or not (Rule.V8 in setting.waived or _in_time(setting, label))
    return replace(
        strict, critical=strict.critical | repeated, counted=counted, risky=risky, timed=timed
    )


def _in_time(setting: Setting, label: Label) -> bool:
    """V8."""
    question, policy = setting.question, setting.policies[label.policy]
    plan = schedule(
        levels_of(label),
        lateness_us=policy.lateness_us,
        payee_margin_us=question.payee_margin_us,
        deadline_floor=question.deadline_floor,
    )
    if plan is None:
        return False
    if question.latest_deadline is not None and plan.deadline > question.latest_deadline:
        return False
    facts = setting.board.facts
    promisors = (setting.payer, *label.path)
    return all(
        lock <= facts[node].hold_max_us for lock, node in zip(plan.locks, promisors, strict=False)
    )


def _repeated(path: tuple[int, ...]) -> frozenset[int]:
    """Nodes that it visits more than once."""
    if len(set(path)) == len(path):
        return frozenset()
    return frozenset(node for node in path if path.count(node) > 1)


def levels_of(label: Label) -> tuple[Level, ...]:
    """Payer first."""
    return tuple(at.level for at in label)


def names_of(setting: Setting, label: Label) -> tuple[str, ...]:
    """All nodes, payer first."""
    nodes = setting.board.nodes
    return (setting.question.payer, *(nodes[number].name for number in label.path))


def amounts_of(label: Label) -> tuple[int, ...]:
    """Payer first."""
    return tuple(at.amount for at in label)


def violations_of(setting: Setting, label: Label) -> tuple[Violation, ...]:
    """What the protocol's own check says about a chain, whatever the setting waived."""
    board, question = setting.board, setting.question
    policy = setting.policies[label.policy]
    path = (setting.payer, *label.path)
    lines = [board.numbered(*ends) for ends in pairwise(path)]
    chain = Chain(
        names=path,
        nodes=tuple(board.facts[number] for number in path),
        levels=levels_of(label),
        amounts=amounts_of(label),
        available=tuple(setting.room(i) for i in lines),
        members=frozenset(policy.members),
        payee=setting.terms(policy),
        lateness_us=policy.lateness_us,
        declines=question.declines,
        line_fees=tuple(board.lines[i].fees for i in lines),
        max_hops=question.max_hops,
        deadline_floor=question.deadline_floor,
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
        deadline_floor=setting.question.deadline_floor,
    )
    assert plan is not None
    hops = zip(names, names[1:], levels, amounts, strict=False)
    return Route(tuple(Hop(*hop) for hop in hops), tuple(modes), policy, plan)


def setting_of(
    graph: Graph, question: RouteQuestion, waived: Waived = frozenset()
) -> tuple[str, Setting]:
    """The brand and the setting. Raises BadQuestion where the question does not fit the graph."""
    candidates = candidates_of(graph, question)
    board = graph.board(candidates.brand, question.now_us)
    policies = policies_to_try(candidates.policies, question)
    return candidates.brand, Setting(board, question, of_use(policies, board, waived), waived)


def find_route(
    graph: Graph,
    question: RouteQuestion,
    *,
    budget: int = LABEL_BUDGET,
    guides: Sequence[Guide] = (),
) -> RouteAnswer:
    """The cheapest viable chain. Raises BadQuestion where the question does not fit the graph.

    Without a chain the answer has no reasons yet: `explain.explain` finds them.
    """
    brand, setting = setting_of(graph, question)
    best = cheapest(setting, budget, min(budget, LAST_RESORT_BUDGET), guides)
    route = None if best.label is None else route_of(setting, best.label)
    return RouteAnswer(brand, question.amount, route, best.exact, labels=best.labels)
