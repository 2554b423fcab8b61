"""Which chains a payer may dictate: rules V1–V12 (protocol section 4).

Two readers share this file: whoever checks a whole chain (`check_chain`, the payer and the tests'
reference search) and a node that re-checks its own pair (`check_pair`), whatever the payer said.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from proto.fees import FeeSet
from proto.levels import Level
from proto.limits import DECISION_TIME_US, DEFAULT_HOLD_MAX_US, MAX_HOPS, PAYEE_MARGIN_US
from proto.modes import is_late_leak, mode_of
from proto.schedule import schedule


@unique
class Rule(Enum):
    """The number of a rule in protocol section 4; its value is the code that `reasons` carry."""

    V1 = "V1"  # SECURED or ATOMIC: the promisor trusts the registry
    V2 = "V2"  # PROXY: an earlier node requires a registry that the promisor does not trust
    V3 = "V3"  # the pair is in the table
    V4 = "V4"  # a level other than BARE names a policy, an all-BARE chain none
    V5 = "V5"  # the payee takes the last level, and the policy where it must stamp
    V6 = "V6"  # SECURED and GATEWAY: the node trusts the registry
    V7 = "V7"  # late leak: the node watches the registry
    V8 = "V8"  # a schedule exists, no lock is longer than hold_max, D is early enough
    V9 = "V9"  # the node has a price for its mode
    V10 = "V10"  # the line carries the amount
    V11 = "V11"  # no node twice, at most MAX_HOPS promises
    V12 = "V12"  # SECURED or GATEWAY anywhere: no decline hash


@dataclass(frozen=True, slots=True)
class Violation:
    """`place`: number of the promise (V1, V2, V5, V10; from 1) or of the node (others; payer = 0).

    `figure`: by how much: µs for V8, smallest units for V10, nodes for V11; else 0.
    """

    rule: Rule
    place: int
    figure: int = 0


NOTHING_PRICED: Final = FeeSet()


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What the rules ask about one node. Registry names are whatever the caller uses for them."""

    accepts: frozenset[Hashable] = frozenset()
    knows: frozenset[Hashable] | None = None  # current records held; None = of every registry
    watches_registry: bool = False
    hold_max_us: int = DEFAULT_HOLD_MAX_US
    fees: FeeSet = NOTHING_PRICED

    def trusts(self, members: frozenset[Hashable]) -> bool:
        """T(n): it accepts every member. Never true of the empty policy."""
        return bool(members) and members <= self.accepts

    def can_verify(self, members: frozenset[Hashable]) -> bool:
        """It holds a current record of every member."""
        return bool(members) and (self.knows is None or members <= self.knows)


@dataclass(frozen=True, slots=True)
class PayeeTerms:
    """What the payee's request allows. `policies` None = there is no request, T(payee) decides."""

    last_levels: frozenset[Level] = frozenset(Level)
    policy_accepted: bool | None = None
    margin_us: int = PAYEE_MARGIN_US
    latest_deadline: int | None = None  # offset from now, µs


def promise_rule(
    level: Level, before: Level | None, promisor: NodeFacts, members: frozenset[Hashable]
) -> Rule | None:
    """V1, V2 and V4 for one promise.

    `before` is the level of the promise that its promisor holds, None for the payer.
    """
    if level is not Level.BARE and not members:
        return Rule.V4
    if level.late_ok and not promisor.trusts(members):
        return Rule.V1
    if level is Level.PROXY and (
        before in (None, Level.BARE) or promisor.trusts(members) or not promisor.can_verify(members)
    ):
        return Rule.V2
    return None


def pair_rule(
    incoming: Level, outgoing: Level, node: NodeFacts, members: frozenset[Hashable]
) -> Rule | None:
    """V1–V4, V6, V7 and V9 for an intermediary between two promises."""
    mode = mode_of(incoming, outgoing)
    if mode is None:
        return Rule.V3
    if rule := promise_rule(outgoing, incoming, node, members):
        return rule
    if incoming is not Level.BARE and not members:
        return Rule.V4
    if mode.relies_on_registry and not node.trusts(members):
        return Rule.V6
    if is_late_leak(incoming, outgoing) and not node.watches_registry:
        return Rule.V7
    if node.fees.of(mode) is None:
        return Rule.V9
    return None


