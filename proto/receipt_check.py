"""What a payment receipt proves, offline: who got what, from which request, decided by whom.

Nothing here needs a node or a network to be believed. How sure it is depends on what decided:

CERTIFIED   a commit certificate under the policy of the transaction. It rests on the registries
            of that policy, so the caller says which of them it trusts; else it rests on those that
            the payee's request names.
BARE_COMMIT the payee's own signature over the commit of a transaction that no registry decides. It
            is the payee's word alone that it takes what it was promised as paid. A booking beside
            it is its neighbour's word that it booked a promise to the payee; which one, only the
            two of them know.
IN_HOUSE    as BARE_COMMIT, and the payee's node says itself that it booked it: payer and payee are
            people of one node, and all of it rests on that node.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, unique

from proto.approval import Approval, Approved, read_approval, read_approved
from proto.certificate import (
    CertificateFault,
    CertificateInvalid,
    CommitCertificate,
    verify_commit_certificate,
)
from proto.certificate_file import newest_records, read_certificate_file
from proto.commit import Commit, commit_is_valid
from proto.descriptor import Descriptor, DescriptorInvalid, commit_id, decode_descriptor
from proto.envelope import Envelope
from proto.key_life import is_logged
from proto.keys import NodeId
from proto.log_leaf import decision_of
from proto.messages import MESSAGE_KIND, Redeemed, decode
from proto.money import Brand
from proto.policy import RegistryPolicy
from proto.receipt import PaymentReceipt, read_receipt
from proto.receipt_terms import Terms, TermsFault, TermsInvalid, check_terms
from proto.registry_record import RegistryRecord
from proto.request import PaymentRequest, payee_signed, read_request, request_hash
from proto.statement import Statement
from proto.wire import WireFault


@unique
class ReceiptFault(Enum):
    """Why a receipt proves nothing."""

    FORM = "it is no receipt, or not in its only form"
    REQUEST = "its request cannot be read, or the payee did not sign it"
    REQUESTER = "its request is signed by another requester than it names"
    DESCRIPTOR = "its transaction is not valid"
    COMMITTER = TermsFault.COMMITTER.value
    TERMS = TermsFault.TERMS.value
    AMOUNT = TermsFault.AMOUNT.value
    DEADLINE = TermsFault.DEADLINE.value
    OPENING = TermsFault.OPENING.value
    OTHER_PAYEE = TermsFault.OTHER_PAYEE.value
    OTHER_BRAND = TermsFault.OTHER_BRAND.value
    OTHER_PAYER = TermsFault.OTHER_PAYER.value
    OTHER_EXCHANGE = TermsFault.OTHER_EXCHANGE.value
    NO_EVIDENCE = "it shows neither a certificate nor a commit"
    TWO_EVIDENCES = "it shows a certificate and a bare commit as well"
    CERTIFICATE_FORM = "its certificate, or a registry's record beside it, cannot be read"
    ABORTED = "its certificate says that nothing was paid"
    OTHER_TRANSACTION = "its certificate is of another transaction"
    CERTIFICATE = "its certificate proves nothing"
    UNTRUSTED = "too few of the registries that decided are trusted"
    COMMIT = "its commit is not signed by the key of the request"
    UNDECIDED = "registries decide about its transaction, and it has no certificate of theirs"
    BOOKING = "its booking is not what a neighbour signs for the payee"
    APPROVAL = "its approval cannot be read"
    OTHER_APPROVAL = "its approval is of another payment"


class ReceiptInvalid(ValueError):
    """`fault` names what is wrong; `certificate`, where it is CERTIFICATE, what is wrong there."""

    def __init__(self, fault: ReceiptFault, certificate: CertificateFault | None = None) -> None:
        text = fault.value if certificate is None else f"{fault.value}: {certificate.value}"
        super().__init__(text)
        self.fault = fault
        self.certificate = certificate


@dataclass(frozen=True, slots=True)
class Trust:
    """Who may decide about money that the caller takes as paid: registries by their ids, of which
    enough for a commit certificate must have signed, or whole policies."""

    registries: frozenset[bytes] = frozenset()
    policies: frozenset[RegistryPolicy] = frozenset()


@unique
class RestsOn(Enum):
    """What makes a receipt true; explained at the top of this room."""

    CERTIFIED = "certified"
    BARE_COMMIT = "bare commit"
    IN_HOUSE = "in house"


@dataclass(frozen=True, slots=True)
class Decider:
    """A registry's part in a certificate. `logged`: a proof of its log is there, and holds."""

    registry: bytes
    name: str
    decided_at_us: int
    max_error_us: int
    logged: bool


