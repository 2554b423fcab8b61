"""What an explanation puts aside, one by one: rules of the protocol, limits of the question.

Each waiver that helps names what bars the nearest chain. Waivers that cannot matter for a question
are left out: a limit that it does not set, or rules that only a limit makes bite.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from pathfinder.core.board import Waived
from pathfinder.core.graph import Graph
from pathfinder.question import ALL_LEVELS, RouteQuestion
from pathfinder.reason_codes import Code
from proto.limits import MAX_AMOUNT, MAX_HOPS
from proto.viability import Rule

Relax = Callable[[RouteQuestion, Graph], RouteQuestion]


@dataclass(frozen=True, slots=True)
class Waiver:
    """`codes`: the bars of a chain that only this waiver lets through; the first names it."""

    codes: frozenset[Code]
    name: Code
    rules: Waived = frozenset()
    relax: Relax | None = None

    def relaxed(self, question: RouteQuestion, graph: Graph) -> RouteQuestion:
        """The question without the limit."""
        return question if self.relax is None else self.relax(question, graph)


def waivers_for(question: RouteQuestion, graph: Graph) -> tuple[Waiver, ...]:
    """Those that can matter, what is most often to blame first."""
    return tuple(w for w in _ALL if _matters(w, question, graph))


def together(waivers: Iterable[Waiver], question: RouteQuestion, graph: Graph) -> RouteQuestion:
    """The question without the limits of all of them."""
    # Credit last: which lines it keeps clear of depends on what else is put aside.
    for waiver in sorted(waivers, key=lambda w: w.name is Code.CREDIT_SHORT):
        question = waiver.relaxed(question, graph)
    return question


def _matters(waiver: Waiver, question: RouteQuestion, graph: Graph) -> bool:
    match waiver.name:
        case Code.TOO_MANY_HOPS:
            return question.max_hops < MAX_HOPS
        case Code.DECLINE_HASH:
            return question.declines
        case Code.REGISTRY_NOT_ASKED:
            names = {policy.name for policy in graph.candidates(question.now_us)}
            return question.policies is not None and not names <= question.policies
    return bool(waiver.rules) or waiver.relaxed(question, graph) != question


def _not_what_was_learned(question: RouteQuestion, _: Graph) -> RouteQuestion:
    """Without V10 a line that refused lately would look as good as any; it is no nearer chain."""
    firm, told = question.firm_overrides, question.capacity_overrides
    learned = {e for e, room in told.items() if room < question.amount and firm.get(e) != room}
    return replace(_unlearned(question, _), avoid_lines=question.avoid_lines | learned)


def _unlearned(question: RouteQuestion, _: Graph) -> RouteQuestion:
    return replace(question, capacity_overrides=question.firm_overrides, unlearned=None)


def _no_deadline(question: RouteQuestion, _: Graph) -> RouteQuestion:
    return replace(question, latest_deadline=None)


def _any_last_level(question: RouteQuestion, _: Graph) -> RouteQuestion:
    return replace(question, last_levels=ALL_LEVELS)


def _any_accepted(question: RouteQuestion, graph: Graph) -> RouteQuestion:
    terms = frozenset(policy.terms for policy in graph.candidates(question.now_us))
    return replace(question, accepted=terms)


def _any_cost(question: RouteQuestion, _: Graph) -> RouteQuestion:
    return replace(question, max_cost=MAX_AMOUNT)


def _any_risk(question: RouteQuestion, _: Graph) -> RouteQuestion:
    return replace(question, max_risk=None)


def _nothing_avoided(question: RouteQuestion, _: Graph) -> RouteQuestion:
    return replace(question, avoid_nodes=frozenset(), avoid_lines=frozenset())


def _any_level(question: RouteQuestion, _: Graph) -> RouteQuestion:
    return replace(question, levels=ALL_LEVELS, first_levels=ALL_LEVELS)


def _any_policy(question: RouteQuestion, _: Graph) -> RouteQuestion:
    return replace(question, policies=None)


def _waiver(*codes: Code, rules: Iterable[Rule] = (), relax: Relax | None = None) -> Waiver:
    return Waiver(frozenset(codes), codes[0], frozenset(rules), relax)


# V1 and V6 ask for the same trust, so one without the other would hardly ever help.
_ALL: Final = (
    _waiver(Code.CREDIT_SHORT, Code.LEARNED, rules=(Rule.V10,), relax=_not_what_was_learned),
    _waiver(Code.LEARNED, relax=_unlearned),
    _waiver(Code.MAX_COST, relax=_any_cost),
    _waiver(Code.MAX_RISK, relax=_any_risk),
    _waiver(Code.AVOIDED, relax=_nothing_avoided),
    _waiver(Code.TOO_MANY_HOPS, rules=(Rule.V11,)),
    _waiver(Code.REGISTRY_NOT_ASKED, relax=_any_policy),
    _waiver(Code.PAYEE_REFUSES_LEVEL, relax=_any_last_level),
    _waiver(Code.LEVEL_NOT_ASKED, relax=_any_level),
    _waiver(Code.DEADLINE_TOO_LATE, relax=_no_deadline),
    _waiver(Code.LOCKS_TOO_LONG, Code.DEADLINE_TOO_LATE, Code.NO_SCHEDULE, rules=(Rule.V8,)),
    _waiver(Code.REGISTRY_NOT_ACCEPTED, rules=(Rule.V1, Rule.V6)),
    _waiver(Code.PAYEE_REFUSES_REGISTRY, relax=_any_accepted),
    _waiver(Code.MODE_REFUSED, rules=(Rule.V9,)),
    _waiver(Code.NOT_WATCHING, rules=(Rule.V7,)),
    _waiver(Code.DECLINE_HASH, rules=(Rule.V12,)),
    _waiver(Code.PROXY_NOT_ALLOWED, rules=(Rule.V2,)),
)
