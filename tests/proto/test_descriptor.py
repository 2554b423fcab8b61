"""Descriptors: rules N1-N5 each broken alone, one form of bytes only, and fixed ids."""

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import NOW_US, SECOND, SINGLE, TWO_OF_THREE, digest, signing_key
from proto.descriptor import (
    Descriptor,
    DescriptorInvalid,
    DescriptorRule,
    check_descriptor,
    commit_id,
    decode_descriptor,
    transaction_uuid,
)
from proto.policy import RegistryPolicy
from tests.proto.build import DESCRIPTOR
from tests.proto.wireforge import chunk, join, number, one, split

N1, N2, N3, N4, N5 = DescriptorRule
A, B, C, D4 = sorted(digest(f"member {i}") for i in range(4))
KEYS = tuple(signing_key(f"committer {i}").public for i in range(33))
MANY = tuple(sorted(digest(f"many {i}") for i in range(17)))
VECTORS = json.loads((Path(__file__).parent / "vectors" / "descriptor.json").read_text())

EMPTY = RegistryPolicy()
COLLECTIVE = replace(DESCRIPTOR, policy=TWO_OF_THREE)


def policy(members: tuple[bytes, ...], qc: int, qa: int, f: int = 0, delta: int = 2) -> Descriptor:
    return replace(DESCRIPTOR, policy=RegistryPolicy(members, qc, qa, f, delta * SECOND))


VALID = [
    DESCRIPTOR,
    COLLECTIVE,
    replace(DESCRIPTOR, policy=EMPTY),
    replace(DESCRIPTOR, decline_hash=digest("no")),
    replace(DESCRIPTOR, hashlocks=tuple(digest(f"h{i}") for i in range(8))),
    replace(DESCRIPTOR, hashlocks=(digest("h"), digest("h"))),
    replace(DESCRIPTOR, committers=KEYS[:32], threshold=32),
    replace(DESCRIPTOR, committers=KEYS[:32], threshold=1),
    replace(DESCRIPTOR, committers=(KEYS[1], KEYS[0])),
    replace(COLLECTIVE, decline_hash=digest("no")),
    policy((A, B, C), 3, 1),
    policy((A, B, C), 1, 3),
    policy((A, B, C, D4), 3, 3, 1),
    policy((A, B), 2, 1, 0, 1),
    policy((A, B), 1, 2, 0, 60),
    policy(MANY[:16], 9, 8),
    replace(DESCRIPTOR, deadline_us=1),
    replace(DESCRIPTOR, deadline_us=2**63 - 1),
]


@pytest.mark.parametrize("descriptor", VALID)
def test_valid_ones_come_back_as_they_were(descriptor: Descriptor) -> None:
    assert decode_descriptor(descriptor.encode()) == descriptor


