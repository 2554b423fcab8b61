"""What a payer asks the path finder."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, unique
from types import MappingProxyType

from pathfinder.core.graph import Graph
from pathfinder.network import Policy
from proto.levels import Level
from proto.limits import DECISION_TIME_US, MAX_AMOUNT, MAX_HOPS, PAYEE_MARGIN_US

LineEnds = tuple[str, str]
"""Promisor and promisee."""

ALL_LEVELS = frozenset(Level)


def _learned_nothing() -> Mapping[LineEnds, int]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RouteQuestion:
    """Which chain lets `payee` receive `amount` of `brand` at the least cost to `payer`?

    `brand` None: the graph holds one brand. `policies` None: every candidate; else their names.
    The empty policy of an all-BARE chain is always a candidate; leave BARE out of `levels` to
    exclude it.
    `accepted` None: there is no request, so the payee's registry list decides; else the `terms` of
    the request's policies (V5). `latest_deadline` and `payee_margin_us` are µs from now, and so is
    `deadline_floor`: D is no earlier, because other chains share it.
    `levels`, `first_levels`, `last_levels` are what any, the first, the last promise may have.
    `max_risk`: most that the risks of all intermediaries' modes may add up to; 0 = all ATOMIC.
    `avoid_nodes`, as intermediaries, and `avoid_lines` are kept clear of. `capacity_overrides`:
    what lines carry as we were told, or saw on our own; `unlearned`: the same without what
    refusals taught, None = they taught nothing. `declines`: the
    descriptor would carry a decline hash, which bars SECURED and GATEWAY (V12). `now_us` is POSIX
    time: what has expired by then takes no part.
    """

    payer: str
    payee: str
    amount: int
    brand: str | None = None
    policies: frozenset[str] | None = None
    accepted: frozenset[tuple[tuple[str, ...], int, int, int, int]] | None = None
    levels: frozenset[Level] = ALL_LEVELS
    first_levels: frozenset[Level] = ALL_LEVELS
    last_levels: frozenset[Level] = ALL_LEVELS
    max_hops: int = MAX_HOPS
    max_cost: int = MAX_AMOUNT
    payee_margin_us: int = PAYEE_MARGIN_US
    latest_deadline: int | None = None
    deadline_floor: int = DECISION_TIME_US
    declines: bool = False
    max_risk: int | None = None
    avoid_nodes: frozenset[str] = frozenset()
    avoid_lines: frozenset[LineEnds] = frozenset()
    capacity_overrides: Mapping[LineEnds, int] = field(default_factory=_learned_nothing)
    now_us: int = 0
    unlearned: Mapping[LineEnds, int] | None = None

    @property
    def firm_overrides(self) -> Mapping[LineEnds, int]:
        """`capacity_overrides` without what refusals taught."""
        return self.capacity_overrides if self.unlearned is None else self.unlearned


@unique
class Fault(Enum):
    """Why a question cannot be asked of a graph; the value names the field."""

    AMOUNT = "amount"
    PAYER_UNKNOWN = "payer"
    PAYEE_UNKNOWN = "payee"
    PAYS_ITSELF = "payee is payer"  # a clearing ring is another question
    BRAND_MISSING = "brand is missing"
    BRAND_UNKNOWN = "brand"
    POLICY_UNKNOWN = "policies"
    MAX_HOPS = "max_hops"


class BadQuestion(Exception):
    """The question does not fit the graph. `subject` is the offending name or figure.

    No frozen dataclass: a context manager writes the traceback of what passes through it.
    """

    def __init__(self, fault: Fault, subject: str) -> None:
        super().__init__(fault, subject)
        self.fault = fault
        self.subject = subject


@dataclass(frozen=True, slots=True)
class Candidates:
    """A question that fits: its brand and the policies to try, sorted by name."""

    brand: str
    policies: tuple[Policy, ...]


def candidates_of(graph: Graph, question: RouteQuestion) -> Candidates:
    """Checks the question against the graph. Raises BadQuestion."""
    q, now_us = question, question.now_us
    if not 1 <= q.amount <= MAX_AMOUNT:
        raise BadQuestion(Fault.AMOUNT, str(q.amount))
    if not 1 <= q.max_hops <= MAX_HOPS:
        raise BadQuestion(Fault.MAX_HOPS, str(q.max_hops))
    if not graph.has_node(q.payer, now_us):
        raise BadQuestion(Fault.PAYER_UNKNOWN, q.payer)
    if not graph.has_node(q.payee, now_us):
        raise BadQuestion(Fault.PAYEE_UNKNOWN, q.payee)
    if q.payer == q.payee:
        raise BadQuestion(Fault.PAYS_ITSELF, q.payee)
    brands = graph.brands(now_us)
    brand = q.brand
    if brand is None:
        if len(brands) > 1:
            raise BadQuestion(Fault.BRAND_MISSING, ", ".join(brands))
        brand = brands[0] if brands else ""
    elif brand not in brands:
        raise BadQuestion(Fault.BRAND_UNKNOWN, brand)
    found = graph.candidates(now_us)
    if q.policies is not None:
        if unknown := q.policies - {policy.name for policy in found}:
            raise BadQuestion(Fault.POLICY_UNKNOWN, min(unknown))
        found = tuple(policy for policy in found if policy.name in q.policies)
    return Candidates(brand, found)
