"""Questions and answers by ids: `proto.route` outside, hex names in the graph."""

from collections.abc import Sequence
from dataclasses import dataclass

from pathfinder.answer import Bar, Reason, Route, RouteAnswer
from pathfinder.answer_json import answer_as_json, reason_as_json
from pathfinder.core.graph import Graph
from pathfinder.core.search import LABEL_BUDGET, find_route
from pathfinder.explain import EXPLAIN_BUDGET, explain
from pathfinder.network import Policy
from pathfinder.plans.no_split import MORE_CREDIT, no_split
from pathfinder.plans.parts import PARTS_BUDGET, PartsAnswer, find_parts
from pathfinder.plans.sendable import max_sendable
from pathfinder.question import BadQuestion, RouteQuestion
from pathfinder.reason_codes import Code
from proto.keys import NodeId
from proto.limits import DECISION_TIME_US
from proto.policy import EMPTY_POLICY, RegistryPolicy, single
from proto.route import MostFound, NoRoute, RouteFound, RouteHop, RoutePart, RouteQuery


@dataclass(frozen=True, slots=True)
class Unfound:
    """What a search without a route has left: its question, and the answers to be explained."""

    question: RouteQuestion
    answer: RouteAnswer
    parts: PartsAnswer | None

    @property
    def exact(self) -> bool:
        """Whether it is proven that there is none."""
        return self.answer.exact and (self.parts is None or self.parts.exact)


def find(graph: Graph, query: RouteQuery, budget: int = LABEL_BUDGET) -> RouteFound | NoRoute:
    """The cheapest route, or why there is none. `budget`: labels that each search may take.

    The graph must have been told of the query's collectives (`Feed.set_policies`).
    """
    found = search(graph, query, budget)
    return explained(graph, query, found, budget) if isinstance(found, Unfound) else found


def search(graph: Graph, query: RouteQuery, budget: int) -> RouteFound | NoRoute | Unfound:
    """As `find`, but reasons are still to be found. NoRoute: the question does not fit."""
    question = question_of(query, graph)
    parts = None
    try:
        answer = find_route(graph, question, budget=budget)
        if query.max_parts > 1 and (answer.route is None or query.split_to_save):
            labels = min(budget, PARTS_BUDGET)
            parts = find_parts(graph, question, query.max_parts, unit=query.unit, budget=labels)
            if parts.routes:
                return _found(parts.routes, parts.exact)
    except BadQuestion as error:
        # Not yet heard of the payee or of a line in this brand: the same as no route, for now.
        code, text = Code.NO_PATH, f"{error.fault.value} {error.subject[:16]} is not known yet"
        return NoRoute(True, (reason_as_json(Reason(Bar(code, code.rule, text))),))
    if answer.route is not None:
        return _found((answer.route,), answer.exact)
    return Unfound(question, answer, parts)


def explained(graph: Graph, query: RouteQuery, unfound: Unfound, budget: int) -> NoRoute:
    """What barred the nearest chains, where the question wants to know; at most `budget` labels for
    each rule."""
    parts, answer = unfound.parts, unfound.answer
    if query.explained:
        labels = min(budget, EXPLAIN_BUDGET)
        answer = explain(graph, unfound.question, answer, budget=labels)
    shown = answer_as_json(answer, with_reasons=True)
    reasons, skipped = tuple(shown["reasons"]), tuple(shown["skipped"])
    unknown = all(reason.code is Code.NO_PATH for reason in answer.reasons)
    if parts is None or unknown:
        return NoRoute(answer.exact, reasons, skipped, answer.labels)
    split = no_split(parts, query.max_parts, as_far="as far as is known, ", next_step=MORE_CREDIT)
    # Where one line is all there is, the reason of the single chain says the same.
    known = {r.bar.figure for r in answer.reasons if r.code is Code.CREDIT_SHORT}
    more = () if split.bar.figure in known else (reason_as_json(split),)
    return NoRoute(answer.exact and parts.exact, (*reasons, *more), skipped, answer.labels)


def most(graph: Graph, query: RouteQuery) -> MostFound:
    """The most that can be sent. KeyError where payer, payee or brand are not known."""
    try:
        found = max_sendable(graph, question_of(query, graph), query.max_parts, unit=query.unit)
    except BadQuestion as error:
        raise KeyError(error.subject) from error
    return MostFound(
        amount=found.amount,
        at_most=found.at_most,
        found=_found(found.routes, found.exact) if found.routes else None,
        bottleneck=tuple(
            ((_id(line.promisor), _id(line.promisee)), line.carries) for line in found.bottleneck
        ),
        cut=found.cut,
    )


def _found(routes: Sequence[Route], exact: bool) -> RouteFound:
    policy = routes[0].policy
    members = tuple(bytes.fromhex(m) for m in policy.members)
    chosen = RegistryPolicy(members, policy.qc, policy.qa, policy.f, policy.delta_us)
    return RouteFound(
        parts=tuple(
            RoutePart(
                tuple(
                    RouteHop(_id(h.promisor), _id(h.promisee), h.level, h.amount)
                    for h in route.hops
                ),
                tuple((_id(name), mode) for name, mode in route.modes),
                route.schedule,
            )
            for route in routes
        ),
        policy=chosen if members else EMPTY_POLICY,
        exact=exact,
    )


def _id(name: str) -> NodeId:
    return NodeId(bytes.fromhex(name))


def policy_of(policy: RegistryPolicy) -> Policy:
    """As the graph has it: a registry alone by its id, a collective by a name that says all."""
    members = tuple(m.hex() for m in policy.members)
    name = members[0]
    if policy != single(policy.members[0]):
        # Everything is in the name: two policies of the same members are two candidates. It sorts
        # behind every id: at the same price one registry decides sooner, and holds end sooner.
        figures = (policy.qc, policy.qa, policy.f, policy.delta_us)
        name = f"~{'/'.join(map(str, figures))}/{'+'.join(members)}"
    return Policy(name, members, policy.qc, policy.qa, policy.f, policy.delta_us)


def question_of(query: RouteQuery, graph: Graph) -> RouteQuestion:
    """The same question by names; candidates that the graph does not know are left out."""
    named = frozenset(policy_of(policy).name for policy in query.candidates)
    payer = query.payer.hex()
    learned = {(f.hex(), t.hex()): a for (f, t), a in (query.learned or {}).items()}
    return RouteQuestion(
        payer=payer,
        payee=query.payee.hex(),
        amount=query.amount,
        brand=query.brand.hex(),
        # The graph knows policies of other questions too, and registries that the payer bars.
        policies=named & {policy.name for policy in graph.candidates(query.now_us)},
        accepted=(
            None
            if query.accepted is None
            else frozenset(policy_of(p).terms for p in query.accepted)
        ),
        levels=query.levels,
        first_levels=query.first_levels,
        last_levels=query.last_levels,
        max_hops=query.max_hops,
        max_cost=query.max_cost,
        payee_margin_us=query.payee_margin_us,
        latest_deadline=query.latest_deadline if query.deadline is None else query.deadline,
        # Between its floor and the latest there is one D left.
        deadline_floor=DECISION_TIME_US if query.deadline is None else query.deadline,
        max_risk=query.max_risk,
        avoid_nodes=frozenset(node.hex() for node in query.avoid_nodes),
        avoid_lines=frozenset((f.hex(), t.hex()) for f, t in query.avoid_lines),
        capacity_overrides=learned,
        # Our own lines we see: of them nothing had to be learned.
        unlearned={ends: room for ends, room in learned.items() if ends[0] == payer},
        now_us=query.now_us,
    )
