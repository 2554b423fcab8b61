"""What the path finder knows of a network: registries, policies, nodes and lines (section 10)."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Self

from proto.fees import FeeSet, RegistryFee
from proto.limits import (
    DEFAULT_HOLD_MAX_US,
    MAX_ALIAS_CHARS,
    MAX_POLICY_MEMBERS,
)
from proto.policy import PolicyFault, quorum_fault
from proto.viability import NodeFacts

DEFAULT_DELTA_US: Final = 2_000_000  # registry section 7: covers relay and release of most members


@dataclass(frozen=True, slots=True)
class Policy:
    """Who decides and how many of them must agree. `members` are registry names, sorted.

    The name is how people and files speak of it; two policies with equal `terms` are one policy.
    """

    name: str
    members: tuple[str, ...]
    qc: int
    qa: int
    f: int = 0
    delta_us: int = 0

    @classmethod
    def single(cls, registry: str) -> Self:
        """One registry alone: quorums 1/1."""
        return cls(registry, (registry,), 1, 1)

    @property
    def terms(self) -> tuple[tuple[str, ...], int, int, int, int]:
        """Everything but the name."""
        return (self.members, self.qc, self.qa, self.f, self.delta_us)

    @property
    def lateness_us(self) -> int:
        """L − D: how long after the deadline a decision may still be on its way (section 5)."""
        return (self.f + 1) * self.delta_us

    @property
    def allows_decline(self) -> bool:
        """N4: under other quorums a declining payee could lock every hold."""
        return self.qc + self.qa == len(self.members) + 1


NO_POLICY: Final = Policy("", (), 0, 0)
"""What an all-BARE chain names (V4)."""


def policy_fault(policy: Policy) -> tuple[str, str] | None:
    """The field of the file and the cause where rule N3 of the registry protocol is broken."""
    n = len(policy.members)
    if not 1 <= n <= MAX_POLICY_MEMBERS:
        return "members", f"a policy has 1 to {MAX_POLICY_MEMBERS} members, not {n}"
    if list(policy.members) != sorted(set(policy.members)):
        return "members", PolicyFault.MEMBERS_UNSORTED.value
    fault = quorum_fault(n, policy.qc, policy.qa, policy.f, policy.delta_us)
    if fault is None:
        return None
    field_of = {
        PolicyFault.QUORUM_UNREACHABLE: "qc" if policy.qc > n - policy.f else "qa",
        PolicyFault.SINGLE: "f" if policy.f else "delta_ms",
        PolicyFault.DELTA: "delta_ms",
    }
    return field_of.get(fault, "qc"), fault.value


def name_fault(name: str) -> str | None:
    """Why this cannot name a node, registry, policy or brand; None where it can."""
    if not name:
        return "a name is not empty"
    if len(name) > MAX_ALIAS_CHARS:
        return f"a name has at most {MAX_ALIAS_CHARS} characters, not {len(name)}"
    if not name.isprintable() or name != name.strip():
        return "a name has printable characters only and no space at its ends"
    return None


def _nothing() -> Mapping[str, RegistryFee]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Node:
    """What one node advertises. Absent fees refuse every mode: it pays and is paid, no more.

    `knows`: registries whose current record it holds; None = all of them.
    """

    name: str
    accepts: frozenset[str] = frozenset()
    watches_registry: bool = False
    hold_max_us: int = DEFAULT_HOLD_MAX_US
    fees: FeeSet = field(default_factory=FeeSet)
    registry_fees: Mapping[str, RegistryFee] = field(default_factory=_nothing)
    knows: frozenset[str] | None = None

    @property
    def facts(self) -> NodeFacts:
        """The part that the rules V1–V12 ask about."""
        return NodeFacts(
            accepts=frozenset(self.accepts),
            knows=None if self.knows is None else frozenset(self.knows),
            watches_registry=self.watches_registry,
            hold_max_us=self.hold_max_us,
            fees=self.fees,
        )


@dataclass(frozen=True, slots=True)
class Line:
    """One direction of a credit line: what `promisor` can still promise to `promisee`.

    Fee sets that are not None replace those of the promisor, even when they are empty.
    """

    promisor: str
    promisee: str
    brand: str
    available: int
    fees: FeeSet | None = None
    registry_fees: Mapping[str, RegistryFee] | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """A whole network file."""

    registries: tuple[str, ...] = ()
    policies: tuple[Policy, ...] = ()
    nodes: tuple[Node, ...] = ()
    lines: tuple[Line, ...] = ()


def busiest_brand(network: Network) -> str | None:
    """The brand with most lines; of several the first by name. None where there is no line."""
    counts = Counter(line.brand for line in network.lines)
    return min(counts, key=lambda brand: (-counts[brand], brand), default=None)
