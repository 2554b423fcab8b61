"""What an intermediary takes for a promise on one of its lines: pairs, prices, and waived rules.

The rules themselves are `proto.viability`. To waive one, for the explanation of a refusal, the
facts about the node are cured of what broke it and the same check runs again.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import lru_cache
from math import gcd
from types import MappingProxyType
from typing import Final, NamedTuple

from pathfinder.core.timing import least_lock_us
from pathfinder.network import Line, Node, Policy
from proto.fees import FREE_REGISTRY, Fee, FeeSet, price
from proto.levels import Level
from proto.modes import Mode, mode_of
from proto.viability import NodeFacts, PayeeTerms, Rule, pair_rule, payee_rule, promise_rule

CACHED_STANDINGS: Final = 4_096  # sixteen pairs of thirty-two standings, for a few waivers
_FREE: Final = Fee()
_HELD_FOR: Final = {  # level given -> levels that may be held for it, and the modes
    outgoing: [(held, mode) for held in Level if (mode := mode_of(held, outgoing)) is not None]
    for outgoing in Level
}
_ALL_FREE: Final = FeeSet(MappingProxyType({mode: Fee() for mode in Mode}))

STEP_RULES: Final = frozenset({Rule.V1, Rule.V2, Rule.V6, Rule.V7, Rule.V8, Rule.V9})
"""The rules that a step depends on: waiving another one changes no step."""


@dataclass(frozen=True, slots=True)
class Step:
    """An intermediary takes `incoming` for the promise it gives, at ceil(out·num/den) + flat."""

    incoming: Level
    mode: Mode
    num: int
    den: int
    flat: int


def steps_of(
    node: Node,
    facts: NodeFacts,
    line: Line,
    outgoing: Level,
    policy: Policy,
    waived: frozenset[Rule],
) -> tuple[Step, ...]:
    """What `node` takes, by the level that it holds, for a promise of level `outgoing` on its
    line; in the order of the levels."""
    members: frozenset[Hashable] = frozenset(policy.members)
    fees = facts.fees if line.fees is None else line.fees
    registry_fees = node.registry_fees if line.registry_fees is None else line.registry_fees
    asked_by = [registry_fees.get(member, FREE_REGISTRY) for member in policy.members]
    trusts, verifies = facts.trusts(members), facts.can_verify(members)
    holds = facts.hold_max_us >= least_lock_us(outgoing, policy.lateness_us)
    waived, named, found = waived & STEP_RULES, bool(members), []
    for incoming, mode in _HELD_FOR[outgoing]:
        fee = fees.of(mode)
        standing = Standing(trusts, verifies, facts.watches_registry, holds, fee is not None, named)
        if allowed(incoming, outgoing, standing, waived):
            asked = price(fee or _FREE, asked_by, incoming=incoming, outgoing=outgoing)
            # The quotient is the same rational; small numbers make the search's products cheap.
            common = gcd(asked.num, asked.den)
            found.append(Step(incoming, mode, asked.num // common, asked.den // common, asked.flat))
    return tuple(found)


class Standing(NamedTuple):
    """All that the rules ask about an intermediary between two promises: how it stands to the
    policy's members, whether it holds credit long enough for any chain with the promise that it
    gives, and whether it prices the mode. `named`: there is a policy."""

    trusts: bool
    verifies: bool
    watches: bool
    holds: bool
    priced: bool
    named: bool


@lru_cache(maxsize=CACHED_STANDINGS)
def allowed(incoming: Level, outgoing: Level, standing: Standing, waived: frozenset[Rule]) -> bool:
    """Whether an intermediary of that standing takes the pair (V1–V4, V6 to V9).

    Of V8 what holds for any chain. What is waived is cured: the facts are changed until nothing
    breaks the rule any more.
    """
    mode = mode_of(incoming, outgoing)
    if mode is None or not (standing.holds or Rule.V8 in waived):
        return False
    members: frozenset[Hashable] = frozenset({"R"} if standing.named else ())
    facts = NodeFacts(
        accepts=members if standing.trusts else frozenset(),
        knows=None if standing.verifies else frozenset(),
        watches_registry=standing.watches,
        fees=FeeSet(MappingProxyType({mode: _FREE} if standing.priced else {})),
    )
    for _ in Rule:
        rule = pair_rule(incoming, outgoing, facts, members)
        if rule is None:
            return True
        if rule not in waived or (cured := _cure(facts, rule, members)) == facts:
            return False
        facts = cured
    return False


def broken_by_pair(
    incoming: Level, outgoing: Level, facts: NodeFacts, members: frozenset[Hashable]
) -> tuple[Rule, ...]:
    """Every rule that a node breaks between two promises, not only the first that is met.

    `facts.fees`: those of its outgoing line. V3, V4 and a first PROXY cannot be cured: last.
    """
    found: list[Rule] = []
    while rule := pair_rule(incoming, outgoing, facts, members):
        found.append(rule)
        cured = _cure(facts, rule, members)
        if cured == facts:
            break
        facts = cured
    return tuple(found)


def _cure(facts: NodeFacts, rule: Rule, members: frozenset[Hashable]) -> NodeFacts:
    """Facts that do not break `rule`; the same facts where none could (V3, V4, a first PROXY)."""
    if rule in (Rule.V1, Rule.V6):
        return replace(facts, accepts=facts.accepts | members)
    if rule is Rule.V2:
        knows = None if facts.knows is None else facts.knows | members
        accepts = facts.accepts - members if facts.trusts(members) else facts.accepts
        return replace(facts, accepts=accepts, knows=knows)
    if rule is Rule.V7:
        return replace(facts, watches_registry=True)
    if rule is Rule.V9:
        return replace(facts, fees=_ALL_FREE)
    return facts


def payer_gives(level: Level, facts: NodeFacts, policy: Policy, waived: frozenset[Rule]) -> bool:
    """Whether a payer may give a first promise of that level (V1, V2, V4, V8)."""
    rule = promise_rule(level, None, facts, frozenset(policy.members))
    if facts.hold_max_us < least_lock_us(level, policy.lateness_us) and Rule.V8 not in waived:
        return False
    return rule is None or (rule is Rule.V1 and rule in waived)


def payee_takes(
    level: Level,
    facts: NodeFacts,
    terms: PayeeTerms,
    policy: Policy,
    waived: frozenset[Rule],
) -> bool:
    """Whether the payee takes a last promise of that level (V4, V5)."""
    members: frozenset[Hashable] = frozenset(policy.members)
    if level is not Level.BARE and not members:
        return False
    return Rule.V5 in waived or payee_rule(level, facts, terms, members) is None
