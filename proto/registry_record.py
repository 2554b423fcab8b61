"""A registry's record: its chain of roots, its certified keys, its clock and its addresses.

The record certifies itself: registry_key_id is the SHA-256 of the first root (registry section 9),
so whoever knows the id can check everything else without asking anybody.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from proto.envelope import Proof, sign
from proto.key_certificate import KEY_KIND, read_key_certificate
from proto.keys import KEY_BYTES, KeyCertificate, KeyPurpose, SigningKey
from proto.limits import (
    MAX_RECORD_BYTES,
    MAX_RECORD_KEYS,
    MAX_RECORD_SEQUENCE,
    MAX_ROOT_KEYS,
    MAX_ROOTS,
)
from proto.note import ED25519, NoteKey
from proto.record_parts import KeyRevocation, RecordWitness, read_revocations, read_witnesses
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, canonical, parse, parse_canonical

ROOT_KIND: Final = "pledgeway/root/v1"
RECORD_KIND: Final = "pledgeway/registry/v1"
PROTOCOL_VERSION: Final = "pledgeway.v1"
_ED25519_KEYS: Final = (KeyPurpose.STATEMENT, KeyPurpose.LOG)
NEVER: Final = 2**63 - 1  # µs: beyond every time that a database holds


@dataclass(frozen=True, slots=True)
class Root:
    """Operators' keys, sorted, of which `threshold` must sign."""

    version: int
    keys: tuple[bytes, ...]
    threshold: int

    def encode(self) -> bytes:
        return canonical(
            pb.RegistryRoot(version=self.version, keys=self.keys, threshold=self.threshold)
        )

    @classmethod
    def decode(cls, data: bytes) -> "Root":
        """Raises WireFault."""
        message = parse_canonical(pb.RegistryRoot, data)
        keys = tuple(message.keys)
        if not 1 <= len(keys) <= MAX_ROOT_KEYS or list(keys) != sorted(set(keys)):
            raise WireFault("a root holds 1 to 16 distinct, sorted keys")
        if not 1 <= message.threshold <= len(keys):
            raise WireFault("a root's threshold lies between 1 and all of its keys")
        return cls(message.version, keys, message.threshold)

    def approves(self, proofs: Iterable[Proof], kind: str, payload: bytes) -> bool:
        """Whether `threshold` distinct keys of this root signed."""
        by_key = {p.key: p for p in proofs if p.key in self.keys}
        return sum(p.proves(kind, payload) for p in by_key.values()) >= self.threshold


def registry_id(root: bytes) -> bytes:
    """registry_key_id = SHA-256 of the bytes of root version 1."""
    return sha256(root).digest()


def sign_root(root: Root, keys: Iterable[SigningKey]) -> pb.SignedRoot:
    """The root with one signature by each of `keys`: its own threshold and the root before its."""
    payload = root.encode()
    proofs = [sign(key, ROOT_KIND, payload).to_message() for key in keys]
    return pb.SignedRoot(root=payload, signatures=proofs)


@dataclass(frozen=True, slots=True)
class RegistryRecord:
    """A verified record. Times and spans in µs."""

    registry: bytes
    name: str
    grpc_target: str
    archive_url: str
    log_origin: str
    sequence: int
    expires_at_us: int
    max_error_us: int
    guard_us: int
    min_lead_us: int
    max_deadline_us: int
    declared_clock: bool
    tls_certificate: bytes
    statement_keys: tuple[KeyCertificate, ...]
    signed: bytes  # SignedRegistryRecord, exact bytes, to be passed on
    roots: tuple[bytes, ...] = ()  # RegistryRoot bytes, oldest first
    log_keys: tuple[KeyCertificate, ...] = ()
    revocations: tuple[KeyRevocation, ...] = ()
    witnesses: tuple[RecordWitness, ...] = ()
    witness_quorum: int = 0  # how many of them it waits for
    covered: bool = False  # it lets a statement go only beneath a cosigned checkpoint
    mmd_us: int = 0  # longest time from a statement to its cosigned proof

    @property
    def rank(self) -> int:
        """Orders the records of one registry: more roots first, then the sequence; 63 bits.

        Otherwise operators who were replaced could go on to sign records with higher sequences,
        and whoever knew no better would keep theirs.
        """
        return len(self.roots) * (MAX_RECORD_SEQUENCE + 1) + self.sequence

    def replaces(self, known: "RegistryRecord") -> bool:
        """Whether whoever keeps `known` is to keep this instead: it continues the same chain of
        roots and ranks higher. A chain that forks off never counts, whatever its rank."""
        return (
            self.registry == known.registry
            and self.roots[: len(known.roots)] == known.roots
            and self.rank > known.rank
        )

    def statement_key(self, public: bytes, at_us: int) -> KeyCertificate | None:
        """The certified statement key that was valid, and not revoked, at that time."""
        return self._valid(self.statement_keys, public, at_us)

    def log_key(self, public: bytes, at_us: int) -> KeyCertificate | None:
        """The certified log key that was valid, and not revoked, at that time."""
        return self._valid(self.log_keys, public, at_us)

    def _valid(
        self, certificates: Iterable[KeyCertificate], public: bytes, at_us: int
    ) -> KeyCertificate | None:
        if at_us > self.revoked_from_us(public):
            return None
        for certificate in certificates:
            if certificate.key == public and certificate.valid_at(at_us):
                return certificate
        return None

    def revoked_from_us(self, public: bytes) -> int:
        """The last µs at which this key counted; NEVER where it was not revoked."""
        return min((r.at_us for r in self.revocations if r.key == public), default=NEVER)

    def log_note_keys(self, origin: str) -> tuple[NoteKey, ...]:
        """Every certified log key, as the key of the log of that origin (one shard).

        Without revoked ones: a checkpoint does not tell when it was signed. An ended key counts
        on: the checkpoints that it signed stand in proofs that people hold.
        """
        keys = (c.key for c in self.log_keys if self.revoked_from_us(c.key) == NEVER)
        return tuple(NoteKey(origin, ED25519, key) for key in dict.fromkeys(keys))


