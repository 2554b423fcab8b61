"""What a path finder of its own answers, checked by whoever will promise on it. Pure.

The adverts beside an answer are signed by whom they speak of, so the payer sees itself that the
chains are viable and cost what their nodes ask. What it cannot see is whether a cheaper one exists.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, unique
from itertools import pairwise
from typing import Final

from proto.adverts import LineAdvert, NodeAdvert, read_advert
from proto.fees import FREE_REGISTRY, price_of_pair
from proto.keys import NodeId
from proto.levels import Level
from proto.limits import DECISION_TIME_US
from proto.modes import Mode, mode_of
from proto.policy import EMPTY_POLICY, RegistryPolicy
from proto.registry_list import RegistryList
from proto.route import LineEnds, RouteFound, RouteHop, RoutePart, RouteQuery
from proto.schedule import Schedule, schedule
from proto.viability import Chain, NodeFacts, PayeeTerms, Rule, check_chain
from proto.wire import WireFault

# What one payee can sign for at one time: where any last promise needs a stamp it waits for the
# registry, so all of them must be redeemable then (BARE is not).
STAMPED: Final = frozenset({Level.SECURED, Level.ATOMIC, Level.PROXY})
UNSTAMPED: Final = frozenset({Level.BARE, Level.SECURED})
NO_FACTS: Final = NodeFacts()  # of the payee: its request says what it takes


@unique
class Lie(Enum):
    """Which check an answer failed; the value says it to people."""

    ADVERT = "an advert beside it does not hold"
    MISSING = "an advert of what it uses is missing"
    CHAIN = "its promises do not lead from the payer to the payee"
    AMOUNT = "the payee would not receive the amount asked for"
    OWN_LINE = "it begins with a line that the payer does not have"
    POLICY = "it names a policy that was not asked for"
    RULE = "it breaks a rule of the protocol"
    MODES = "its modes are not those of its levels"
    PRICE = "its amounts are not what the nodes ask"
    SCHEDULE = "its times are not the smallest ones"
    LIMITS = "it does not keep to what was asked for"


class BadRoute(Exception):
    """The answer must not be used. `str` is one line for the owner and the log."""

    def __init__(self, lie: Lie, detail: str = "") -> None:
        super().__init__(f"{lie.value}: {detail}" if detail else lie.value)
        self.lie = lie


@dataclass(frozen=True, slots=True)
class _Told:
    """What the adverts say, each verified, by their subjects."""

    nodes: Mapping[NodeId, NodeAdvert]
    lines: Mapping[LineEnds, LineAdvert]
    lists: Mapping[bytes, RegistryList] = field(default_factory=dict)

    def node(self, node: NodeId) -> NodeAdvert:
        """BadRoute where there is none."""
        if node not in self.nodes:
            raise BadRoute(Lie.MISSING, f"node {node.hex()[:8]}")
        return self.nodes[node]

    def line(self, ends: LineEnds) -> LineAdvert:
        """An open one. BadRoute where there is none."""
        advert = self.lines.get(ends)
        if advert is None or advert.closed:
            raise BadRoute(Lie.MISSING, f"an open line {ends[0].hex()[:8]}→{ends[1].hex()[:8]}")
        return advert

    def facts(self, node: NodeId) -> NodeFacts:
        """As the rules ask about them."""
        advert = self.node(node)
        return NodeFacts(
            accepts=frozenset(advert.accepts(self.lists.get(advert.registry_list))),
            knows=frozenset(advert.knows_registries),
            watches_registry=advert.watches_registry,
            hold_max_us=advert.hold_max_us,
            fees=advert.fees,
        )


def check_route(
    query: RouteQuery, claimed: RouteFound, adverts: Iterable[bytes], payer: NodeFacts
) -> RouteFound:
    """The answer with the adverts of its nodes, where all of it holds. BadRoute.

    `payer`: what the payer knows of itself. `query.now_us` is now; `query.learned` holds all of its
    own lines that it may use.
    """
    told = _read(adverts, query)
    _check_shape(query, claimed)
    _check_limits(query, claimed)
    deadline = _deadline(query, claimed)
    taken: dict[LineEnds, int] = {}
    for part in claimed.parts:
        for hop in part.hops:
            ends = (hop.promisor, hop.promisee)
            taken[ends] = taken.get(ends, 0) + hop.amount
    for part in claimed.parts:
        _check_times(query, claimed.policy, part, deadline)
        _check_prices(claimed.policy, part, told)
        _check_rules(query, claimed.policy, part, told, payer, taken, deadline)
    return replace(claimed, nodes=told.nodes)


def _read(adverts: Iterable[bytes], query: RouteQuery) -> _Told:
    nodes: dict[NodeId, NodeAdvert] = {}
    lines: dict[LineEnds, LineAdvert] = {}
    lists: dict[bytes, RegistryList] = {}
    for data in adverts:
        try:
            advert = read_advert(data, query.now_us)
        except WireFault as fault:
            raise BadRoute(Lie.ADVERT, str(fault)) from fault
        match advert:
            case NodeAdvert():
                nodes[advert.node] = advert
            case LineAdvert() if advert.brand.guid == query.brand:
                lines[advert.promisor, advert.promisee] = advert
            case RegistryList():
                lists[advert.id] = advert
            case _:
                raise BadRoute(Lie.ADVERT, "one that has nothing to do with the question")
    return _Told(nodes, lines, lists)


def _check_shape(query: RouteQuery, claimed: RouteFound) -> None:
    own = query.learned or {}
    for part in claimed.parts:
        first, last = part.hops[0], part.hops[-1]
        joined = all(a.promisee == b.promisor for a, b in pairwise(part.hops))
        if first.promisor != query.payer or last.promisee != query.payee or not joined:
            raise BadRoute(Lie.CHAIN)
        if (first.promisor, first.promisee) not in own:
            raise BadRoute(Lie.OWN_LINE, f"to {first.promisee.hex()[:8]}")
        modes = tuple(_mode(a, b) for a, b in pairwise(part.hops))
        if part.modes != modes:
            raise BadRoute(Lie.MODES)
    if (amount := sum(part.amount for part in claimed.parts)) != query.amount:
        raise BadRoute(Lie.AMOUNT, f"{amount} instead of {query.amount}")


def _mode(held: RouteHop, given: RouteHop) -> tuple[NodeId, Mode]:
    mode = mode_of(held.level, given.level)
    if mode is None:
        raise BadRoute(Lie.RULE, Rule.V3.value)
    return held.promisee, mode


def _check_limits(query: RouteQuery, claimed: RouteFound) -> None:
    """What the question itself asks for, beyond the protocol's rules."""
    policy = claimed.policy
    if policy != EMPTY_POLICY and policy not in query.candidates:
        raise BadRoute(Lie.POLICY)
    levels = {hop.level for part in claimed.parts for hop in part.hops}
    if (levels == {Level.BARE}) != (policy == EMPTY_POLICY):
        raise BadRoute(Lie.RULE, Rule.V4.value)
    last = {part.hops[-1].level for part in claimed.parts}
    if not (last <= STAMPED or last <= UNSTAMPED):
        raise BadRoute(Lie.LIMITS, "last levels that no payee can sign for at one time")
    first = {part.hops[0].level for part in claimed.parts}
    if not (levels <= query.levels and first <= query.first_levels):
        raise BadRoute(Lie.LIMITS, "a level that was not asked for")
    if claimed.cost > query.max_cost:
        raise BadRoute(Lie.LIMITS, f"it costs {claimed.cost}, more than {query.max_cost}")
    if len(claimed.parts) > query.max_parts:
        raise BadRoute(Lie.LIMITS, f"more than {query.max_parts} chains")
    if sum(part.amount % query.unit != 0 for part in claimed.parts) > 1:
        raise BadRoute(Lie.LIMITS, f"shares that are no multiples of {query.unit}")
    for part in claimed.parts:
        ends = {(hop.promisor, hop.promisee) for hop in part.hops}
        inner = {hop.promisee for hop in part.hops[:-1]}
        if not (ends.isdisjoint(query.avoid_lines) and inner.isdisjoint(query.avoid_nodes)):
            raise BadRoute(Lie.LIMITS, "a node or line that was to be avoided")
        risk = sum(mode.risk for _, mode in part.modes)
        if query.max_risk is not None and risk > query.max_risk:
            raise BadRoute(Lie.LIMITS, f"a risk of {risk}, more than {query.max_risk}")


