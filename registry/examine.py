"""From bytes that strangers send to checked events (registry sections 2 and 7). Pure.

Cheap checks first: lengths, the descriptor's form, membership; signatures last, and only for an
item that nothing cheaper has settled.
"""

from collections.abc import Callable
from dataclasses import dataclass

from proto.certificate import CertificateInvalid, Records, verify_statement
from proto.commit import Evidence, decline_satisfies, evidence_satisfies
from proto.descriptor import DescriptorInvalid, commit_id, decode_descriptor
from proto.limits import MAX_EVIDENCE_BYTES, MAX_PREIMAGE_BYTES
from proto.statement import Outcome, SignedStatement
from proto.wire import WireFault
from registry.log import CommitShown, DeclineShown, Reason, Refused, Subject
from registry.relay import MAX_RELAYED_BYTES, as_relayed, leaves_room


@dataclass(frozen=True, slots=True)
class Examiner:
    """Knows which registry it works for and the records of the members it sits beside."""

    registry: bytes
    records: Records
    now_us: Callable[[], int]  # by now, which keys of the others count

    def commit(self, subject: Subject, evidence: bytes, known: bool) -> CommitShown:
        """Checks the evidence. `known`: a row exists already, so that nothing depends on it."""
        if known or not self._may_matter(subject, evidence):
            return CommitShown(subject, evidence, satisfied=False)
        try:
            read = Evidence.decode(evidence)
        except WireFault:
            return CommitShown(subject, evidence, satisfied=False)
        if not leaves_room(subject.descriptor.policy, read):
            return CommitShown(subject, evidence, satisfied=False)
        if not evidence_satisfies(subject.descriptor, subject.commit_id, read):
            return CommitShown(subject, evidence, satisfied=False)
        return CommitShown(subject, evidence, True, len(self.relayed(subject, read)))

    def relayed(self, subject: Subject, evidence: Evidence) -> dict[bytes, bytes]:
        """The valid COMMITTED statements of distinct other members that the evidence carries, by
        member: SignedStatement bytes, as they are passed on. There are j of them."""
        members = subject.descriptor.policy.members
        seen: dict[bytes, bytes] = {}
        # More statements than members cannot count, and each costs a signature check.
        for data in evidence.relayed[: len(members)]:
            try:
                signed = SignedStatement.decode(data)
                member, leaf = verify_statement(
                    signed, subject.descriptor, subject.commit_id, self.records, self.now_us()
                )
            except (WireFault, CertificateInvalid):
                continue  # a worthless statement buys no time, and costs the commit nothing
            if leaf.outcome is not Outcome.COMMITTED or member == self.registry:
                continue
            # What could not be passed on must not buy time either.
            if len(onward := as_relayed(signed)) <= MAX_RELAYED_BYTES:
                seen.setdefault(member, onward)
        return seen

    def _may_matter(self, subject: Subject, evidence: bytes) -> bool:
        member = self.registry in subject.descriptor.policy.members
        return member and len(evidence) <= MAX_EVIDENCE_BYTES


def read_subject(data: bytes) -> Subject | Refused:
    """Validates a descriptor (rules N1–N5)."""
    try:
        descriptor = decode_descriptor(data)
    except DescriptorInvalid:
        return Refused(Reason.INVALID_DESCRIPTOR)
    return Subject(commit_id(data), descriptor, data)


def examine_decline(subject: Subject, preimage: bytes) -> DeclineShown:
    """Its evidence is the preimage in the form in which a commit shows one."""
    if len(preimage) > MAX_PREIMAGE_BYTES:
        return DeclineShown(subject, b"", satisfied=False)
    satisfied = decline_satisfies(subject.descriptor, preimage)
    return DeclineShown(subject, Evidence(preimages=(preimage,)).encode(), satisfied)