def read_record(data: bytes) -> RegistryRecord:
    """Verifies a SignedRegistryRecord against its own first root. Raises WireFault.

    The caller compares `registry` with an id that it trusts, and `expires_at_us` with its clock.
    """
    if len(data) > MAX_RECORD_BYTES:
        raise WireFault(f"a registry record has at most {MAX_RECORD_BYTES} bytes")
    signed = parse(pb.SignedRegistryRecord, data)
    record = parse(pb.RegistryRecord, signed.record)
    texts = (record.name, record.grpc_target, record.archive_url, record.log_origin)
    # Control characters could repaint the terminal of whoever lists registries.
    if not all(text.isprintable() for text in texts):
        raise WireFault("a registry record with unprintable texts")
    root = _newest_root(record)
    proofs = [Proof.from_message(s) for s in signed.signatures]
    if not root.approves(proofs, RECORD_KIND, signed.record):
        raise WireFault("a registry record that its root did not sign")
    if record.release not in (pb.STATEMENT_RELEASE_UNSPECIFIED, pb.LOGGED, pb.COVERED):
        raise WireFault("a registry record that releases statements by an unknown rule")
    if record.sequence > MAX_RECORD_SEQUENCE:
        raise WireFault(f"a registry record has a sequence of at most {MAX_RECORD_SEQUENCE}")
    if record.mmd_us < 0:
        raise WireFault("a registry record that promises proofs before their statements")
    keys = _certified_keys(record, root)
    return RegistryRecord(
        registry=record.registry_key_id,
        name=record.name,
        grpc_target=record.grpc_target,
        archive_url=record.archive_url,
        log_origin=record.log_origin,
        sequence=record.sequence,
        expires_at_us=record.expires_at_us,
        max_error_us=record.max_error_us,
        guard_us=record.guard_us,
        min_lead_us=record.min_lead_us,
        max_deadline_us=record.max_deadline_us,
        declared_clock=record.declared_clock,
        tls_certificate=record.tls_certificate,
        statement_keys=tuple(c for c in keys if c.purpose is KeyPurpose.STATEMENT),
        signed=data,
        roots=tuple(entry.root for entry in record.roots),
        log_keys=tuple(c for c in keys if c.purpose is KeyPurpose.LOG),
        revocations=read_revocations(record.revocations),
        witnesses=read_witnesses(record.witnesses, record.witness_quorum),
        witness_quorum=record.witness_quorum,
        covered=record.release == pb.COVERED,
        mmd_us=record.mmd_us,
    )


def _certified_keys(record: pb.RegistryRecord, root: Root) -> list[KeyCertificate]:
    if len(record.keys) > MAX_RECORD_KEYS:
        raise WireFault(f"a registry record has at most {MAX_RECORD_KEYS} keys")
    keys = []
    for entry in record.keys:
        certificate = read_key_certificate(entry)
        proofs = [Proof.from_message(s) for s in entry.signatures]
        if certificate.owner != record.registry_key_id:
            raise WireFault("a registry record with a key of somebody else")
        if not root.approves(proofs, KEY_KIND, entry.certificate):
            raise WireFault("a registry key that the root did not certify")
        if certificate.purpose in _ED25519_KEYS and len(certificate.key) != KEY_BYTES:
            raise WireFault("a registry key of a wrong length")
        keys.append(certificate)
    return keys


def _newest_root(record: pb.RegistryRecord) -> Root:
    if not 1 <= len(record.roots) <= MAX_ROOTS:
        raise WireFault(f"a registry record has 1 to {MAX_ROOTS} roots")
    if registry_id(record.roots[0].root) != record.registry_key_id:
        raise WireFault("the first root is not the one that the registry's id names")
    current: Root | None = None
    for entry in record.roots:
        root = Root.decode(entry.root)
        proofs = [Proof.from_message(s) for s in entry.signatures]
        # A new root is signed by the old threshold and by its own.
        if current is not None and not (
            root.version == current.version + 1 and current.approves(proofs, ROOT_KIND, entry.root)
        ):
            raise WireFault("a root that the root before it did not sign")
        if current is None and root.version != 1:
            raise WireFault("the first root has version 1")
        if not root.approves(proofs, ROOT_KIND, entry.root):
            raise WireFault("a root that its own keys did not sign")
        current = root
    assert current is not None
    return current


def sign_record(record: pb.RegistryRecord, keys: Iterable[SigningKey]) -> bytes:
    """The bytes of a SignedRegistryRecord."""
    payload = canonical(record)
    proofs = [sign(key, RECORD_KIND, payload).to_message() for key in keys]
    return pb.SignedRegistryRecord(record=payload, signatures=proofs).SerializeToString()