def _schedule(query: RouteQuery, policy: RegistryPolicy, part: RoutePart, **more: int) -> Schedule:
    plan = schedule(
        [hop.level for hop in part.hops],
        lateness_us=policy.lateness_us,
        payee_margin_us=query.payee_margin_us,
        **more,
    )
    if plan is None:
        raise BadRoute(Lie.RULE, Rule.V8.value)
    return plan


def _deadline(query: RouteQuery, claimed: RouteFound) -> int:
    """The least D that suits all chains, or the one that was fixed, if it suits them."""
    fixed = query.deadline
    floor = DECISION_TIME_US if fixed is None else fixed
    plans = (_schedule(query, claimed.policy, p, deadline_floor=floor) for p in claimed.parts)
    deadline = max(plan.deadline for plan in plans)
    if fixed is not None and deadline != fixed:
        raise BadRoute(Lie.RULE, f"{Rule.V8.value}: D cannot be moved by {deadline - fixed}")
    return deadline


def _check_times(query: RouteQuery, policy: RegistryPolicy, part: RoutePart, deadline: int) -> None:
    if part.schedule != _schedule(query, policy, part, deadline_floor=deadline):
        raise BadRoute(Lie.SCHEDULE)


def _check_prices(policy: RegistryPolicy, part: RoutePart, told: _Told) -> None:
    """Section 6, to the smallest unit: less would be refused, more would be a present."""
    for held, given in pairwise(part.hops):
        node, line = told.node(given.promisor), told.line((given.promisor, given.promisee))
        own = node.registry_fees if line.registry_fees is None else line.registry_fees
        price = price_of_pair(
            node.fees if line.fees is None else line.fees,
            [own.get(member, FREE_REGISTRY) for member in policy.members],
            incoming=held.level,
            outgoing=given.level,
        )
        if price is None:
            raise BadRoute(Lie.RULE, f"{Rule.V9.value}: {node.node.hex()[:8]} refuses its mode")
        if (asked := price.amount_in_ceil(given.amount)) != held.amount:
            name = node.node.hex()[:8]
            raise BadRoute(Lie.PRICE, f"{name} asks {asked} and would hold {held.amount}")