BROKEN = [
    ("version 0", N1, replace(DESCRIPTOR, version=0)),
    ("version 2", N1, replace(DESCRIPTOR, version=2)),
    ("no deadline", N1, replace(DESCRIPTOR, deadline_us=0)),
    ("deadline before 1970", N1, replace(DESCRIPTOR, deadline_us=-1)),
    ("no salt", N2, replace(DESCRIPTOR, salt=b"")),
    ("short salt", N2, replace(DESCRIPTOR, salt=b"s" * 31)),
    ("long salt", N2, replace(DESCRIPTOR, salt=b"s" * 33)),
    ("no terms", N2, replace(DESCRIPTOR, terms_root=b"")),
    ("short terms", N2, replace(DESCRIPTOR, terms_root=b"t" * 31)),
    ("no committer", N2, replace(DESCRIPTOR, committers=(), threshold=0)),
    ("33 committers", N2, replace(DESCRIPTOR, committers=KEYS)),
    ("committer twice", N2, replace(DESCRIPTOR, committers=(KEYS[0], KEYS[0]))),
    ("short committer", N2, replace(DESCRIPTOR, committers=(b"k" * 31,))),
    ("threshold 0", N2, replace(DESCRIPTOR, threshold=0)),
    ("threshold above keys", N2, replace(DESCRIPTOR, threshold=2)),
    ("members unsorted", N3, policy((B, A, C), 2, 2)),
    ("member twice", N3, policy((A, A, B), 2, 2)),
    ("short member", N3, policy((A[:31],), 1, 1, 0, 0)),
    ("17 members", N3, policy(MANY, 9, 9)),
    ("unsafe quorum", N3, policy((A, B, C), 2, 1)),
    ("unsafe with a liar", N3, policy((A, B, C, D4), 3, 2, 1)),
    ("qc beyond n - f", N3, policy((A, B, C, D4), 4, 3, 1)),
    ("qa beyond n - f", N3, policy((A, B, C), 1, 4)),
    ("single with f", N3, policy((A,), 1, 1, 1, 0)),
    ("single with delta", N3, policy((A,), 1, 1)),
    ("single with quorum 2", N3, policy((A,), 2, 1, 0, 0)),
    ("single without quorum", N3, policy((A,), 0, 0, 0, 0)),
    ("single without qa", N3, policy((A,), 1, 0, 0, 0)),
    ("empty with qc", N3, policy((), 1, 0, 0, 0)),
    ("empty with qa", N3, policy((), 0, 1, 0, 0)),
    ("empty with f", N3, policy((), 0, 0, 1, 0)),
    ("empty with delta", N3, policy((), 0, 0)),
    ("empty with hashlock", N3, replace(DESCRIPTOR, policy=EMPTY, hashlocks=(digest("h"),))),
    ("empty with decline", N3, replace(DESCRIPTOR, policy=EMPTY, decline_hash=digest("no"))),
    ("several without delta", N3, policy((A, B, C), 2, 2, 0, 0)),
    (
        "delta just below",
        N3,
        replace(DESCRIPTOR, policy=RegistryPolicy((A, B, C), 2, 2, 0, SECOND - 1)),
    ),
    (
        "delta just above",
        N3,
        replace(DESCRIPTOR, policy=RegistryPolicy((A, B, C), 2, 2, 0, 60 * SECOND + 1)),
    ),
    ("negative delta", N3, policy((A, B, C), 2, 2, 0, -2)),
    ("short decline", N4, replace(DESCRIPTOR, decline_hash=b"d" * 31)),
    ("long decline", N4, replace(DESCRIPTOR, decline_hash=b"d" * 33)),
    ("decline that splits", N4, replace(policy((A, B, C), 3, 2), decline_hash=digest("no"))),
    (
        "decline with liars",
        N4,
        replace(policy((A, B, C, D4), 3, 3, 1), decline_hash=digest("no")),
    ),
    ("9 hashlocks", N5, replace(DESCRIPTOR, hashlocks=tuple(digest(f"{i}") for i in range(9)))),
    ("short hashlock", N5, replace(DESCRIPTOR, hashlocks=(b"h" * 31,))),
    ("hashlock in a collective", N5, replace(COLLECTIVE, hashlocks=(digest("h"),))),
]


@pytest.mark.parametrize(
    ("rule", "descriptor"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN]
)
def test_each_rule_broken_alone(rule: DescriptorRule, descriptor: Descriptor) -> None:
    with pytest.raises(DescriptorInvalid) as info:
        decode_descriptor(descriptor.encode())
    assert info.value.rule is rule
    with pytest.raises(DescriptorInvalid):
        check_descriptor(descriptor)


def test_every_rule_is_broken_by_some_descriptor() -> None:
    assert {b[1] for b in BROKEN} == set(DescriptorRule)


GOOD = DESCRIPTOR.encode()
FIELDS = split(GOOD)
BY_NUMBER = dict(FIELDS)
LOCKED = replace(DESCRIPTOR, hashlocks=(digest("h1"), digest("h2"))).encode()


def with_field(field: int, data: bytes) -> bytes:
    """The good descriptor with these bytes in the place of one field."""
    return b"".join(data if n == field else one(n, v) for n, v in FIELDS)


