"""The entries of a registry's log (registry sections 2 and 3): decisions, fences and keys.

A fence closes the past: no transaction whose deadline lies at or before it is decided any more. So
a fence and the id of a transaction without a decision are an answer as final as a decision, and
one that costs the registry no row: NOT_COMMITTED, reason EPOCH.
"""

from dataclasses import dataclass, replace
from typing import Final

from proto.descriptor import Descriptor
from proto.limits import US
from proto.statement import DecisionLeaf, DecisionReason, Outcome, Statement
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, parse

COMMIT_ID_BYTES: Final = 32
EPOCH_US: Final = 30 * 86_400 * US  # a fence stays this far behind the clock of its registry


@dataclass(frozen=True, slots=True)
class FenceLeaf:
    """Nothing due at or before `closed_through_us` (µs UTC) is decided after this entry."""

    closed_through_us: int

    @property
    def made_at_us(self) -> int:
        """The earliest time at which an honest registry makes this fence."""
        return self.closed_through_us + EPOCH_US

    def encode(self) -> bytes:
        """The bytes of the LogLeaf that are hashed, logged and signed."""
        fence = pb.FenceLeaf(closed_through_us=self.closed_through_us)
        return pb.LogLeaf(fence=fence).SerializeToString(deterministic=True)

    @classmethod
    def decode(cls, data: bytes) -> "FenceLeaf":
        """Raises WireFault for anything but a fence."""
        leaf = read_leaf(data)
        if not isinstance(leaf, FenceLeaf):
            raise WireFault("not the leaf of a fence")
        return leaf


@dataclass(frozen=True, slots=True)
class KeyLeaf:
    """A key that the registry's root certified: SignedKeyCertificate bytes."""

    certificate: bytes

    def encode(self) -> bytes:
        """The bytes of the LogLeaf that are hashed and logged."""
        key = pb.KeyLeaf(certificate=self.certificate)
        return pb.LogLeaf(key=key).SerializeToString(deterministic=True)

    @classmethod
    def decode(cls, data: bytes) -> "KeyLeaf":
        """Raises WireFault for anything but a key."""
        leaf = read_leaf(data)
        if not isinstance(leaf, KeyLeaf):
            raise WireFault("not the leaf of a key")
        return leaf


LogLeaf = DecisionLeaf | FenceLeaf | KeyLeaf
"""What an entry of a log can be."""


def read_leaf(data: bytes) -> LogLeaf:
    """Any entry of a log. Raises WireFault."""
    leaf = parse(pb.LogLeaf, data)
    match leaf.WhichOneof("kind"):
        case "decision":
            return DecisionLeaf.decode(data)
        case "fence":
            if not 0 <= leaf.fence.closed_through_us <= 2**63 - 1 - EPOCH_US:
                raise WireFault("a fence at a time that no clock shows")
            return FenceLeaf(leaf.fence.closed_through_us)
        case "key":
            return KeyLeaf(leaf.key.certificate)
        case _:
            raise WireFault("an entry of no kind we know")


def decision_of(statement: Statement) -> DecisionLeaf:
    """What a statement says about its transaction. Raises WireFault.

    Of an answer by a fence: reason EPOCH, decided when the fence was made; it is true of every
    deadline up to `deadline_us`, and `answer_by_fence` says it of one.
    """
    if not statement.commit_id:
        return DecisionLeaf.decode(statement.leaf)
    if len(statement.commit_id) != COMMIT_ID_BYTES:
        raise WireFault(f"a commit_id has {COMMIT_ID_BYTES} bytes")
    fence = FenceLeaf.decode(statement.leaf)
    return epoch_decision(fence, statement.commit_id, fence.closed_through_us)


def answer_by_fence(said: DecisionLeaf, descriptor: Descriptor) -> DecisionLeaf:
    """What `decision_of` read of a fence, for this transaction; unchanged where it is due later."""
    assert said.reason is DecisionReason.EPOCH, said
    if descriptor.deadline_us > said.deadline_us:
        return said
    return replace(said, deadline_us=descriptor.deadline_us, limit_us=descriptor.limit_us)


def epoch_decision(fence: FenceLeaf, commit_id: bytes, deadline_us: int) -> DecisionLeaf:
    """The answer that a fence gives about a transaction without a decision; never stored."""
    return DecisionLeaf(
        commit_id=commit_id,
        outcome=Outcome.NOT_COMMITTED,
        reason=DecisionReason.EPOCH,
        deadline_us=deadline_us,
        limit_us=deadline_us,
        decided_at_us=fence.made_at_us,
        max_error_us=0,
        evidence_hash=b"",
    )
