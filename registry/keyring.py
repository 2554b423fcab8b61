"""The online keys that a registry holds, and which of them signs at which time. Pure.

A new key is certified before its time begins, so that nodes and witnesses hear of it first; then it
takes over by itself. What the old key signed stays valid until its end, and logged for ever.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from proto.key_certificate import read_key_certificate
from proto.keys import KeyCertificate, KeyPurpose, SigningKey
from proto.registry_record import RegistryRecord
from proto.v1 import types_pb2 as pb

ONLINE_PURPOSES = (KeyPurpose.STATEMENT, KeyPurpose.LOG)


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key whose secret is at hand, certified by the registry's root."""

    key: SigningKey
    certificate: KeyCertificate
    signed: bytes  # SignedKeyCertificate, as it is logged
    end_us: int  # the end of its life, or its revocation where that comes first

    def in_force(self, at_us: int) -> bool:
        return self.certificate.not_before_us <= at_us <= self.end_us


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Held keys that the record certifies; what it does not certify yet signs nothing."""

    held: tuple[HeldKey, ...]

    def newest(self, purpose: KeyPurpose, at_us: int) -> HeldKey | None:
        """The key that signs at this time: of those in force the one that began last.

        Of two that began together the one that was certified later: a record appends them.
        """
        found = [h for h in self._of(purpose) if h.in_force(at_us)]
        return max(reversed(found), key=lambda h: h.certificate.not_before_us, default=None)

    def covered_until_us(self, purpose: KeyPurpose, at_us: int) -> int:
        """Until when there is one key or another without a gap; before `at_us` where none is."""
        until_us = at_us - 1
        for held in sorted(self._of(purpose), key=lambda h: h.certificate.not_before_us):
            if held.certificate.not_before_us <= until_us + 1:
                until_us = max(until_us, held.end_us)
        return until_us

    def to_log(self, at_us: int) -> list[bytes]:
        """Certificates of keys that sign now or later: they are logged before their first use."""
        lasting = [h for h in self.held if h.end_us >= at_us]
        lasting.sort(key=lambda h: (h.certificate.purpose, h.certificate.not_before_us))
        return [h.signed for h in lasting]

    def _of(self, purpose: KeyPurpose) -> list[HeldKey]:
        return [h for h in self.held if h.certificate.purpose is purpose]


def key_ring(record: RegistryRecord, secrets: Iterable[SigningKey]) -> KeyRing:
    """What `record` certifies of these keys."""
    by_public = {secret.public: secret for secret in secrets}
    content = pb.RegistryRecord.FromString(pb.SignedRegistryRecord.FromString(record.signed).record)
    held = []
    certificates = (*record.statement_keys, *record.log_keys)
    for certificate in certificates:
        secret = by_public.get(certificate.key)
        if secret is None:
            continue
        signed = next(s for s in content.keys if _is(s, certificate))
        end_us = min(certificate.not_after_us, record.revoked_from_us(certificate.key))
        data = signed.SerializeToString(deterministic=True)
        held.append(HeldKey(secret, certificate, data, end_us))
    return KeyRing(tuple(held))


def _is(signed: pb.SignedKeyCertificate, certificate: KeyCertificate) -> bool:
    return read_key_certificate(signed) == certificate
