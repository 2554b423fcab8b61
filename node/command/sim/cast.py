"""Keys and registries made from labels: a run repeats, and a failure names what it was about.

Nothing here is secret: whoever reads this file has every key. Only simulations and tests use them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from proto.envelope import sign
from proto.key_certificate import certify_key, cosign
from proto.keys import KeyCertificate, KeyPurpose, SigningKey
from proto.policy import RegistryPolicy
from proto.registry_record import (
    RegistryRecord,
    Root,
    read_record,
    registry_id,
    sign_record,
    sign_root,
)
from proto.statement import STATEMENT_KIND, SignedStatement, Statement
from proto.v1 import types_pb2 as pb

NOW_US = 1_790_000_000_000_000
SECOND = 1_000_000


def digest(label: str) -> bytes:
    """32 bytes that stand for a random value."""
    return sha256(label.encode()).digest()


def signing_key(label: str) -> SigningKey:
    """The same key whenever the label is the same."""
    return SigningKey(digest("key " + label))


def sorted_keys(*labels: str) -> list[SigningKey]:
    return sorted((signing_key(x) for x in labels), key=lambda k: k.public)


def root_of(keys: Iterable[SigningKey], version: int = 1, threshold: int = 2) -> Root:
    return Root(version, tuple(sorted(k.public for k in keys)), threshold)


def statement_key_certificate(
    owner: bytes, key: SigningKey, *, not_before_us: int = 0, not_after_us: int = 2**62
) -> KeyCertificate:
    return KeyCertificate(owner, KeyPurpose.STATEMENT, key.public, not_before_us, not_after_us)


def certified(certificate: KeyCertificate, keys: Iterable[SigningKey]) -> pb.SignedKeyCertificate:
    first, *others = keys
    signed = certify_key(first, certificate)
    for key in others:
        signed = cosign(signed, key)
    return signed


@dataclass(frozen=True)
class CastRegistry:
    """A registry with two of three operators and one statement key."""

    name: str
    operators: tuple[SigningKey, ...] = field(repr=False)
    online: SigningKey = field(repr=False)
    record: RegistryRecord = field(repr=False)

    @property
    def id(self) -> bytes:
        return self.record.registry

    def sign_statement(self, leaf: bytes, *, key: SigningKey | None = None) -> SignedStatement:
        statement = Statement(self.id, leaf, "example.net/" + self.name, 7).encode()
        return SignedStatement(statement, (sign(key or self.online, STATEMENT_KIND, statement),))


def record_message(
    name: str, operators: Iterable[SigningKey], keys: Iterable[pb.SignedKeyCertificate] = ()
) -> pb.RegistryRecord:
    """The record of a registry with one root of these operators, still unsigned."""
    operators = list(operators)
    root = root_of(operators)
    return pb.RegistryRecord(
        registry_key_id=registry_id(root.encode()),
        roots=[sign_root(root, operators)],
        keys=keys,
        name=name,
        grpc_target="localhost:1",
        archive_url="http://localhost:2/commit/%s",
        log_origin="example.net/" + name,
        protocol_version="pledgeway.v1",
        sequence=1,
        expires_at_us=NOW_US * 2,
        max_error_us=250_000,
        guard_us=2 * SECOND,
        min_lead_us=SECOND // 2,
        max_deadline_us=30 * 86_400 * SECOND,
        mmd_us=60 * SECOND,
        declared_clock=True,
        leap="smear",
    )


def make_registry(name: str, **validity: int) -> CastRegistry:
    """Always the same one under a name. `validity`: of its statement key, as
    `statement_key_certificate` takes it."""
    operators = tuple(signing_key(f"{name} operator {i}") for i in range(3))
    online = signing_key(f"{name} online")
    owner = registry_id(root_of(operators).encode())
    key = certified(statement_key_certificate(owner, online, **validity), operators[:2])
    record = read_record(sign_record(record_message(name, operators, [key]), operators[:2]))
    return CastRegistry(name, operators, online, record)


R1, R2, R3, R4 = sorted((make_registry(f"R{i}") for i in range(1, 5)), key=lambda r: r.id)
SINGLE = RegistryPolicy((R1.id,), 1, 1)
TWO_OF_THREE = RegistryPolicy((R1.id, R2.id, R3.id), 2, 2, 0, 2 * SECOND)
RECORDS = {r.id: r.record for r in (R1, R2, R3, R4)}