def inner(field: int, data: bytes) -> bytes:
    return with_field(field, chunk(field, data))


POLICY_BYTES, CONDITION_BYTES = BY_NUMBER[4], BY_NUMBER[5]
assert isinstance(POLICY_BYTES, bytes)
assert isinstance(CONDITION_BYTES, bytes)
POLICY_FIELDS = split(POLICY_BYTES)

OTHER_BYTES = {
    "overlong version": with_field(1, number(1, 1, pad=1)),
    "overlong deadline": with_field(3, number(3, DESCRIPTOR.deadline_us, pad=1)),
    "overlong tag": with_field(1, number(1, 1, tag_pad=1)),
    "overlong length": with_field(2, chunk(2, DESCRIPTOR.salt, pad=1)),
    "overlong inside the policy": inner(4, POLICY_BYTES.replace(b"\x10\x01", b"\x10\x81\x00")),
    "overlong inside the condition": inner(5, CONDITION_BYTES[:-1] + b"\x81\x00"),
    "32-bit field given 33 bits": with_field(1, number(1, 2**32 + 1)),
    "32-bit threshold given 33 bits": inner(5, CONDITION_BYTES[:-1] + b"\x81\x80\x80\x80\x10"),
    "unknown field behind": GOOD + number(9, 1),
    "unknown field before": number(9, 1) + GOOD,
    "unknown chunk": GOOD + chunk(100, b"x"),
    "unknown group": GOOD + b"\x4b\x4c",
    "unknown field in the policy": inner(4, POLICY_BYTES + number(6, 1)),
    "unknown field in the condition": inner(5, CONDITION_BYTES + number(3, 0)),
    "fields in another order": join([FIELDS[1], FIELDS[0], *FIELDS[2:]]),
    "policy's fields in another order": inner(
        4, join([POLICY_FIELDS[1], POLICY_FIELDS[0], *POLICY_FIELDS[2:]])
    ),
    "default decline written out": join([*FIELDS[:-1], (7, b""), FIELDS[-1]]),
    "default f written out": inner(4, POLICY_BYTES + number(4, 0)),
    "default delta written out": inner(4, POLICY_BYTES + number(5, 0)),
    "version twice": number(1, 1) + GOOD,
    "deadline twice, another first": with_field(3, number(3, 5) + one(3, BY_NUMBER[3])),
    "policy in two parts": with_field(
        4, chunk(4, join(POLICY_FIELDS[:1])) + chunk(4, join(POLICY_FIELDS[1:]))
    ),
    "trailing byte": GOOD + b"\0",
    "trailing garbage": GOOD + b"\xff",
    "cut short": GOOD[:-1],
    "policy absent": with_field(4, b""),
    "condition absent": with_field(5, b""),
    "wrong wire type": with_field(1, chunk(1, b"\1")),
    "fixed64 deadline": with_field(3, b"\x19" + DESCRIPTOR.deadline_us.to_bytes(8, "little")),
    "not a message": b"\xff\xff\xff",
    "nothing": b"",
}


@pytest.mark.parametrize("name", OTHER_BYTES)
def test_other_bytes_break_n1(name: str) -> None:
    data = OTHER_BYTES[name]
    assert data != GOOD, "this case tests nothing"
    with pytest.raises(DescriptorInvalid) as info:
        decode_descriptor(data)
    assert info.value.rule is N1


def test_hashlocks_keep_their_order_and_place() -> None:
    fields = split(LOCKED)
    places = [i for i, (n, _) in enumerate(fields) if n == 6]
    assert decode_descriptor(join(fields)).hashlocks == (digest("h1"), digest("h2"))
    moved = [f for f in fields if f[0] != 6] + [fields[i] for i in places]
    with pytest.raises(DescriptorInvalid) as info:
        decode_descriptor(join(moved))
    assert info.value.rule is N1


