"""E3, E4 and E5: what a registry's log shows against its answers, and against itself."""

from proto.checkpoint import Checkpoint
from proto.fraud.accused import Accused, Placed
from proto.fraud.figures import (
    checkpoint_line,
    decision_line,
    leaf_line,
    placed_at,
    said_at,
    short,
)
from proto.fraud.file import FraudProof
from proto.fraud.verdict import FraudFault, FraudInvalid, Ground, Verdict
from proto.log_leaf import FenceLeaf
from proto.log_tree import consistency_holds
from proto.statement import DecisionLeaf, Outcome


def verify_answer_differs(proof: FraudProof, accused: Accused) -> Verdict:
    """E3: a statement names an entry of the log at which something else stands. FraudInvalid.

    Every shard is a log of its own: the same index elsewhere says nothing.
    """
    if len(proof.statements) != 1 or len(proof.leaves) != 1:
        raise FraudInvalid(FraudFault.CONTENT)
    said = accused.said(proof.statements[0])
    placed = accused.placed(proof.leaves[0])
    if said.statement.log_origin != placed.origin:
        raise FraudInvalid(FraudFault.OTHER_LOG)
    if said.statement.log_index != placed.index:
        raise FraudInvalid(FraudFault.OTHER_INDEX)
    if said.statement.leaf == placed.data:
        raise FraudInvalid(FraudFault.SAME_LEAF)
    return Verdict(
        registry=accused.record.registry,
        name=accused.record.name,
        kind=proof.kind,
        ground=Ground.OTHER_LEAF,
        one=f"{decision_line(said.decision)} ({said_at(said.statement)})",
        other=_placed_line(placed),
        figures=f"log {placed.origin}, entry {placed.index}",
        commit_id=said.decision.commit_id,
    )


def verify_split_view(proof: FraudProof, accused: Accused) -> Verdict:
    """E4: two checkpoints of one log, or two leaves at one index of it. FraudInvalid.

    Checkpoints of different sizes need a proof of the root that the larger has at the size of the
    smaller, since two honest ones have different roots as well.
    """
    if len(proof.checkpoints) == 2 and not proof.leaves:
        return _two_roots(proof, accused)
    if len(proof.leaves) != 2 or proof.checkpoints:
        raise FraudInvalid(FraudFault.CONTENT)
    one, other = (accused.placed(leaf) for leaf in proof.leaves)
    if one.origin != other.origin:
        raise FraudInvalid(FraudFault.OTHER_LOG)
    if one.index != other.index:
        raise FraudInvalid(FraudFault.OTHER_INDEX)
    if one.data == other.data:
        raise FraudInvalid(FraudFault.SAME_LEAF)
    return _two(proof, accused, Ground.TWO_LEAVES, one, other)


def _two_roots(proof: FraudProof, accused: Accused) -> Verdict:
    one, other = (accused.checkpoint(data)[0] for data in proof.checkpoints)
    if one.origin != other.origin:
        raise FraudInvalid(FraudFault.OTHER_LOG)
    ground, there = Ground.TWO_ROOTS, other.root
    if one.size != other.size:
        if proof.prefix is None:
            raise FraudInvalid(FraudFault.OTHER_SIZE)
        ground, there = Ground.OTHER_PAST, proof.prefix.root
        old = (one.size, there)
        if not consistency_holds(*old, other.size, other.root, proof.prefix.path):
            raise FraudInvalid(FraudFault.NO_PREFIX)
    if one.root == there:
        raise FraudInvalid(FraudFault.SAME_ROOT)
    return Verdict(
        registry=accused.record.registry,
        name=accused.record.name,
        kind=proof.kind,
        ground=ground,
        one=_checkpoint_line(one),
        other=_checkpoint_line(other),
        figures=f"log {one.origin}: at {one.size} entries {short(one.root)} and {short(there)}",
    )


def verify_double_leaf(proof: FraudProof, accused: Accused) -> Verdict:
    """E5: two leaves of one transaction, or a commit behind the fence that closed it. FraudInvalid.

    In two logs only different leaves contradict each other: a registry may have founded a second
    log and copied its decisions into it.
    """
    if len(proof.leaves) != 2:
        raise FraudInvalid(FraudFault.CONTENT)
    one, other = (accused.placed(leaf) for leaf in proof.leaves)
    if isinstance(other.leaf, FenceLeaf):
        one, other = other, one
    if isinstance(one.leaf, FenceLeaf):
        return _behind_fence(proof, accused, one, other)
    if not isinstance(one.leaf, DecisionLeaf) or not isinstance(other.leaf, DecisionLeaf):
        raise FraudInvalid(FraudFault.CONTENT)
    if one.leaf.commit_id != other.leaf.commit_id:
        raise FraudInvalid(FraudFault.OTHER_TRANSACTION)
    if one.origin == other.origin and one.index == other.index:
        same = one.data == other.data
        raise FraudInvalid(FraudFault.SAME_LEAF if same else FraudFault.SAME_INDEX)
    if one.origin != other.origin and one.data == other.data:
        raise FraudInvalid(FraudFault.OTHER_LOG)
    return _two(proof, accused, Ground.LOGGED_TWICE, one, other)


def _behind_fence(proof: FraudProof, accused: Accused, fence: Placed, other: Placed) -> Verdict:
    """A refusal behind its fence changes nothing, and a replica may have been on its way with it.

    Fences are logged in every open shard, each log having an order of its own.
    """
    leaf, closed = other.leaf, fence.leaf
    if not isinstance(leaf, DecisionLeaf) or not isinstance(closed, FenceLeaf):
        raise FraudInvalid(FraudFault.CONTENT)
    if fence.origin != other.origin:
        raise FraudInvalid(FraudFault.OTHER_LOG)
    if leaf.outcome is not Outcome.COMMITTED:
        raise FraudInvalid(FraudFault.SOUND)
    if other.index <= fence.index:
        raise FraudInvalid(FraudFault.NOT_BEHIND)
    if leaf.deadline_us > closed.closed_through_us:
        raise FraudInvalid(FraudFault.NOT_CLOSED)
    return _two(proof, accused, Ground.BEHIND_FENCE, fence, other)


def _two(
    proof: FraudProof, accused: Accused, ground: Ground, one: Placed, other: Placed
) -> Verdict:
    leaf = other.leaf
    return Verdict(
        registry=accused.record.registry,
        name=accused.record.name,
        kind=proof.kind,
        ground=ground,
        one=_placed_line(one),
        other=_placed_line(other),
        figures=f"log {one.origin}, entries {one.index} and {other.index}",
        commit_id=leaf.commit_id if isinstance(leaf, DecisionLeaf) else b"",
    )


def _placed_line(placed: Placed) -> str:
    return f"{leaf_line(placed.leaf)} ({placed_at(placed.checkpoint, placed.index)})"


def _checkpoint_line(checkpoint: Checkpoint) -> str:
    return f"{checkpoint_line(checkpoint)} of log {checkpoint.origin}"
