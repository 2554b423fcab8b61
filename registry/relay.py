"""What members of a collective pass on to each other (the relay rule, registry section 7). Pure.

A member that accepts a commit sends it to every other member, with all statements that it carried
and its own. So a commit that reached one honest member in time reaches all of them in time: each
statement buys the time in which the next member is reached.
"""

from dataclasses import dataclass, replace
from typing import Final

from proto.commit import Commit, Evidence
from proto.descriptor import decode_descriptor
from proto.limits import MAX_EVIDENCE_BYTES
from proto.policy import RegistryPolicy
from proto.statement import Outcome, SignedStatement, Statement
from proto.wire import WireFault
from registry.log import Row

MAX_RELAYED_BYTES: Final = 896  # of one statement with its framing: one batch path, long origin
CLOCKS_APART_US: Final = 2_000_000  # a member whose clock is behind ours may still take a commit


@dataclass(frozen=True, slots=True)
class Parcel:
    """A commit on its way to the other members, while it can still be taken: until `until_us`."""

    commit_id: bytes
    members: tuple[bytes, ...]
    commit: Commit
    until_us: int

    @property
    def size(self) -> int:
        """Bytes that it takes in a call, about."""
        return len(self.commit.descriptor) + len(self.commit.evidence)


def as_relayed(signed: SignedStatement) -> bytes:
    """A statement as it is passed on: its proof of the log is for others, and long."""
    return replace(signed, tlog_proof=b"").encode()


def leaves_room(policy: RegistryPolicy, evidence: Evidence) -> bool:
    """Whether evidence can carry a statement of every member beside what the committers gave.

    A commit without that room could be accepted by one member and passed on by none: a payee could
    split honest members at will.
    """
    if len(policy.members) < 2:
        return True
    bare = Evidence(evidence.shares, evidence.preimages).encode()
    return len(bare) + len(policy.members) * MAX_RELAYED_BYTES <= MAX_EVIDENCE_BYTES


def collective_of(row: Row) -> RegistryPolicy | None:
    """The policy of a COMMITTED decision that others decide as well; None for every other row."""
    if row.leaf.outcome is not Outcome.COMMITTED:
        return None
    policy = decode_descriptor(row.descriptor).policy
    return policy if len(policy.members) > 1 else None


def until_us(row: Row, guard_us: int) -> int:
    """After this moment no honest member can accept the commit, however slow its clock."""
    return decode_descriptor(row.descriptor).limit_us + guard_us + CLOCKS_APART_US


def parcel(row: Row, own: SignedStatement, carried: dict[bytes, bytes], guard_us: int) -> Parcel:
    """What is sent about a COMMITTED row. `carried`: statements of others in its evidence.

    Our own comes first: by it the receiver knows that a member sends this.
    """
    descriptor = decode_descriptor(row.descriptor)
    shown = Evidence.decode(row.evidence)
    statements = (as_relayed(own), *carried.values())
    evidence = Evidence(shown.shares, shown.preimages, statements).encode()
    return Parcel(
        commit_id=row.leaf.commit_id,
        members=descriptor.policy.members,
        commit=Commit(row.descriptor, evidence),
        until_us=until_us(row, guard_us),
    )


def sender_of(evidence: Evidence) -> bytes | None:
    """The registry that passes this on: it speaks in the first statement. Nothing is verified."""
    if not evidence.relayed:
        return None
    try:
        signed = SignedStatement.decode(evidence.relayed[0])
        return Statement.decode(signed.statement).registry
    except WireFault:
        return None
