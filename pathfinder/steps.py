"""What an intermediary takes for a promise on one of its lines: pairs, prices, and waived rules.

The rules themselves are `proto.viability`. To waive one, for the explanation of a refusal, the
facts about the node are cured of what broke it and the same check runs again.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from math import gcd
from types import MappingProxyType
from typing import Final

from pathfinder.network import Line, Node, Policy
from proto.fees import FREE_REGISTRY, Fee, FeeSet, price_of_pair
from proto.levels import Level
from proto.modes import Mode, mode_of
from proto.viability import NodeFacts, PayeeTerms, Rule, pair_rule, payee_rule, promise_rule

_ALL_FREE: Final = FeeSet(MappingProxyType({mode: Fee() for mode in Mode}))

STEP_RULES: Final = frozenset({Rule.V1, Rule.V2, Rule.V6, Rule.V7, Rule.V9})
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
    """Every incoming level at which `node` gives a promise of level `outgoing` on its line."""
    own = facts.fees if line.fees is None else line.fees
    registry_fees = node.registry_fees if line.registry_fees is None else line.registry_fees
    members: frozenset[Hashable] = frozenset(policy.members)
    facts = replace(facts, fees=own)
    found = []
    for incoming in Level:
        cured = cured_pair(incoming, outgoing, facts, members, waived)
        if cured is None:
            continue
        price = price_of_pair(
            cured.fees,
            [registry_fees.get(member, FREE_REGISTRY) for member in policy.members],
            incoming=incoming,
            outgoing=outgoing,
        )
        mode = mode_of(incoming, outgoing)
        assert price is not None and mode is not None
        # The quotient is the same rational; small numbers make the search's products cheap.
        common = gcd(price.num, price.den)
        found.append(Step(incoming, mode, price.num // common, price.den // common, price.flat))
    return tuple(found)


def cured_pair(
    incoming: Level,
    outgoing: Level,
    facts: NodeFacts,
    members: frozenset[Hashable],
    waived: frozenset[Rule],
) -> NodeFacts | None:
    """The facts under which the pair is viable; None where a rule that is not waived bars it.

    What is waived is cured: the facts are changed until nothing breaks the rule any more.
    """
    for _ in Rule:
        rule = pair_rule(incoming, outgoing, facts, members)
        if rule is None:
            return facts
        if rule not in waived or (cured := _cure(facts, rule, members)) == facts:
            return None
        facts = cured
    return None


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
        return replace(facts, fees=FeeSet(MappingProxyType({**_ALL_FREE.fees, **facts.fees.fees})))
    return facts


def payer_gives(level: Level, facts: NodeFacts, policy: Policy, waived: frozenset[Rule]) -> bool:
    """Whether a payer may give a first promise of that level (V1, V2, V4)."""
    rule = promise_rule(level, None, facts, frozenset(policy.members))
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
