"""A registry's record as people and programs read it: keys, clock, limits, policy. Pure."""

from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256

from proto.key_certificate import read_key_certificate
from proto.keys import KeyPurpose
from proto.registry_record import RegistryRecord, Root
from proto.v1 import types_pb2 as pb


@dataclass(frozen=True, slots=True)
class KeyView:
    """A certified key and its life (µs UTC); `revoked_at_us` is 0 where it was not."""

    purpose: KeyPurpose
    key: bytes
    not_before_us: int
    not_after_us: int
    revoked_at_us: int

    def alive(self, now_us: int) -> bool:
        revoked = self.revoked_at_us and self.revoked_at_us < now_us
        return self.not_before_us <= now_us <= self.not_after_us and not revoked


@dataclass(frozen=True, slots=True)
class RecordView:
    """A verified record with what only its page and its JSON form show."""

    record: RegistryRecord
    leap: str
    protocol_version: str
    roots: tuple[Root, ...]
    keys: tuple[KeyView, ...]


def record_view(record: RegistryRecord) -> RecordView:
    """`record` was verified, so its parts can be read without checking them again."""
    content = pb.RegistryRecord.FromString(pb.SignedRegistryRecord.FromString(record.signed).record)
    revoked = {revocation.key: revocation.at_us for revocation in record.revocations}
    certificates = [read_key_certificate(entry) for entry in content.keys]
    keys = (
        KeyView(c.purpose, c.key, c.not_before_us, c.not_after_us, revoked.get(c.key, 0))
        for c in certificates
    )
    return RecordView(
        record,
        content.leap,
        content.protocol_version,
        tuple(Root.decode(entry.root) for entry in content.roots),
        tuple(keys),
    )


def record_json(view: RecordView) -> dict[str, object]:
    """The record in words; `record` holds the signed bytes, which alone prove any of it."""
    record = view.record
    return {
        "registry": record.registry.hex(),
        "name": record.name,
        "sequence": record.sequence,
        "expires_at_us": record.expires_at_us,
        "protocol_version": view.protocol_version,
        "grpc_target": record.grpc_target,
        "archive_url": record.archive_url,
        "log_origin": record.log_origin,
        "clock": {
            "source": "declared" if record.declared_clock else "chrony",
            "max_error_us": record.max_error_us,
            "leap": view.leap,
        },
        "limits": {
            "guard_us": record.guard_us,
            "min_lead_us": record.min_lead_us,
            "max_deadline_us": record.max_deadline_us,
            "mmd_us": record.mmd_us,
        },
        "policy": {
            "release": "covered" if record.covered else "logged",
            "witness_quorum": record.witness_quorum,
            "witnesses": [{"key": w.key.encode(), "url": w.url} for w in record.witnesses],
        },
        "roots": [
            {"version": r.version, "threshold": r.threshold, "keys": [k.hex() for k in r.keys]}
            for r in view.roots
        ],
        "keys": [
            {
                "purpose": key.purpose.name,
                "key": key.key.hex(),
                "not_before_us": key.not_before_us,
                "not_after_us": key.not_after_us,
                "revoked_at_us": key.revoked_at_us or None,
            }
            for key in view.keys
        ],
        "tls_certificate_sha256": sha256(record.tls_certificate).hexdigest(),
        "record": b64encode(record.signed).decode(),
    }