def _check_rules(
    query: RouteQuery,
    policy: RegistryPolicy,
    part: RoutePart,
    told: _Told,
    payer: NodeFacts,
    taken: Mapping[LineEnds, int],
    deadline: int,
) -> None:
    """V1–V12, its lines reduced by what the other chains put on them."""
    levels = tuple(hop.level for hop in part.hops)
    bare = all(level is Level.BARE for level in levels)
    learned = query.learned or {}
    available, fees = [], []
    for number, hop in enumerate(part.hops):
        ends = (hop.promisor, hop.promisee)
        line = told.line(ends) if number else None
        room = learned[ends] if line is None else learned.get(ends, line.available)
        available.append(room - taken[ends] + hop.amount)
        fees.append(None if line is None else line.fees)
    violations = check_chain(
        Chain(
            names=(query.payer, *(hop.promisee for hop in part.hops)),
            nodes=(payer, *(told.facts(hop.promisee) for hop in part.hops[:-1]), NO_FACTS),
            levels=levels,
            amounts=tuple(hop.amount for hop in part.hops),
            available=tuple(available),
            # V4 speaks of the payment: a bare chain beside others stands under their policy.
            members=frozenset(() if bare else policy.members),
            payee=PayeeTerms(
                last_levels=query.last_levels,
                policy_accepted=query.accepted is None or policy in query.accepted,
                margin_us=query.payee_margin_us,
                latest_deadline=query.latest_deadline,
            ),
            lateness_us=policy.lateness_us,
            line_fees=tuple(fees),
            max_hops=query.max_hops,
            deadline_floor=deadline,
        )
    )
    if violations:
        rules = ", ".join(f"{v.rule.value} by {v.figure}" for v in violations)
        raise BadRoute(Lie.RULE, rules)