@dataclass(frozen=True, slots=True)
class Paid:
    """What a receipt proves. `amount`: what the payee was to get, in smallest units of `brand`.

    `decided_at_us`: when the certificate's quorum was complete; None without one. `policy`: under
    which it was decided; empty without one. `booked_by`: whose booking is in it. `payer` and
    `exchange` (the proposal's hash) are known where goods went with the money. `requested`: the
    requester's signature is in it. `approved`: fits this payment; whether its signature holds says
    proto.passkey.
    """

    request: PaymentRequest
    request_hash: bytes
    commit_id: bytes
    amount: int
    rests_on: RestsOn
    policy: RegistryPolicy
    deciders: tuple[Decider, ...]
    decided_at_us: int | None
    booked_by: NodeId | None
    payer: NodeId | None
    exchange: bytes
    requested: bool
    approved: Approved | None

    @property
    def payee(self) -> NodeId:
        return self.request.payee

    @property
    def brand(self) -> Brand:
        return self.request.brand

    @property
    def order_hash(self) -> bytes:
        """Of the basket or its terms, as the payee signed it; empty: none."""
        return self.request.order_hash


def check_receipt(
    data: bytes,
    records: Mapping[bytes, RegistryRecord],
    now_us: int,
    trust: Trust | None = None,
) -> Paid:
    """What a receipt (PaymentReceipt bytes) proves now. Raises ReceiptInvalid, and nothing else.

    `records`: of registries, by id, that the caller has; of each the newer one counts, this or the
    receipt's. `trust` None: the policies that the payee's request names. A caller who has not made
    or seen the request must compare payee, amount, brand and request_hash with what it expects:
    anybody can sign a request and pay it to himself.
    """
    receipt, signed, request, requested = _read(data, now_us)
    leg_request = _leg_request(receipt, now_us)
    try:
        descriptor = decode_descriptor(receipt.descriptor)
    except DescriptorInvalid as fault:
        raise ReceiptInvalid(ReceiptFault.DESCRIPTOR) from fault
    terms = _terms(receipt, request, leg_request, signed, descriptor)
    if receipt.certificate and receipt.commit:
        raise ReceiptInvalid(ReceiptFault.TWO_EVIDENCES)
    if not receipt.certificate:
        _check_commit(receipt, descriptor)
        deciders: tuple[Decider, ...] = ()
    else:
        named = request.policies + (leg_request.policies if leg_request is not None else ())
        wanted = trust if trust is not None else Trust(policies=frozenset(named))
        deciders = _certified(receipt, descriptor, records, now_us, wanted)
    booked_by = _booked_by(receipt, request)
    rests_on = RestsOn.CERTIFIED
    if not deciders:
        in_house = request.payee in (booked_by, request.audience)
        rests_on = RestsOn.IN_HOUSE if in_house else RestsOn.BARE_COMMIT
    times_us = sorted(one.decided_at_us for one in deciders)
    return Paid(
        request=request,
        request_hash=request_hash(signed),
        commit_id=commit_id(receipt.descriptor),
        amount=terms.amount,
        rests_on=rests_on,
        policy=descriptor.policy,
        deciders=deciders,
        decided_at_us=times_us[descriptor.policy.qc - 1] if deciders else None,
        booked_by=booked_by,
        payer=terms.payer,
        exchange=terms.exchange,
        requested=requested,
        approved=_approved(receipt, request, request_hash(signed), terms.amount, descriptor),
    )


def _read(data: bytes, now_us: int) -> tuple[PaymentReceipt, bytes, PaymentRequest, bool]:
    """(receipt, what the payee signed, that as a request, whether its requester signed it too)."""
    try:
        receipt = read_receipt(data)
    except WireFault as fault:
        raise ReceiptInvalid(ReceiptFault.FORM) from fault
    try:
        signed, requester = payee_signed(receipt.request)
        request = read_request(signed, now_us)
    except WireFault as fault:
        raise ReceiptInvalid(ReceiptFault.REQUEST) from fault
    named = b"" if request.requester is None else request.requester.key
    if requester not in (b"", named):
        raise ReceiptInvalid(ReceiptFault.REQUESTER)
    return receipt, signed, request, bool(requester)


def _leg_request(receipt: PaymentReceipt, now_us: int) -> PaymentRequest | None:
    if not receipt.leg_request:
        return None
    try:
        return read_request(receipt.leg_request, now_us)
    except WireFault as fault:
        raise ReceiptInvalid(ReceiptFault.REQUEST) from fault


