"""Makes protocol objects for tests: registries with keys, descriptors, commits, certificates.

Everything is derived from labels, so that a run repeats and a failure names what it was about.
"""

from dataclasses import replace

from node.command.sim.cast import NOW_US, SECOND, SINGLE, CastRegistry, digest, signing_key
from proto.certificate import AbortCertificate, CommitCertificate
from proto.commit import Commit, Evidence, evidence_hash, sign_share
from proto.descriptor import Descriptor, commit_id
from proto.keys import SigningKey
from proto.statement import (
    DecisionLeaf,
    DecisionReason,
    Outcome,
)

COMMITTER = signing_key("committer")

DESCRIPTOR = Descriptor(
    salt=digest("salt"),
    deadline_us=NOW_US + 10 * SECOND,
    policy=SINGLE,
    committers=(COMMITTER.public,),
    threshold=1,
    terms_root=digest("terms"),
)


def make_commit(
    descriptor: Descriptor, *keys: SigningKey, preimages: tuple[bytes, ...] = ()
) -> Commit:
    data = descriptor.encode()
    shares = tuple(sign_share(k, commit_id(data)) for k in (keys or (COMMITTER,)))
    return Commit(data, Evidence(shares, preimages).encode())


def committed_leaf(commit: Commit, descriptor: Descriptor, **changes: object) -> DecisionLeaf:
    leaf = DecisionLeaf(
        commit.commit_id,
        Outcome.COMMITTED,
        DecisionReason.COMMIT,
        descriptor.deadline_us,
        descriptor.deadline_us,
        descriptor.deadline_us - SECOND,
        1000,
        evidence_hash(commit.evidence),
    )
    return replace(leaf, **changes)  # type: ignore[arg-type]


def aborted_leaf(descriptor: Descriptor, **changes: object) -> DecisionLeaf:
    leaf = DecisionLeaf(
        commit_id(descriptor.encode()),
        Outcome.NOT_COMMITTED,
        DecisionReason.DEADLINE,
        descriptor.deadline_us,
        descriptor.limit_us,
        descriptor.limit_us + 2 * SECOND + 1001,
        1000,
        b"",
    )
    return replace(leaf, **changes)  # type: ignore[arg-type]


def commit_certificate(
    descriptor: Descriptor, *registries: CastRegistry, key: SigningKey = COMMITTER
) -> CommitCertificate:
    commit = make_commit(descriptor, key)
    leaf = committed_leaf(commit, descriptor).encode()
    return CommitCertificate(commit, tuple(r.sign_statement(leaf) for r in registries))


def abort_certificate(descriptor: Descriptor, *registries: CastRegistry) -> AbortCertificate:
    leaf = aborted_leaf(descriptor).encode()
    return AbortCertificate(descriptor.encode(), tuple(r.sign_statement(leaf) for r in registries))
