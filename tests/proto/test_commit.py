"""Commits: which shares and preimages satisfy a descriptor (protocol section 7)."""

from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import R1, digest, signing_key
from proto.commit import (
    SHARE_KIND,
    Commit,
    Evidence,
    commit_is_valid,
    decline_satisfies,
    evidence_hash,
    evidence_satisfies,
    sign_share,
)
from proto.descriptor import Descriptor, commit_id
from proto.envelope import Proof, sign, sign_batch
from proto.limits import MAX_EVIDENCE_BYTES, MAX_PREIMAGE_BYTES
from proto.wire import WireFault
from tests.proto.build import COMMITTER, DESCRIPTOR, committed_leaf, make_commit

K1, K2, K3 = (signing_key(f"committer {i}") for i in range(3))
TWO_OF_THREE = replace(DESCRIPTOR, committers=(K1.public, K2.public, K3.public), threshold=2)
LOCKS = (b"first preimage", b"second")
LOCKED = replace(DESCRIPTOR, hashlocks=tuple(sha256(p).digest() for p in LOCKS))


def satisfied(
    descriptor: Descriptor, shares: list[Proof], preimages: tuple[bytes, ...] = ()
) -> bool:
    commit = commit_id(descriptor.encode())
    return evidence_satisfies(descriptor, commit, Evidence(tuple(shares), preimages))


def test_a_share_of_the_committer_commits() -> None:
    commit = make_commit(DESCRIPTOR)
    assert commit_is_valid(DESCRIPTOR, commit)
    assert commit.commit_id == commit_id(DESCRIPTOR.encode())
    assert SHARE_KIND == "pledgeway/commit-share/v1"
    assert COMMITTER.sign("pledgeway/commit-share/v1", commit.commit_id) == (
        Evidence.decode(commit.evidence).shares[0].signature
    )


def test_thresholds() -> None:
    identity = commit_id(TWO_OF_THREE.encode())
    s1, s2, s3 = (sign_share(k, identity) for k in (K1, K2, K3))
    assert satisfied(TWO_OF_THREE, [s1, s2])
    assert satisfied(TWO_OF_THREE, [s3, s1])
    assert satisfied(TWO_OF_THREE, [s1, s2, s3])
    assert not satisfied(TWO_OF_THREE, [])
    assert not satisfied(TWO_OF_THREE, [s1])
    assert not satisfied(TWO_OF_THREE, [s1, s1])
    assert not satisfied(TWO_OF_THREE, [s1, s1, s1])


def test_shares_that_do_not_count() -> None:
    identity = commit_id(TWO_OF_THREE.encode())
    good = sign_share(K1, identity)
    stranger = sign_share(signing_key("stranger"), identity)
    elsewhere = sign_share(K2, commit_id(DESCRIPTOR.encode()))
    other_kind = sign(K2, "pledgeway/message/v1", identity)
    borrowed = replace(good, key=K2.public)
    for bad in (stranger, elsewhere, other_kind, borrowed, replace(good, key=b"")):
        assert not satisfied(TWO_OF_THREE, [good, bad])


def test_a_share_binds_deadline_and_policy() -> None:
    """A share cannot be moved to a descriptor that differs in anything."""
    share = sign_share(COMMITTER, commit_id(DESCRIPTOR.encode()))
    assert satisfied(DESCRIPTOR, [share])
    for changed in (
        replace(DESCRIPTOR, deadline_us=DESCRIPTOR.deadline_us + 1),
        replace(DESCRIPTOR, salt=digest("another attempt")),
        replace(DESCRIPTOR, policy=replace(DESCRIPTOR.policy, members=(digest("R9"),))),
        replace(DESCRIPTOR, terms_root=digest("other terms")),
        replace(DESCRIPTOR, decline_hash=digest("no")),
    ):
        assert not satisfied(changed, [share])


def test_a_share_may_come_out_of_a_batch() -> None:
    identity = commit_id(DESCRIPTOR.encode())
    shares = sign_batch(COMMITTER, [(SHARE_KIND, identity), (SHARE_KIND, digest("another"))])
    assert satisfied(DESCRIPTOR, [shares[0]])
    assert not satisfied(DESCRIPTOR, [shares[1]])


