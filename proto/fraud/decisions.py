"""E1 and E2: what a registry's statements alone show (registry section 8)."""

from collections.abc import Mapping

from proto.commit import (
    Evidence,
    decline_satisfies,
    evidence_hash,
    evidence_satisfies,
)
from proto.descriptor import Descriptor, DescriptorInvalid, commit_id, decode_descriptor
from proto.fraud.accused import Accused, Said
from proto.fraud.figures import decision_line, moment, said_at
from proto.fraud.file import FraudProof
from proto.fraud.relayed import relayed_at_most
from proto.fraud.verdict import FraudFault, FraudInvalid, Ground, Verdict
from proto.registry_record import RegistryRecord
from proto.statement import DecisionReason, Outcome
from proto.wire import WireFault

HASH_BYTES = 32


def verify_equivocation(proof: FraudProof, accused: Accused) -> Verdict:
    """E1: two statements about one transaction with different leaves. FraudInvalid.

    Every pair of different stored decisions is one: a row is written once. An answer by a fence
    is stored nowhere and says only that there is no decision, so it contradicts a commit alone.
    Beside a refusal it says the same outcome, changes nobody's money, and comes about honestly:
    one replica refuses by deadline while another has just seen the fence pass. Two answers by
    fences differ every day.
    """
    if len(proof.statements) != 2:
        raise FraudInvalid(FraudFault.CONTENT)
    one, other = (accused.said(signed) for signed in proof.statements)
    if one.decision.commit_id != other.decision.commit_id:
        raise FraudInvalid(FraudFault.OTHER_TRANSACTION)
    if one.is_epoch or other.is_epoch:
        if Outcome.COMMITTED not in (one.decision.outcome, other.decision.outcome):
            raise FraudInvalid(FraudFault.SAME_OUTCOME)
        ground = Ground.COMMITTED_AND_EPOCH
    elif one.statement.leaf == other.statement.leaf:
        raise FraudInvalid(FraudFault.SAME_LEAF)
    else:
        ground = Ground.TWO_DECISIONS
    return Verdict(
        registry=accused.record.registry,
        name=accused.record.name,
        kind=proof.kind,
        ground=ground,
        one=_line(one),
        other=_line(other),
        figures=f"transaction {one.decision.commit_id.hex()}",
        commit_id=one.decision.commit_id,
    )


def _line(said: Said) -> str:
    return f"{decision_line(said.decision)} ({said_at(said.statement)})"


def verify_invalid_decision(
    proof: FraudProof, accused: Accused, known: Mapping[bytes, RegistryRecord]
) -> Verdict:
    """E2: a statement that does not follow from descriptor and evidence. FraudInvalid.

    A commit later than the limit that it names itself needs neither of them.
    """
    if len(proof.statements) != 1:
        raise FraudInvalid(FraudFault.CONTENT)
    said = accused.said(proof.statements[0])
    leaf = said.decision
    late = leaf.decided_at_us + leaf.max_error_us > leaf.limit_us
    if leaf.outcome is Outcome.COMMITTED and late:
        figures = (
            f"decided {leaf.decided_at_us} us + error {leaf.max_error_us} us"
            f" > limit {leaf.limit_us} us"
        )
        return _verdict(proof, accused, said, Ground.LATE_COMMIT, figures)
    descriptor = _descriptor(proof, accused, said)
    if leaf.reason is DecisionReason.EPOCH:
        if descriptor.deadline_us > leaf.deadline_us:
            figures = f"deadline {descriptor.deadline_us} us > closed {leaf.deadline_us} us"
            return _verdict(proof, accused, said, Ground.EARLY_EPOCH, figures)
        raise FraudInvalid(FraudFault.SOUND)
    if leaf.deadline_us != descriptor.deadline_us:
        figures = f"said {leaf.deadline_us} us, descriptor {descriptor.deadline_us} us"
        return _verdict(proof, accused, said, Ground.WRONG_DEADLINE, figures)
    match leaf.reason:
        case DecisionReason.COMMIT:
            ground, figures = _commit_ground(proof, accused, said, descriptor, known)
        case DecisionReason.DEADLINE:
            ground, figures = _refusal_ground(said, descriptor)
        case _:
            ground, figures = _decline_ground(proof, said, descriptor)
    return _verdict(proof, accused, said, ground, figures)