def payee_rule(
    last: Level, payee: NodeFacts, terms: PayeeTerms, members: frozenset[Hashable]
) -> Rule | None:
    """V5: the payee takes this last level, and the policy where it has to stamp."""
    if last not in terms.last_levels:
        return Rule.V5
    if last.needs_stamp:
        accepted = terms.policy_accepted
        if not (payee.trusts(members) if accepted is None else accepted):
            return Rule.V5
    return None


ANY_PAYEE: Final = PayeeTerms()


@dataclass(frozen=True, slots=True)
class Chain:
    """A whole chain as the payer would dictate it.

    `nodes` has one entry more than `levels`, `amounts` and `available`; `names` tells nodes apart.
    `deadline_floor`: D is no earlier than this, for a chain that shares it with others.
    """

    names: tuple[Hashable, ...]
    nodes: tuple[NodeFacts, ...]
    levels: tuple[Level, ...]
    amounts: tuple[int, ...]
    available: tuple[int, ...]
    members: frozenset[Hashable]
    payee: PayeeTerms = ANY_PAYEE
    lateness_us: int = 0
    declines: bool = False
    line_fees: tuple[FeeSet | None, ...] = ()  # of each promise's line; () = none has its own
    max_hops: int = MAX_HOPS
    deadline_floor: int = DECISION_TIME_US


def check_chain(chain: Chain) -> tuple[Violation, ...]:
    """Every rule that the chain breaks, in the order of the rules' ladder; empty = viable."""
    levels, nodes = chain.levels, chain.nodes
    found = _shape_rules(chain)
    if all(lv is Level.BARE for lv in levels) and chain.members:
        found.append(Violation(Rule.V4, 0))
    relies = False
    for i, level in enumerate(levels):
        before = levels[i - 1] if i else None
        if i == 0:
            rule = promise_rule(level, before, nodes[0], chain.members)
        else:
            assert before is not None
            node = nodes[i]
            own = chain.line_fees[i] if chain.line_fees else None
            if own is not None:
                node = NodeFacts(
                    node.accepts, node.knows, node.watches_registry, node.hold_max_us, own
                )
            rule = pair_rule(before, level, node, chain.members)
            mode = mode_of(before, level)
            relies = relies or (mode is not None and mode.relies_on_registry)
        if rule:
            place = i + 1 if rule in (Rule.V1, Rule.V2) else i
            found.append(Violation(rule, place))
        if (short := chain.amounts[i] - chain.available[i]) > 0:
            found.append(Violation(Rule.V10, i + 1, short))
    if rule := payee_rule(levels[-1], nodes[-1], chain.payee, chain.members):
        found.append(Violation(rule, len(levels)))
    if relies and chain.declines:
        found.append(Violation(Rule.V12, 0))
    if not any(v.rule is Rule.V3 for v in found):
        found.extend(_deadline_rules(chain))
    return tuple(found)


def _shape_rules(chain: Chain) -> list[Violation]:
    names, found = chain.names, []
    if len(chain.levels) > min(chain.max_hops, MAX_HOPS):
        found.append(Violation(Rule.V11, 0, len(chain.levels) - min(chain.max_hops, MAX_HOPS)))
    # A clearing ring pays its own payer: that node alone may stand at both ends.
    inner = names[:-1] if names[0] == names[-1] else names
    if repeated := len(inner) - len(set(inner)):
        found.append(Violation(Rule.V11, 0, repeated))
    return found


def _deadline_rules(chain: Chain) -> list[Violation]:
    plan = schedule(
        chain.levels,
        lateness_us=chain.lateness_us,
        payee_margin_us=chain.payee.margin_us,
        deadline_floor=chain.deadline_floor,
    )
    if plan is None:
        return [Violation(Rule.V8, 0)]
    found = []
    for i, (lock, node) in enumerate(zip(plan.locks, chain.nodes[:-1], strict=True)):
        if lock > node.hold_max_us:
            found.append(Violation(Rule.V8, i, lock - node.hold_max_us))
    latest = chain.payee.latest_deadline
    if latest is not None and plan.deadline > latest:
        found.append(Violation(Rule.V8, len(chain.levels), plan.deadline - latest))
    return found
