"""Registry records: the chain of roots, thresholds, certified keys, and forgeries of each."""

from collections.abc import Callable
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import (
    NOW_US,
    R1,
    certified,
    record_message,
    root_of,
    signing_key,
    statement_key_certificate,
)
from proto.keys import KeyCertificate, KeyPurpose, SigningKey
from proto.limits import (
    MAX_ADDRESS_CHARS,
    MAX_RECORD_BYTES,
    MAX_RECORD_KEYS,
    MAX_RECORD_REVOCATIONS,
    MAX_RECORD_WITNESSES,
    MAX_ROOT_KEYS,
    MAX_ROOTS,
)
from proto.note import COSIGNATURE, ED25519, NoteKey
from proto.registry_record import (
    RECORD_KIND,
    ROOT_KIND,
    RegistryRecord,
    Root,
    read_record,
    registry_id,
    sign_record,
    sign_root,
)
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault

A, B, C = (signing_key(f"operator {x}") for x in "abc")
D, E, G = (signing_key(f"new operator {x}") for x in "deg")
ONLINE = signing_key("online")
FIRST = root_of([A, B, C])
SECOND_ROOT = root_of([C, D, E], version=2)
OWNER = registry_id(FIRST.encode())
KEY = statement_key_certificate(OWNER, ONLINE)


def message(
    *roots: pb.SignedRoot, keys: list[pb.SignedKeyCertificate] | None = None
) -> pb.RegistryRecord:
    """A record with these roots; its first must be FIRST to keep the id."""
    base = record_message("r", [A, B, C])
    del base.roots[:]
    base.roots.extend(roots or [sign_root(FIRST, [A, B])])
    base.keys.extend([certified(KEY, [A, B])] if keys is None else keys)
    return base


def rotated(*signers: SigningKey) -> pb.RegistryRecord:
    return message(
        sign_root(FIRST, [A, B]),
        sign_root(SECOND_ROOT, signers),
        keys=[certified(KEY, [D, E])],
    )


def test_kinds() -> None:
    assert (ROOT_KIND, RECORD_KIND) == ("pledgeway/root/v1", "pledgeway/registry/v1")


def test_a_record_says_what_was_signed() -> None:
    data = sign_record(message(), [A, C])
    record = read_record(data)
    assert record.registry == OWNER == sha256(FIRST.encode()).digest()
    assert record.signed == data
    assert record.statement_keys == (KEY,)
    assert (record.name, record.log_origin) == ("r", "example.net/r")
    assert (record.guard_us, record.max_error_us) == (2_000_000, 250_000)
    assert record.declared_clock


def test_statement_keys_have_their_time() -> None:
    early = statement_key_certificate(OWNER, ONLINE, not_before_us=10, not_after_us=20)
    late = statement_key_certificate(OWNER, ONLINE, not_before_us=30, not_after_us=40)
    keys = [certified(early, [A, B]), certified(late, [B, C])]
    record = read_record(sign_record(message(keys=keys), [A, B]))
    expected = {9: None, 10: early, 20: early, 21: None, 30: late, 40: late, 41: None}
    for at, certificate in expected.items():
        assert record.statement_key(ONLINE.public, at) == certificate
    assert record.statement_key(A.public, 10) is None


def test_a_key_for_another_purpose_signs_no_statements() -> None:
    tls = KeyCertificate(OWNER, KeyPurpose.TLS, ONLINE.public, 0, 2**62)
    record = read_record(sign_record(message(keys=[certified(tls, [A, B])]), [A, B]))
    assert record.statement_key(ONLINE.public, NOW_US) is None


def test_rotation_keeps_the_id() -> None:
    """A new root is signed by the old threshold and by its own; then it alone counts."""
    record = read_record(sign_record(rotated(A, C, D), [D, E]))
    assert record.registry == OWNER
    assert record.statement_keys == (KEY,)


def test_a_root_changed_many_times() -> None:
    roots = [sign_root(root_of([A, B, C], version=v), [A, B]) for v in range(1, MAX_ROOTS + 1)]
    assert read_record(sign_record(message(*roots), [A, B])).registry == OWNER
    roots.append(sign_root(root_of([A, B, C], version=MAX_ROOTS + 1), [A, B]))
    with pytest.raises(WireFault):
        read_record(sign_record(message(*roots), [A, B]))


def test_a_signature_may_count_for_both_roots() -> None:
    """C stands in the old root and in the new one; A completes the old, D the new threshold."""
    assert read_record(sign_record(rotated(C, A, E), [C, D])).registry == OWNER


def foreign_first_root() -> bytes:
    """The id of one registry, the roots of another."""
    other = root_of([D, E, G])
    forged = message(sign_root(other, [D, E]), keys=[certified(KEY, [D, E])])
    return sign_record(forged, [D, E])


def own_first_root_with_other_keys() -> bytes:
    forged = record_message("r", [D, E, G])
    forged.registry_key_id = OWNER
    return sign_record(forged, [D, E])