def _descriptor(proof: FraudProof, accused: Accused, said: Said) -> Descriptor:
    if not proof.descriptor:
        raise FraudInvalid(FraudFault.CONTENT)
    if commit_id(proof.descriptor) != said.decision.commit_id:
        raise FraudInvalid(FraudFault.OTHER_TRANSACTION)
    try:
        descriptor = decode_descriptor(proof.descriptor)
    except DescriptorInvalid as fault:
        raise FraudInvalid(FraudFault.DESCRIPTOR) from fault
    if accused.record.registry not in descriptor.policy.members:
        raise FraudInvalid(FraudFault.NOT_A_MEMBER)
    return descriptor


def _evidence_of(proof: FraudProof, said: Said) -> Evidence | None:
    """What the decision was made on; None where no evidence can be read there. FraudInvalid."""
    if len(said.decision.evidence_hash) != HASH_BYTES:
        return None
    if evidence_hash(proof.evidence) != said.decision.evidence_hash:
        raise FraudInvalid(FraudFault.OTHER_EVIDENCE)
    try:
        return Evidence.decode(proof.evidence)
    except WireFault:
        return None


def _commit_ground(
    proof: FraudProof,
    accused: Accused,
    said: Said,
    descriptor: Descriptor,
    known: Mapping[bytes, RegistryRecord],
) -> tuple[Ground, str]:
    leaf = said.decision
    if leaf.limit_us > descriptor.limit_us:
        figures = f"limit {leaf.limit_us} us > D + (f+1)*delta = {descriptor.limit_us} us"
        return Ground.UNJUSTIFIED_LIMIT, figures
    evidence = _evidence_of(proof, said)
    if evidence is None or not evidence_satisfies(descriptor, leaf.commit_id, evidence):
        return Ground.FAILED_EVIDENCE, f"evidence hash {leaf.evidence_hash.hex()}"
    relayed = relayed_at_most(evidence, descriptor, accused.record.registry, proof.records, known)
    policy = descriptor.policy
    limit_us = descriptor.deadline_us + min(relayed, policy.f + 1) * policy.delta_us
    if leaf.limit_us > limit_us:
        figures = f"limit {leaf.limit_us} us > D + {relayed} relayed = {limit_us} us"
        return Ground.UNJUSTIFIED_LIMIT, figures
    raise FraudInvalid(FraudFault.SOUND)


def _refusal_ground(said: Said, descriptor: Descriptor) -> tuple[Ground, str]:
    leaf = said.decision
    if leaf.decided_at_us - leaf.max_error_us > descriptor.limit_us:
        raise FraudInvalid(FraudFault.SOUND)
    figures = (
        f"decided {leaf.decided_at_us} us - error {leaf.max_error_us} us"
        f" <= D + (f+1)*delta = {descriptor.limit_us} us ({moment(descriptor.limit_us)})"
    )
    return Ground.EARLY_REFUSAL, figures


def _decline_ground(proof: FraudProof, said: Said, descriptor: Descriptor) -> tuple[Ground, str]:
    figures = f"decline hash {descriptor.decline_hash.hex() or 'none'}"
    if descriptor.decline_hash:
        evidence = _evidence_of(proof, said)
        if evidence and any(decline_satisfies(descriptor, p) for p in evidence.preimages):
            raise FraudInvalid(FraudFault.SOUND)
    return Ground.UNFOUNDED_DECLINE, figures


def _verdict(
    proof: FraudProof, accused: Accused, said: Said, ground: Ground, figures: str
) -> Verdict:
    return Verdict(
        registry=accused.record.registry,
        name=accused.record.name,
        kind=proof.kind,
        ground=ground,
        one=_line(said),
        other="the descriptor of this transaction, and the evidence that was decided on",
        figures=figures,
        commit_id=said.decision.commit_id,
    )
