"""Evidence that proves nothing, made to look as if it did."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random
from typing import Final

from node.command.sim.cast import R1, R2, R3, R4, CastRegistry, signing_key
from node.command.sim.lying.liar import Liar
from proto.certificate import AbortCertificate, CommitCertificate
from proto.commit import Commit, Evidence, evidence_hash, sign_share
from proto.descriptor import Descriptor, commit_id, decode_descriptor
from proto.envelope import Proof
from proto.statement import DecisionLeaf, DecisionReason, Outcome, SignedStatement

THIEF: Final = signing_key("thief")
ERROR_US: Final = 50_000
LONG_AFTER_US: Final = 5_000_000


def forged_commit(descriptor: bytes) -> Commit:
    """Signed by a key that the descriptor does not name."""
    share = sign_share(THIEF, commit_id(descriptor))
    return Commit(descriptor, Evidence((share,)).encode())


def usurped_commit(descriptor: bytes) -> Commit:
    """Names the committer, and bears another's signature."""
    share = sign_share(THIEF, commit_id(descriptor))
    named = decode_descriptor(descriptor).committers
    return Commit(descriptor, Evidence((Proof(named[0], share.signature),)).encode())


def statement(
    registry: CastRegistry, descriptor: bytes, outcome: Outcome, evidence: bytes, at_us: int
) -> SignedStatement:
    """What a registry would sign, signed by the thief."""
    signed = registry.sign_statement(
        leaf_of(descriptor, outcome, evidence, at_us).encode(), key=THIEF
    )
    online = registry.online.public
    # Its certified key stands beside a signature that is not by it.
    return replace(signed, proofs=tuple(replace(p, key=online) for p in signed.proofs))


def leaf_of(descriptor: bytes, outcome: Outcome, evidence: bytes, at_us: int) -> DecisionLeaf:
    """The decision as a log would hold it."""
    read = decode_descriptor(descriptor)
    committed = outcome is Outcome.COMMITTED
    return DecisionLeaf(
        commit_id(descriptor), outcome,
        DecisionReason.COMMIT if committed else DecisionReason.DEADLINE,
        read.deadline_us, read.limit_us, at_us, ERROR_US,
        evidence_hash(evidence) if committed else b"",
    )  # fmt: skip


def _members(descriptor: Descriptor) -> list[CastRegistry]:
    cast = {registry.id: registry for registry in (R1, R2, R3)}
    return [cast[member] for member in descriptor.policy.members if member in cast]


def _certificate(commit: Commit, said: Sequence[SignedStatement]) -> CommitCertificate:
    return CommitCertificate(commit, tuple(said))


def _unsigned(commit: Commit, descriptor: Descriptor) -> CommitCertificate:
    """By the policy's members, but by none of their keys."""
    at_us = descriptor.deadline_us - 1
    return _certificate(
        commit,
        [
            statement(r, commit.descriptor, Outcome.COMMITTED, commit.evidence, at_us)
            for r in _members(descriptor)
        ],
    )


def _outsider(commit: Commit, descriptor: Descriptor) -> CommitCertificate:
    """Truly signed, by a registry that nobody asked."""
    leaf = leaf_of(
        commit.descriptor, Outcome.COMMITTED, commit.evidence, descriptor.deadline_us - 1
    )
    return _certificate(commit, [R4.sign_statement(leaf.encode())] * max(1, descriptor.policy.qc))


def _bare(commit: Commit, _: Descriptor) -> CommitCertificate:
    return _certificate(commit, ())


FORGERIES: Final[Sequence[Callable[[Commit, Descriptor], CommitCertificate]]] = (
    _unsigned, _outsider, _bare,
)  # fmt: skip


def false_evidence(liar: Liar, random: Random, descriptor: bytes) -> Commit | CommitCertificate:
    """Something to claim with that redeems nothing: under this descriptor, or of another one."""
    true = [e for e in liar.evidence if e.descriptor == descriptor]
    others = [e for e in liar.evidence if e.descriptor != descriptor]
    if others and random.random() < 0.25:
        return random.choice(others)
    forged = random.choice((forged_commit, usurped_commit))(descriptor)
    if others and random.random() < 0.3:
        # The statements of another transaction under this one's commit.
        other = random.choice(others)
        if isinstance(other, CommitCertificate):
            return _certificate(_commit_of(true, forged), other.statements)
    if random.random() < 0.4:
        return forged
    return random.choice(FORGERIES)(_commit_of(true, forged), decode_descriptor(descriptor))


def _commit_of(true: Sequence[Commit | CommitCertificate], forged: Commit) -> Commit:
    """The payee's own commit where it is known: then only the stamps are false."""
    if not true:
        return forged
    known = true[0]
    return known.commit if isinstance(known, CommitCertificate) else known


def false_abort(random: Random, descriptor: bytes) -> AbortCertificate:
    """As if the deadline had passed without a commit."""
    read = decode_descriptor(descriptor)
    at_us = read.limit_us + LONG_AFTER_US
    said = [statement(r, descriptor, Outcome.NOT_COMMITTED, b"", at_us) for r in _members(read)]
    if random.random() < 0.4:
        leaf = leaf_of(descriptor, Outcome.NOT_COMMITTED, b"", at_us)
        said = [R4.sign_statement(leaf.encode())] * max(1, read.policy.qa)
    return AbortCertificate(descriptor, tuple(said))