def skipped_version() -> bytes:
    third = root_of([C, D, E], version=3)
    return sign_record(
        message(sign_root(FIRST, [A, B]), sign_root(third, [A, C, D]), keys=[]), [D, E]
    )


def repeated_version() -> bytes:
    again = root_of([C, D, E], version=1)
    return sign_record(
        message(sign_root(FIRST, [A, B]), sign_root(again, [A, C, D]), keys=[]), [D, E]
    )


def altered_after_signing() -> bytes:
    signed = pb.SignedRegistryRecord.FromString(sign_record(message(), [A, B]))
    record = pb.RegistryRecord.FromString(signed.record)
    record.grpc_target = "evil.example:1"
    signed.record = record.SerializeToString()
    return signed.SerializeToString()


def same_signature_twice() -> bytes:
    return sign_record(message(), [A, A])


def first_root_of_version_two() -> bytes:
    root = root_of([A, B, C], version=2)
    base = message(sign_root(root, [A, B]))
    base.registry_key_id = registry_id(root.encode())
    del base.keys[:]
    return sign_record(base, [A, B])


def key_of_somebody_else() -> bytes:
    other = statement_key_certificate(R1.id, ONLINE)
    return sign_record(message(keys=[certified(other, [A, B])]), [A, B])


def altered_key() -> bytes:
    signed = certified(KEY, [A, B])
    content = pb.KeyCertificate.FromString(signed.certificate)
    content.key = D.public
    signed.certificate = content.SerializeToString()
    return sign_record(message(keys=[signed]), [A, B])


def unprintable() -> bytes:
    record = message()
    record.name = "r\x1b[2J"
    return sign_record(record, [A, B])


FORGED: dict[str, Callable[[], bytes]] = {
    "first root of another registry": foreign_first_root,
    "own id, other keys": own_first_root_with_other_keys,
    "no root": lambda: sign_record(_without_roots(), [A, B]),
    "first root unsigned": lambda: sign_record(message(sign_root(FIRST, [])), [A, B]),
    "first root below threshold": lambda: sign_record(message(sign_root(FIRST, [A])), [A, B]),
    "first root of version two": first_root_of_version_two,
    "record below threshold": lambda: sign_record(message(), [A]),
    "record unsigned": lambda: sign_record(message(), []),
    "record by one key twice": same_signature_twice,
    "record by strangers": lambda: sign_record(message(), [D, E]),
    "record by an old root": lambda: sign_record(rotated(A, C, D), [A, B]),
    "record altered": altered_after_signing,
    "new root without the old threshold": lambda: sign_record(rotated(C, D, E), [D, E]),
    "new root without its own threshold": lambda: sign_record(rotated(A, B), [D, E]),
    "version skipped": skipped_version,
    "version repeated": repeated_version,
    "key below threshold": lambda: sign_record(message(keys=[certified(KEY, [A])]), [A, B]),
    "key by strangers": lambda: sign_record(message(keys=[certified(KEY, [D, E])]), [A, B]),
    "key of somebody else": key_of_somebody_else,
    "key altered": altered_key,
    "key certified by the old root only": lambda: sign_record(
        message(sign_root(FIRST, [A, B]), sign_root(SECOND_ROOT, [A, C, D])), [D, E]
    ),
    "too many keys": lambda: sign_record(
        message(keys=[certified(KEY, [A, B])] * (MAX_RECORD_KEYS + 1)), [A, B]
    ),
    "unprintable name": unprintable,
    "too long": lambda: bytes(MAX_RECORD_BYTES + 1),
    "no message": lambda: b"\xff",
    "nothing": lambda: b"",
}


def _without_roots() -> pb.RegistryRecord:
    record = message()
    del record.roots[:]
    return record


@pytest.mark.parametrize("name", FORGED)
def test_forged_records(name: str) -> None:
    with pytest.raises(WireFault):
        read_record(FORGED[name]())


K17 = tuple(sorted(signing_key(f"k{i}").public for i in range(MAX_ROOT_KEYS + 1)))
BAD_ROOTS = [
    Root(1, (), 0),
    Root(1, K17, 1),
    Root(1, (K17[1], K17[0]), 1),
    Root(1, (K17[0], K17[0]), 1),
    Root(1, K17[:2], 0),
    Root(1, K17[:2], 3),
]


@pytest.mark.parametrize("root", BAD_ROOTS)
def test_bad_roots(root: Root) -> None:
    with pytest.raises(WireFault):
        Root.decode(root.encode())


def test_roots_have_one_form() -> None:
    assert Root.decode(FIRST.encode()) == FIRST
    for data in (FIRST.encode() + b"\x20\x00", b"\x20\x01" + FIRST.encode(), b""):
        with pytest.raises(WireFault):
            Root.decode(data)


RECORD = sign_record(message(), [A, B])