def test_preimages() -> None:
    share = [sign_share(COMMITTER, commit_id(LOCKED.encode()))]
    assert satisfied(LOCKED, share, LOCKS)
    assert not satisfied(LOCKED, share)
    assert not satisfied(LOCKED, share, LOCKS[:1])
    assert not satisfied(LOCKED, share, LOCKS[::-1])
    assert not satisfied(LOCKED, share, (*LOCKS, b"third"))
    assert not satisfied(LOCKED, share, (LOCKS[0], b"secone"))
    unlocked = [sign_share(COMMITTER, commit_id(DESCRIPTOR.encode()))]
    assert not satisfied(DESCRIPTOR, unlocked, LOCKS)
    assert not satisfied(LOCKED, [], LOCKS)


def test_a_preimage_is_short() -> None:
    for size, ok in ((MAX_PREIMAGE_BYTES, True), (MAX_PREIMAGE_BYTES + 1, False)):
        preimage = bytes(size)
        locked = replace(DESCRIPTOR, hashlocks=(sha256(preimage).digest(),))
        share = [sign_share(COMMITTER, commit_id(locked.encode()))]
        assert satisfied(locked, share, (preimage,)) is ok


def test_evidence_travels() -> None:
    commit = make_commit(LOCKED, preimages=LOCKS)
    relayed = R1.sign_statement(committed_leaf(commit, LOCKED).encode()).encode()
    shares = Evidence.decode(commit.evidence).shares
    evidence = Evidence(shares, LOCKS, (relayed, relayed))
    assert Evidence.decode(evidence.encode()) == evidence


def test_the_largest_useful_evidence_fits() -> None:
    """32 shares, 8 preimages and 16 relayed statements, as the limit says."""
    commit = make_commit(DESCRIPTOR)
    relayed = R1.sign_statement(committed_leaf(commit, DESCRIPTOR).encode()).encode()
    share = sign_share(COMMITTER, commit.commit_id)
    evidence = Evidence((share,) * 32, (bytes(MAX_PREIMAGE_BYTES),) * 8, (relayed,) * 16)
    assert len(evidence.encode()) <= MAX_EVIDENCE_BYTES


def test_too_large_evidence_is_not_read() -> None:
    with pytest.raises(WireFault):
        Evidence.decode(Evidence(preimages=(bytes(MAX_EVIDENCE_BYTES),)).encode())
    commit = Commit(DESCRIPTOR.encode(), bytes(MAX_EVIDENCE_BYTES + 1))
    assert not commit_is_valid(DESCRIPTOR, commit)


@given(st.binary(max_size=200))
def test_noise_does_not_commit(noise: bytes) -> None:
    assert not commit_is_valid(DESCRIPTOR, Commit(DESCRIPTOR.encode(), noise))


@given(st.integers(0, 10**5))
def test_a_flipped_bit_of_evidence_never_raises(position: int) -> None:
    good = make_commit(LOCKED, preimages=LOCKS)
    data = bytearray(good.evidence)
    bit = position % (len(data) * 8)
    data[bit // 8] ^= 1 << bit % 8
    if commit_is_valid(LOCKED, replace(good, evidence=bytes(data))):
        read, wanted = Evidence.decode(bytes(data)), Evidence.decode(good.evidence)
        assert (read.shares, read.preimages) == (wanted.shares, wanted.preimages)


def test_evidence_hash_is_tagged() -> None:
    assert evidence_hash(b"x") == sha256(b"pledgeway/evidence/v1\0x").digest()


def test_declines() -> None:
    declinable = replace(DESCRIPTOR, decline_hash=sha256(b"no").digest())
    assert decline_satisfies(declinable, b"no")
    assert not decline_satisfies(declinable, b"yes")
    assert not decline_satisfies(declinable, b"")
    for preimage in (b"", b"no", DESCRIPTOR.decline_hash):
        assert not decline_satisfies(DESCRIPTOR, preimage)
    long = bytes(MAX_PREIMAGE_BYTES + 1)
    assert not decline_satisfies(replace(DESCRIPTOR, decline_hash=sha256(long).digest()), long)
