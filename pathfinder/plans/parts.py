"""Several chains under one commit: a split of a payment that costs little (protocol section 8).

All chains share the descriptor, so one policy and one D, the least that suits all of them. Lines
that several chains use must carry the sum. What one payee may sign for at one time (the mixing
rule): where any last promise needs a stamp, the payee waits for the registry before it shows
anything, possibly until D, so every last promise must be redeemable then. BARE is not, SECURED is,
by the certificate. So a plan has last levels of {SECURED, ATOMIC, PROXY} or of {BARE, SECURED}.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from pathfinder.answer import Hop, Route
from pathfinder.core.graph import Graph
from pathfinder.core.search import cheapest, find_route, setting_of
from pathfinder.core.setting import Setting, of_use, policies_to_try
from pathfinder.network import NO_POLICY, Policy
from pathfinder.plans.flow import ends_carry, most_together
from pathfinder.plans.plan_limits import Limits
from pathfinder.plans.recombine import share_of_each
from pathfinder.plans.rounding import rounded_well
from pathfinder.plans.splitting import Splitter
from pathfinder.plans.track import Draft, Part
from pathfinder.question import RouteQuestion, candidates_of
from proto.levels import Level
from proto.limits import (
    DECISION_TIME_US,
    MAX_AMOUNT,
    MAX_HOPS,
    MAX_PARTS,
    PRESENT_MARGIN_US,
    STAMP_MARGIN_US,
)
from proto.schedule import schedule
from proto.viability import Chain, check_chain

DEFAULT_PARTS: Final = 4  # of an automatic split: each part is one more that may be refused
PARTS_BUDGET: Final = 30_000  # labels for one D, over all policies: a payer waits some seconds
# Where trees guide searches, labels cost more, and so does every search: a tree for its amount.
DEARER: Final = 6
FEWER_SEARCHES: Final = 3
SHARE_LABELS: Final = 2_000  # of a search that only has to say whether there is any chain
WIDENING_SEARCHES: Final = 45  # where neither single chains nor likely splits do: some seconds
LATER_DEADLINES: Final = 3  # tried, with less effort, where none is found for the least one
STAMPED: Final = frozenset({Level.SECURED, Level.ATOMIC, Level.PROXY})
UNSTAMPED: Final = frozenset({Level.BARE, Level.SECURED})


@dataclass(frozen=True, slots=True)
class PartsAnswer:
    """The chains of the cheapest split that was found, the largest first; empty = none.

    `exact` False: a cheaper split may exist, or one at all. All schedules have the same D.
    `most`: without a chain, what all lines together carry, fees aside; None = not known.
    `at_least`: no split costs less, proven; None = nothing is known, or there is proven to be none.
    """

    brand: str
    amount: int
    routes: tuple[Route, ...]
    exact: bool
    most: int | None = None
    at_least: int | None = None

    @property
    def found(self) -> bool:
        return bool(self.routes)

    @property
    def cost(self) -> int | None:
        return sum(route.cost for route in self.routes) if self.routes else None


@dataclass(frozen=True, slots=True)
class Family:
    """One way to split: under this policy, with these last levels."""

    policy: Policy
    last_levels: frozenset[Level]


@dataclass(frozen=True, slots=True)
class Plan:
    """A draft with what it was made under; `policy` is what the descriptor names."""

    draft: Draft
    setting: Setting
    policy: Policy


def find_parts(
    graph: Graph,
    question: RouteQuestion,
    max_parts: int = DEFAULT_PARTS,
    *,
    unit: int = 1,
    budget: int = PARTS_BUDGET,
) -> PartsAnswer:
    """The cheapest split that was found into 1 to `max_parts` chains.

    Every share but the last is a multiple of `unit`, the brand's smallest transferable amount.
    `budget`: labels of the searches for chains; 0 forbids the proof as well. Raises BadQuestion
    where the question does not fit the graph.
    """
    assert 1 <= max_parts <= MAX_PARTS and unit >= 1
    single = find_route(graph, question)
    alone = () if single.route is None else (single.route,)
    if max_parts == 1 or single.cost == question.amount:  # nothing is cheaper than no fee
        least = single.cost if single.exact else question.amount
        return PartsAnswer(single.brand, question.amount, alone, single.exact, None, least)
    most = None if alone else most_together(setting_of(graph, question)[1])
    if not alone and most is None:
        # Too large a network for the maximum flow; what the ends carry says as much, if less often.
        carried = ends_carry(setting_of(graph, question)[1], max_parts)
        most = carried if carried < question.amount else None
        if most is None and _no_chain_for_a_share(graph, question, max_parts, unit):
            return PartsAnswer(single.brand, question.amount, (), True)
    if most is not None and most < question.amount:
        return PartsAnswer(single.brand, question.amount, (), True, most)
    below = min(question.max_cost, MAX_AMOUNT) + 1 if single.cost is None else single.cost
    best, impossible = _likely(graph, question, (max_parts, unit, budget), below)
    if impossible and single.exact and not alone:
        # No family has a chain for the largest part of any split that is cheap enough.
        return PartsAnswer(single.brand, question.amount, (), True, most)
    at_least: int | None = question.amount
    if best is None and not alone and budget:
        best = _wide_enough(graph, question, max_parts, unit)
    exact = best is not None and best.draft.cost == question.amount
    if budget and not exact:
        limits = limits_of(question, max_parts, unit)
        limits = replace(limits, max_cost=(below if best is None else best.draft.cost) - 1)
        better, at_least, exact = _proven(graph, question, limits)
        best = better or best
        if best is not None and at_least is not None and not exact:
            draft = rounded_well(best.draft, best.setting.room, limits, at_least)
            best, exact = replace(best, draft=draft), draft.cost == at_least
    routes = alone if best is None else routes_of(best, question)
    found = PartsAnswer(single.brand, question.amount, routes, exact, most, at_least)
    # Where it is proven that nothing is better, the best that is known is the bound.
    return replace(found, at_least=found.cost) if exact else found


def _no_chain_for_a_share(graph: Graph, question: RouteQuestion, max_parts: int, unit: int) -> bool:
    """Whether no chain carries even what the largest part has at least: under any policy at once,
    which is quicker than one family after the other."""
    share = share_of_each(question.amount, max_parts, unit)
    _, setting = setting_of(graph, replace(question, amount=share))
    found = cheapest(setting, SHARE_LABELS, 0)
    return found.exact and found.label is None


def limits_of(question: RouteQuestion, max_parts: int, unit: int) -> Limits:
    """What every plan for this question keeps."""
    floor = question.deadline_floor
    return Limits(max_parts, unit, question.max_cost, floor, latest_deadline(question))


def _wide_enough(graph: Graph, question: RouteQuestion, max_parts: int, unit: int) -> Plan | None:
    """A plan for an amount that no single chain carries, where the likely ones were none."""
    limits = limits_of(question, max_parts, unit)
    families = family_settings(graph, question)
    return widened(families, limits, question.amount - 1, question.amount)


def _likely(
    graph: Graph, question: RouteQuestion, bounds: tuple[int, int, int], below: int
) -> tuple[Plan | None, bool]:
    """A good plan that costs less than `below`, and whether it is proven that there is none.

    `bounds`: most parts, unit, and labels.
    """
    max_parts, unit, budget = bounds
    best, impossible = None, False
    families = _families(graph, question)
    for number, floor in enumerate(_floors(question)):
        start = Draft(floor, latest_deadline(question))
        labels = budget // 8 if number else budget
        best, none = _best_of(families, graph, question, start, (max_parts, unit, labels), below)
        impossible = impossible or (number == 0 and none)
        if best is not None or impossible or below <= question.max_cost:
            break
    return best, impossible


def _proven(
    graph: Graph, question: RouteQuestion, limits: Limits
) -> tuple[Plan | None, int | None, bool]:
    """A plan within the limits, the least that any could cost, and whether that is exact."""
    from pathfinder.plans.proving import prove  # the solver behind it is not for plain payments

    families = family_settings(graph, question)
    proof = prove([setting for _, setting in families], limits, question.amount)
    if proof.plan is None:
        return None, proof.bound, proof.exact
    return planned(proof.plan, *families[proof.family]), proof.bound, proof.exact


def _best_of(
    families: tuple[Family, ...],
    graph: Graph,
    question: RouteQuestion,
    start: Draft,
    bounds: tuple[int, int, int],
    below: int,
) -> tuple[Plan | None, bool]:
    """The cheapest plan of all families, and whether it is proven that none has one.

    Of plans at the same cost the one of fewer parts, fewer promises and less risk, as for chains.
    `bounds`: most parts, unit, and labels, of which each family may take an equal share.
    """
    max_parts, unit, labels = bounds
    best, impossible = None, True
    for left, family in zip(range(len(families), 0, -1), families, strict=True):
        setting = _setting(graph, question, family)
        share = labels // (DEARER if setting.has_trees else 1) // left
        splitter = Splitter(setting, max_parts, unit, share)
        draft = splitter.run(start, below) if start.least <= start.most else None
        labels -= splitter.labels * (DEARER if setting.has_trees else 1)
        impossible = impossible and splitter.impossible
        if draft is not None and (best is None or draft.order < best.draft.order):
            best, below = planned(draft, family, setting), draft.cost + 1
    return best, impossible


def _families(graph: Graph, question: RouteQuestion) -> tuple[Family, ...]:
    candidates, found = candidates_of(graph, question), []
    board = graph.board(candidates.brand, question.now_us)
    policies = policies_to_try(candidates.policies, question)
    for policy in of_use(policies, board, frozenset()):
        kinds = (STAMPED, UNSTAMPED) if policy.members else (frozenset({Level.BARE}),)
        for kind in kinds:
            if last_levels := kind & question.last_levels:
                found.append(Family(policy, last_levels))
    return tuple(found)


def _floors(question: RouteQuestion) -> tuple[int, ...]:
    """The least D first. A later one helps where the chains that it suits bear no earlier one."""
    later = (
        question.payee_margin_us + n * PRESENT_MARGIN_US + STAMP_MARGIN_US for n in range(MAX_HOPS)
    )
    first = question.deadline_floor
    return (first, *sorted(d for d in later if d > first)[:LATER_DEADLINES])


def latest_deadline(question: RouteQuestion) -> int:
    """What the payee allows, or the D that no chain needs: as far as V8 pushes it in MAX_HOPS."""
    if question.latest_deadline is not None:
        return question.latest_deadline
    margin = max(DECISION_TIME_US, question.payee_margin_us, question.deadline_floor)
    return margin + MAX_HOPS * PRESENT_MARGIN_US + STAMP_MARGIN_US


def _setting(graph: Graph, question: RouteQuestion, family: Family) -> Setting:
    asked = replace(question, last_levels=family.last_levels)
    board = graph.board(candidates_of(graph, question).brand, question.now_us)
    # With a decline hash there is a policy, so all parts being bare would break V4.
    several = not question.declines
    return Setting(board, asked, (family.policy,), one_of_several=several)


def family_settings(graph: Graph, question: RouteQuestion) -> list[tuple[Family, Setting]]:
    """Each way to split, and the setting for its tracks."""
    return [(f, _setting(graph, question, f)) for f in _families(graph, question)]


def planned(draft: Draft, family: Family, setting: Setting) -> Plan:
    """With the policy that the descriptor names: V4 for the whole payment."""
    levels = {level for part in draft.parts for level in part.track.levels}
    return Plan(draft, setting, NO_POLICY if levels == {Level.BARE} else family.policy)


def widened(
    families: Sequence[tuple[Family, Setting]],
    limits: Limits,
    high: int,
    amount: int | None = None,
    first: Policy = NO_POLICY,
) -> Plan | None:
    """The plan that delivers most of what a few searches find; of an `amount`, the cheapest.

    For networks too large for a proof. No chain carries more than `high`; `first`: the policy to
    begin with, for the searches may not suffice for all.
    """
    from pathfinder.plans.widening import Widening  # the solver behind it is not for plain payments

    searches = WIDENING_SEARCHES
    if families and families[0][1].has_trees:
        searches //= FEWER_SEARCHES
    left, best = searches, None
    for family, setting in sorted(families, key=lambda pair: pair[0].policy != first):
        widening = Widening(setting, limits, min(left, searches // 3))
        left -= widening.searches
        draft = widening.most(high)
        left += widening.searches
        if draft is None or draft.share < (amount or 1):
            continue
        draft = widening.cheapest(amount or draft.share) or (None if amount else draft)
        if draft is None:
            continue
        if best is None or _wider(draft, best.draft):
            best = planned(draft, family, setting)
    return best


def _wider(one: Draft, other: Draft) -> bool:
    return (-one.share, one.order) < (-other.share, other.order)


def routes_of(plan: Plan, question: RouteQuestion) -> tuple[Route, ...]:
    """Each part as a chain, checked once more beside the others by the protocol's own rules."""
    setting, policy, draft = plan.setting, plan.policy, plan.draft
    least = max(part.track.least for part in draft.parts)
    draft = replace(draft, least=max(least, question.deadline_floor))
    routes = []
    for part in draft.parts:
        _check(draft, part, setting, policy)
        board, levels = setting.board, part.track.levels
        times = schedule(
            levels,
            lateness_us=policy.lateness_us,
            payee_margin_us=setting.question.payee_margin_us,
            deadline_floor=draft.least,
        )
        assert times is not None and times.deadline == draft.least
        names = [
            setting.question.payer,
            *(board.nodes[board.promisee[i]].name for i in part.track.lines),
        ]
        ends = pairwise(names)
        hops = tuple(
            Hop(promisor, promisee, level, amount)
            for (promisor, promisee), level, amount in zip(
                ends, levels, part.track.amounts(part.share), strict=True
            )
        )
        modes = (step.mode for step in part.track.steps)
        routes.append(Route(hops, tuple(zip(names[1:-1], modes, strict=True)), policy, times))
    return tuple(routes)


def _check(draft: Draft, part: Part, setting: Setting, policy: Policy) -> None:
    """V1–V12 for one chain, its lines reduced by what the others put on them."""
    board, question, track = setting.board, setting.question, part.track
    path = (setting.payer, *(board.promisee[i] for i in track.lines))
    amounts = track.amounts(part.share)
    bare = all(level is Level.BARE for level in track.levels)
    violations = check_chain(
        Chain(
            names=path,
            nodes=tuple(board.facts[number] for number in path),
            levels=track.levels,
            amounts=amounts,
            available=tuple(
                setting.room(line) - draft.taken[line] + amount
                for line, amount in zip(track.lines, amounts, strict=True)
            ),
            # V4 speaks of the payment: a bare chain beside others stands under their policy.
            members=frozenset(() if bare else policy.members),
            payee=setting.terms(policy),
            lateness_us=policy.lateness_us,
            declines=question.declines,
            line_fees=tuple(board.lines[i].fees for i in track.lines),
            max_hops=question.max_hops,
            deadline_floor=draft.least,
        )
    )
    assert not violations, violations