@given(st.integers(0, len(RECORD) * 8 - 1))
def test_a_flipped_bit_fails_or_says_the_same(bit: int) -> None:
    data = bytearray(RECORD)
    data[bit // 8] ^= 1 << bit % 8
    try:
        read = read_record(bytes(data))
    except WireFault:
        return
    good = read_record(RECORD)
    assert (read.registry, read.statement_keys) == (good.registry, good.statement_keys)
    assert read.grpc_target == good.grpc_target


# --------------------------------------------------------------------- log keys, witnesses, ends

LOG = KeyCertificate(OWNER, KeyPurpose.LOG, signing_key("log").public, 10, 20)
OLD_LOG = KeyCertificate(OWNER, KeyPurpose.LOG, signing_key("old log").public, 0, 9)


def witness(name: str, key: str, url: str = "https://w.example") -> pb.Witness:
    note_key = NoteKey(name, COSIGNATURE, signing_key(key).public)
    return pb.Witness(key=note_key.encode(), url=url)


def read(**changes: object) -> RegistryRecord:
    changed = message(keys=[certified(KEY, [A, B]), *changes.pop("keys", [])])  # type: ignore[misc]
    changed.MergeFrom(pb.RegistryRecord(**changes))  # type: ignore[arg-type]
    return read_record(sign_record(changed, [A, B]))


def test_log_keys_are_keys_of_each_shards_log() -> None:
    record = read(keys=[certified(LOG, [A, B]), certified(OLD_LOG, [A, C])])
    assert record.statement_keys == (KEY,)
    assert record.log_keys == (LOG, OLD_LOG)
    origin = "example.net/r/2026"
    keys = [NoteKey(origin, ED25519, c.key) for c in (LOG, OLD_LOG)]
    assert record.log_note_keys(origin) == tuple(keys), (
        "an ended one signed proofs that people hold"
    )
    assert record.log_key(LOG.key, 15) == LOG
    assert record.log_key(LOG.key, 21) is record.log_key(KEY.key, 15) is None
    revoked = read(
        keys=[certified(LOG, [A, B]), certified(OLD_LOG, [A, C])],
        revocations=[pb.KeyRevocation(key=LOG.key, at_us=14)],
    )
    assert revoked.log_note_keys(origin) == (keys[1],)
    assert revoked.log_key(LOG.key, 14) == LOG
    assert revoked.log_key(LOG.key, 15) is None


def test_a_revoked_key_has_an_end() -> None:
    ends = [pb.KeyRevocation(key=ONLINE.public, at_us=at) for at in (70, 60)]
    record = read(revocations=ends)
    assert record.statement_key(ONLINE.public, 60) == KEY
    assert record.statement_key(ONLINE.public, 61) is None, "the earlier of two ends"
    assert read().statement_key(ONLINE.public, 61) == KEY


def test_witnesses_and_release() -> None:
    record = read(
        witnesses=[witness("w1", "w1"), witness("w2", "w2", "")],
        witness_quorum=1,
        release="COVERED",
        mmd_us=5,
    )
    assert [w.key.name for w in record.witnesses] == ["w1", "w2"]
    assert [w.url for w in record.witnesses] == ["https://w.example", ""]
    assert (record.witness_quorum, record.covered) == (1, True)
    again = pb.RegistryRecord(witnesses=[w.to_message() for w in record.witnesses])
    assert read(witnesses=again.witnesses, witness_quorum=1).witnesses == record.witnesses
    assert not read().covered


LOG_KEY_TOO_LONG = KeyCertificate(OWNER, KeyPurpose.LOG, bytes(33), 0, 9)
WRONG_PARTS: dict[str, dict[str, object]] = {
    "quorum beyond the witnesses": {"witnesses": [witness("w", "w")], "witness_quorum": 2},
    "one name twice": {"witnesses": [witness("w", "v"), witness("w", "w")]},
    "one key twice": {"witnesses": [witness("v", "w"), witness("w", "w")]},
    "no key": {"witnesses": [pb.Witness(key="w", url="")]},
    "a key that makes no cosignatures": {
        "witnesses": [pb.Witness(key=NoteKey("w", ED25519, A.public).encode())]
    },
    "another scheme": {"witnesses": [witness("w", "w", "ftp://w.example")]},
    "unprintable address": {"witnesses": [witness("w", "w", "http://w\n")]},
    "long address": {"witnesses": [witness("w", "w", "http://" + "w" * MAX_ADDRESS_CHARS)]},
    "too many witnesses": {
        "witnesses": [witness(f"w{i}", f"w{i}") for i in range(MAX_RECORD_WITNESSES + 1)]
    },
    "too many revocations": {
        "revocations": [pb.KeyRevocation(key=b"k")] * (MAX_RECORD_REVOCATIONS + 1)
    },
    "unknown release": {"release": 7},
    "negative span": {"mmd_us": -61_000_000},
    "a log key of 33 bytes": {"keys": [certified(LOG_KEY_TOO_LONG, [A, B])]},
}


@pytest.mark.parametrize("name", WRONG_PARTS)
def test_wrong_parts(name: str) -> None:
    with pytest.raises(WireFault):
        read(**WRONG_PARTS[name])
