"""Which registries decide, and how many of them must agree (registry sections 2 and 7)."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from proto.limits import (
    MAX_DELTA_US,
    MAX_POLICY_MEMBERS,
    MIN_DELTA_US,
)
from proto.v1 import types_pb2 as pb

REGISTRY_ID_BYTES: Final = 32
USUAL_DELTA_US: Final = 2_000_000  # registry section 7: covers relay and release of most members


@unique
class PolicyFault(Enum):
    """Which part of rule N3 a policy breaks."""

    MEMBERS_UNSORTED = "members are not distinct and sorted"
    MEMBER_ID = "a member id has not 32 bytes"
    TOO_MANY_MEMBERS = "too many members"
    QUORUM_UNSAFE = "qc + qa is below n + f + 1: two certificates could contradict each other"
    QUORUM_UNREACHABLE = "a quorum exceeds n - f: silent members could block every decision"
    SINGLE = "a single registry has f = 0 and delta = 0"
    EMPTY = "the empty policy has no quorum, no f and no delta"
    DELTA = "delta lies between 1 s and 60 s where there are several members"


@dataclass(frozen=True, slots=True)
class RegistryPolicy:
    """`members`: registry key ids, sorted; `qc`/`qa` statements make a commit/abort certificate.

    The empty policy belongs to an all-BARE payment: no registry ever answers for it.
    """

    members: tuple[bytes, ...] = ()
    qc: int = 0
    qa: int = 0
    f: int = 0
    delta_us: int = 0

    @property
    def lateness_us(self) -> int:
        """L − D: how long after the deadline a decision may still be in time."""
        return (self.f + 1) * self.delta_us

    @property
    def admissions(self) -> int:
        """Members that must have admitted a commit before a node relies on being stamped (V6): as
        many as a certificate needs. Liars among them may refuse it later; the honest ones, at least
        qc - f, take it and pass it on to all, whom it reaches unshed. f members may be silent."""
        return self.qc

    @property
    def declines(self) -> bool:
        """N4: a decline never splits honest members under complementary quorums only."""
        return bool(self.members) and self.qc + self.qa == len(self.members) + 1

    def to_message(self) -> pb.RegistryPolicy:
        return pb.RegistryPolicy(
            members=self.members, qc=self.qc, qa=self.qa, f=self.f, delta_us=self.delta_us
        )

    @classmethod
    def from_message(cls, message: pb.RegistryPolicy) -> "RegistryPolicy":
        return cls(tuple(message.members), message.qc, message.qa, message.f, message.delta_us)


EMPTY_POLICY: Final = RegistryPolicy()


def single(registry: bytes) -> RegistryPolicy:
    """The policy 1/1 of one registry."""
    return RegistryPolicy((registry,), 1, 1)


def usual_liars(n: int) -> int:
    """f that n members bear with symmetric quorums and f of them silent: n >= 3f + 1."""
    return (n - 1) // 3


def symmetric(
    members: Iterable[bytes], f: int | None = None, delta_us: int = USUAL_DELTA_US
) -> RegistryPolicy:
    """qc = qa = the least quorum that is safe with f liars (registry section 7); 1/1 of one.

    Without `f`, as many as the members bear. The caller asks `policy_fault`.
    """
    sorted_members = tuple(sorted(members))
    n = len(sorted_members)
    if n == 1 and not f:
        return single(sorted_members[0])
    liars = usual_liars(n) if f is None else f
    quorum = -(-(n + liars + 1) // 2)
    return RegistryPolicy(sorted_members, quorum, quorum, liars, delta_us)


def policy_fault(policy: RegistryPolicy) -> PolicyFault | None:
    """Rule N3; None = valid."""
    n = len(policy.members)
    if n > MAX_POLICY_MEMBERS:
        return PolicyFault.TOO_MANY_MEMBERS
    if any(len(member) != REGISTRY_ID_BYTES for member in policy.members):
        return PolicyFault.MEMBER_ID
    return _sorted_fault(policy) or quorum_fault(n, policy.qc, policy.qa, policy.f, policy.delta_us)


def _sorted_fault(policy: RegistryPolicy) -> PolicyFault | None:
    pairs = zip(policy.members, policy.members[1:], strict=False)
    return PolicyFault.MEMBERS_UNSORTED if any(a >= b for a, b in pairs) else None


def quorum_fault(n: int, qc: int, qa: int, f: int, delta_us: int) -> PolicyFault | None:
    """Rule N3 without the members' names, for network files that use names of their own."""
    if n == 0:
        return PolicyFault.EMPTY if (qc, qa, f, delta_us) != (0, 0, 0, 0) else None
    if qc + qa < n + f + 1:
        return PolicyFault.QUORUM_UNSAFE
    if max(qc, qa) > n - f:
        return PolicyFault.QUORUM_UNREACHABLE
    if n == 1:
        return PolicyFault.SINGLE if (f, delta_us) != (0, 0) else None
    if not MIN_DELTA_US <= delta_us <= MAX_DELTA_US:
        return PolicyFault.DELTA
    return None
