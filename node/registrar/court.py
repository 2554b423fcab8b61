"""What a certificate proves here, verified once for each group of batches and never in a lock."""

from collections.abc import Mapping

from proto.certificate import (
    Certificate,
    CertificateInvalid,
    CommitCertificate,
    Records,
    verify_abort_certificate,
    verify_commit_certificate,
)
from proto.descriptor import Descriptor
from proto.lateness import LateRule, dominates

Evidence = tuple[Records, Mapping[bytes, LateRule]]
"""Records of the registries at hand, and what the owner has pinned about their witnesses."""


class Court:
    """Lives for one group; remembers what it has verified."""

    def __init__(self, evidence: Evidence, now_us: int) -> None:
        self._records, self._rules = evidence
        self._now_us = now_us
        self._known: dict[bytes, Descriptor | CertificateInvalid] = {}

    def judge(self, certificate: Certificate, now_us: int) -> Descriptor:
        """The descriptor that it decides. Raises CertificateInvalid."""
        key = bytes([isinstance(certificate, CommitCertificate)]) + certificate.encode()
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._verified(certificate, now_us)
        if isinstance(found, CertificateInvalid):
            raise found
        return found

    def _verified(self, certificate: Certificate, now_us: int) -> Descriptor | CertificateInvalid:
        try:
            if isinstance(certificate, CommitCertificate):
                return verify_commit_certificate(certificate, self._records, now_us)
            return verify_abort_certificate(certificate, self._records, now_us)
        except CertificateInvalid as invalid:
            return invalid

    def dominates(self, certificate: CommitCertificate, deadline_us: int) -> bool:
        """Whether a commit counts although an abort was applied before."""
        return dominates(certificate, deadline_us, self._records, self._rules, self._now_us)
