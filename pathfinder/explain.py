"""What barred the nearest chains: the cheapest one for each rule that is waived alone.

A chain that only one rule bars is the nearest a payer can come. Where no single rule is to blame,
all are waived together. Bounded: one search with a small budget for each rule.
"""

from dataclasses import replace
from typing import Final

from pathfinder.answer import Reason, RouteAnswer
from pathfinder.board import Waived
from pathfinder.graph import Graph
from pathfinder.labels import Label
from pathfinder.question import ALL_LEVELS, RouteQuestion
from pathfinder.search import cheapest, levels_of, names_of, setting_of, violations_of
from pathfinder.setting import Setting
from proto.limits import MAX_AMOUNT, MAX_HOPS, US
from proto.modes import mode_of
from proto.viability import Rule, Violation

EXPLAIN_BUDGET: Final = 5_000  # labels for each rule: a few tenths of a second at most
MAX_REASONS: Final = 16  # more than a person reads

# V1 and V6 ask for the same trust, so one without the other would hardly ever help.
_WAIVERS: Final[tuple[Waived, ...]] = (
    frozenset({Rule.V10}),
    frozenset({Rule.V8}),
    frozenset({Rule.V1, Rule.V6}),
    frozenset({Rule.V2}),
    frozenset({Rule.V5}),
    frozenset({Rule.V7}),
    frozenset({Rule.V9}),
    frozenset({Rule.V11}),
    frozenset({Rule.V12}),
)
_ALL: Final = frozenset().union(*_WAIVERS)


def explain(
    graph: Graph, question: RouteQuestion, answer: RouteAnswer, *, budget: int = EXPLAIN_BUDGET
) -> RouteAnswer:
    """The same answer with its reasons: chains that would have been cheaper, or possible at all.

    Raises BadQuestion as `find_route` does.
    """
    reasons: list[Reason] = []
    bound = question.max_cost if answer.cost is None else answer.cost - 1
    asked = replace(question, max_cost=bound)
    for waived in _WAIVERS:
        reasons += _nearest(graph, asked, waived, answer.brand, budget)
    if not reasons and not answer.found:
        reasons += _beyond_the_rules(graph, question, answer.brand, budget)
    return replace(answer, reasons=_distinct(reasons))


def _distinct(reasons: list[Reason]) -> tuple[Reason, ...]:
    seen: dict[tuple[str, str, tuple[str, str] | None, int], Reason] = {}
    for reason in sorted(reasons, key=lambda r: MAX_AMOUNT if r.cost is None else r.cost):
        seen.setdefault((reason.code, reason.node, reason.line, reason.figure), reason)
    return tuple(seen.values())[:MAX_REASONS]


def _nearest(
    graph: Graph, question: RouteQuestion, waived: Waived, brand: str, budget: int
) -> list[Reason]:
    """Why the cheapest chain under that waiver is barred; empty where the waiver does not help."""
    _, setting = setting_of(graph, question, waived)
    label = cheapest(setting, budget, budget // 4).label
    if label is None:
        return []
    return [_reason(setting, label, v, brand) for v in violations_of(setting, label)]


def _beyond_the_rules(
    graph: Graph, question: RouteQuestion, brand: str, budget: int
) -> list[Reason]:
    """No rule alone is to blame: what the question itself forbids, several rules, or no lines."""
    dearer = replace(question, max_cost=MAX_AMOUNT)
    if question.max_cost < MAX_AMOUNT:
        _, setting = setting_of(graph, dearer)
        if label := cheapest(setting, budget, budget // 4).label:
            short = label.amount - question.max_cost
            text = f"the cheapest chain costs {label.amount} {brand}, {short} more than asked for"
            return [_of_chain(setting, label, "MAX_COST", question.payer, short, text)]
    if reasons := _nearest(graph, dearer, _ALL, brand, budget):
        return reasons
    wider = replace(
        dearer,
        levels=ALL_LEVELS,
        first_levels=ALL_LEVELS,
        last_levels=ALL_LEVELS,
        max_hops=MAX_HOPS,
        avoid_lines=frozenset(),
        policies=None,
    )
    _, setting = setting_of(graph, wider, _ALL)
    if label := cheapest(setting, budget, budget // 4).label:
        text = "the levels, registries and lines that the question allows leave no chain"
        return [_of_chain(setting, label, "ASKED", question.payer, 0, text)]
    text = f"no lines in {brand} lead from {question.payer} to {question.payee}"
    if not brand:
        text = f"there are no lines at all, so none from {question.payer} to {question.payee}"
    return [Reason("NO_PATH", question.payer, 0, text)]


def _of_chain(
    setting: Setting,
    label: Label,
    code: str,
    node: str,
    figure: int,
    text: str,
    line: tuple[str, str] | None = None,
) -> Reason:
    return Reason(
        code=code,
        node=node,
        figure=figure,
        text=text,
        line=line,
        chain=names_of(setting, label),
        levels=levels_of(label),
        policy=setting.policies[label.policy].name,
        cost=label.amount,
    )


def _reason(setting: Setting, label: Label, violation: Violation, brand: str) -> Reason:
    names, place, rule = names_of(setting, label), violation.place, violation.rule
    line = None
    node = names[place] if place < len(names) else ""
    if rule in (Rule.V1, Rule.V2, Rule.V10):
        node, line = names[place - 1], (names[place - 1], names[place])
    elif rule in (Rule.V11, Rule.V12):
        node = ""
    text = _text(setting, label, violation, node, line, brand)
    return _of_chain(setting, label, rule.value, node, violation.figure, text, line)


def _text(
    setting: Setting,
    label: Label,
    violation: Violation,
    node: str,
    line: tuple[str, str] | None,
    brand: str,
) -> str:
    """One sentence for people. Programs read the code, the node and the figure."""
    policy = setting.policies[label.policy]
    rule, figure, levels = violation.rule, violation.figure, levels_of(label)
    lack = f"{node} does not accept {_registries(policy.members)}"
    if rule is Rule.V1:
        return f"{lack}, so it cannot promise {levels[violation.place - 1].name}"
    if rule is Rule.V2:
        return f"{node} cannot give a PROXY promise under {_registries(policy.members)}"
    if rule is Rule.V5:
        last = levels[-1]
        if last not in setting.question.last_levels or not last.needs_stamp:
            return f"{node} does not take a last promise of level {last.name}"
        return f"{lack}, so it does not take a last promise of level {last.name}"
    if rule is Rule.V6:
        return f"{lack}, which is its way out when its upstream fails it"
    if rule is Rule.V7:
        return f"{node} does not watch registries, so an early decision could leak late to it"
    if rule is Rule.V8:
        if not figure:
            return "no deadline is late enough for everybody on the chain"
        seconds = f"{figure / US:.1f} s"
        if violation.place == len(levels):
            return f"the deadline is {seconds} later than {node} allows"
        return f"the promise of {node} locks {seconds} longer than its hold_max"
    if rule is Rule.V9:
        mode = mode_of(levels[violation.place - 1], levels[violation.place])
        assert mode is not None
        return f"{node} has no price for mode {mode.name}, so it refuses it"
    if rule is Rule.V10:
        assert line is not None
        return f"line {line[0]}→{line[1]} is short by {figure} {brand}"
    if rule is Rule.V11:
        return f"the chain has {figure} promises more than allowed"
    assert rule is Rule.V12, rule
    return "a chain with SECURED or GATEWAY modes cannot carry a decline hash"


def _registries(members: tuple[str, ...]) -> str:
    return f"registry {members[0]}" if len(members) == 1 else f"all of {', '.join(members)}"