def test_the_empty_policy_is_present() -> None:
    """Present and empty is the one form; absent would be a second id for the same content."""
    bare = replace(DESCRIPTOR, policy=EMPTY).encode()
    assert split(bare)[3] == (4, b"")
    absent = join([f for f in split(bare) if f[0] != 4])
    with pytest.raises(DescriptorInvalid) as info:
        decode_descriptor(absent)
    assert info.value.rule is N1


def test_the_largest_that_the_other_rules_admit_fits() -> None:
    largest = replace(policy(MANY[:16], 9, 8), committers=KEYS[:32], decline_hash=digest("no"))
    assert len(largest.encode()) <= 4096
    assert decode_descriptor(largest.encode()) == largest


@st.composite
def descriptors(draw: st.DrawFn) -> Descriptor:
    n = draw(st.integers(0, 5))
    members = tuple(sorted(digest(f"m{i}") for i in range(n)))
    chosen = EMPTY
    if n == 1:
        chosen = RegistryPolicy(members, 1, 1)
    elif n > 1:
        f = draw(st.integers(0, (n - 1) // 3))
        qc = draw(st.integers(2 * f + 1, n - f))
        qa = draw(st.integers(n + f + 1 - qc, n - f))
        chosen = RegistryPolicy(members, qc, qa, f, draw(st.integers(SECOND, 60 * SECOND)))
    locks = st.binary(min_size=32, max_size=32)
    count = draw(st.integers(1, 32))
    return Descriptor(
        salt=draw(locks),
        deadline_us=draw(st.integers(1, 2**63 - 1)),
        policy=chosen,
        committers=KEYS[:count],
        threshold=draw(st.integers(1, count)),
        terms_root=draw(locks),
        hashlocks=tuple(draw(st.lists(locks, max_size=8 if n == 1 else 0))),
        decline_hash=draw(locks) if chosen.declines and draw(st.booleans()) else b"",
    )


@given(descriptors())
def test_round_trip(descriptor: Descriptor) -> None:
    data = descriptor.encode()
    assert decode_descriptor(data) == descriptor
    assert join(split(data)) == data


@given(descriptors(), st.data())
def test_a_flipped_bit_is_refused_or_read_as_something_else(
    descriptor: Descriptor, data: st.DataObject
) -> None:
    good = descriptor.encode()
    bit = data.draw(st.integers(0, len(good) * 8 - 1))
    bad = bytearray(good)
    bad[bit // 8] ^= 1 << bit % 8
    try:
        read = decode_descriptor(bytes(bad))
    except DescriptorInvalid:
        return
    assert read != descriptor
    assert read.encode() == bytes(bad)
    assert commit_id(bytes(bad)) != commit_id(good)


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(DescriptorInvalid):
        decode_descriptor(noise)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["name"])
def test_vectors(vector: dict[str, str]) -> None:
    data = bytes.fromhex(vector["descriptor"])
    assert decode_descriptor(data).encode() == data
    identity = commit_id(data)
    assert identity.hex() == vector["commit_id"]
    assert identity == sha256(b"pledgeway/commit/v1\0" + data).digest()
    assert str(transaction_uuid(identity)) == vector["uuid"]


@given(st.binary(min_size=32, max_size=32))
def test_uuids_are_version_8_and_keep_122_bits(identity: bytes) -> None:
    uuid = transaction_uuid(identity)
    assert uuid.version == 8
    assert uuid.variant == "specified in RFC 4122"
    kept = int.from_bytes(identity[:16], "big") ^ uuid.int
    assert kept & ~(0xF << 76 | 0x3 << 62) == 0


def test_l_is_d_for_one_registry_and_later_for_several() -> None:
    assert DESCRIPTOR.policy == SINGLE
    assert DESCRIPTOR.limit_us == NOW_US + 10 * SECOND
    assert COLLECTIVE.limit_us == NOW_US + 12 * SECOND
    assert policy((A, B, C, D4), 3, 3, 1).limit_us == NOW_US + 14 * SECOND