def _terms(
    receipt: PaymentReceipt,
    request: PaymentRequest,
    leg_request: PaymentRequest | None,
    signed: bytes,
    descriptor: Descriptor,
) -> Terms:
    try:
        return check_terms(receipt, request, leg_request, request_hash(signed), descriptor)
    except TermsInvalid as fault:
        raise ReceiptInvalid(ReceiptFault[fault.fault.name]) from fault


def _check_commit(receipt: PaymentReceipt, descriptor: Descriptor) -> None:
    if not receipt.commit:
        raise ReceiptInvalid(ReceiptFault.NO_EVIDENCE)
    # The payee signs before its registries decide: they may have said no, and the money come back.
    if descriptor.policy.members:
        raise ReceiptInvalid(ReceiptFault.UNDECIDED)
    if not commit_is_valid(descriptor, Commit(receipt.descriptor, receipt.commit)):
        raise ReceiptInvalid(ReceiptFault.COMMIT)


def _certified(
    receipt: PaymentReceipt,
    descriptor: Descriptor,
    known: Mapping[bytes, RegistryRecord],
    now_us: int,
    trust: Trust,
) -> tuple[Decider, ...]:
    try:
        file = read_certificate_file(receipt.certificate)
        members = descriptor.policy.members
        records = newest_records((*file.records, *(known[m] for m in members if m in known)))
    except WireFault as fault:
        raise ReceiptInvalid(ReceiptFault.CERTIFICATE_FORM) from fault
    certificate = file.certificate
    if certificate.descriptor != receipt.descriptor:
        raise ReceiptInvalid(ReceiptFault.OTHER_TRANSACTION)
    if not isinstance(certificate, CommitCertificate):
        raise ReceiptInvalid(ReceiptFault.ABORTED)
    try:
        verify_commit_certificate(certificate, records, now_us)
    except CertificateInvalid as fault:
        raise ReceiptInvalid(ReceiptFault.CERTIFICATE, fault.fault) from fault
    deciders = _deciders(certificate, records)
    # With qc of them honest no abort certificate can exist beside this one, whatever others sign.
    trusted = sum(one.registry in trust.registries for one in deciders)
    if descriptor.policy not in trust.policies and trusted < descriptor.policy.qc:
        raise ReceiptInvalid(ReceiptFault.UNTRUSTED)
    return deciders


def _deciders(
    certificate: CommitCertificate, records: Mapping[bytes, RegistryRecord]
) -> tuple[Decider, ...]:
    found = []
    for signed in certificate.statements:
        statement = Statement.decode(signed.statement)
        record = records[statement.registry]
        leaf = decision_of(statement)
        logged = is_logged(signed, statement, record)
        found.append(
            Decider(record.registry, record.name, leaf.decided_at_us, leaf.max_error_us, logged)
        )
    return tuple(found)


def _booked_by(receipt: PaymentReceipt, request: PaymentRequest) -> NodeId | None:
    if not receipt.booking:
        return None
    try:
        envelope = Envelope.decode(receipt.booking)
        sender, receiver, body = decode(envelope.payload)
    except WireFault as fault:
        raise ReceiptInvalid(ReceiptFault.BOOKING) from fault
    ours = envelope.kind == MESSAGE_KIND and isinstance(body, Redeemed)
    if not ours or envelope.signer != sender or receiver != request.payee:
        raise ReceiptInvalid(ReceiptFault.BOOKING)
    return sender


def _approved(
    receipt: PaymentReceipt,
    request: PaymentRequest,
    hashed: bytes,
    amount: int,
    descriptor: Descriptor,
) -> Approved | None:
    if not receipt.approved:
        return None
    try:
        approved = read_approved(receipt.approved)
    except WireFault as fault:
        raise ReceiptInvalid(ReceiptFault.APPROVAL) from fault
    if not approves(read_approval(approved.approval), request, hashed, amount, descriptor.policy):
        raise ReceiptInvalid(ReceiptFault.OTHER_APPROVAL)
    return approved


def approves(
    approval: Approval,
    request: PaymentRequest,
    hashed: bytes,
    amount: int,
    policy: RegistryPolicy,
) -> bool:
    """Whether an approval is of this payment: of the request with this hash, `amount` smallest
    units of it, decided under `policy`. Whether anybody gave it is not asked."""
    return (
        approval.request_hash == hashed
        and approval.brand == request.brand.guid
        and approval.amount <= amount <= approval.total_debit_max
        and (not approval.policies or not policy.members or policy in approval.policies)
    )
