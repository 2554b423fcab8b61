"""The payee: what its requests allow, when it signs, how it declines (protocol section 8)."""

from functools import lru_cache
from hashlib import blake2b
from types import MappingProxyType
from typing import Final

from node.core.asking import plan_asking
from node.core.chain import release
from node.core.effects import Answer
from node.core.escrow import hooks
from node.core.escrow.opening import open_seat
from node.core.events import AddRequest, ConfirmRequest, DeclineRequest
from node.core.people.booking import check_room
from node.core.presenting import present
from node.core.promise import hold
from node.core.rows import (
    Promise,
    PromisePhase,
    Request,
    RequestPhase,
    Role,
    Transaction,
    replace,
)
from node.core.total import whole_of
from node.core.view import Step
from proto.commit import Evidence, sign_share
from proto.descriptor import Descriptor, decode_descriptor
from proto.keys import SigningKey
from proto.levels import Level
from proto.limits import CLAIM_TRAVEL_US, MAX_PARTS, MIN_LEAD_US
from proto.money import Brand
from proto.onion import Deliver
from proto.payment_terms import terms_root
from proto.reason import Reason, Refusal
from proto.request import PaymentRequest, read_request, request_hash


def committer_key(seed: bytes) -> SigningKey:
    """The one-time key of a request. Derived, so that only the seed has to be kept."""
    return SigningKey(blake2b(seed, digest_size=32, person=b"committer").digest())


def decline_preimage(seed: bytes, attempt: int) -> bytes:
    """What ends this attempt early at the registry; another one for each attempt."""
    salt = attempt.to_bytes(2, "big")
    return blake2b(seed, digest_size=32, person=b"decline", salt=salt).digest()


@lru_cache(maxsize=1024)
def _read(signed: bytes, at_us: int) -> PaymentRequest:
    return read_request(signed, at_us, own=True)


def terms_of(request: Request) -> PaymentRequest:
    """What one of our own requests says. It was readable when we signed it."""
    return _read(request.signed, request.created_at_us)


REQUEST_TRANSITIONS: Final = MappingProxyType(
    {
        RequestPhase.OPEN: frozenset({RequestPhase.SIGNED, RequestPhase.DECLINED}),
        # Open again with the next attempt, once nothing of the one before can be redeemed.
        RequestPhase.SIGNED: frozenset(
            {RequestPhase.OPEN, RequestPhase.PAID, RequestPhase.DECLINED}
        ),
        RequestPhase.PAID: frozenset[RequestPhase](),
        RequestPhase.DECLINED: frozenset[RequestPhase](),
    }
)


def add_request(step: Step, event: AddRequest) -> Answer:
    known = step.request(event.request.id)
    if known is not None and known.signed != event.request.signed:
        return Answer(Refusal(Reason.REPEATED_OTHERWISE))
    if known is None:
        step.put(event.request)
    return Answer()


def attempt_is_live(step: Step, request: Request) -> bool:
    """Whether an attempt may still be redeemed: then no other one is taken, let alone signed."""
    if not request.commit:
        return False
    promises = step.promises_for(request)
    return any(p.pending or p.phase is PromisePhase.REDEEMED for p in promises)


def take_delivery(
    step: Step,
    held: Promise,
    descriptor_bytes: bytes,
    descriptor: Descriptor,
    deliver: Deliver,
    brand: Brand,
) -> Refusal | None:
    """The last promise of a chain reached us: take it, and sign once the amount is complete."""
    request = step.request(deliver.request_id)
    if request is None:
        return Refusal(Reason.REQUEST_UNKNOWN)
    known = step.transaction(held.commit)
    if known is not None and not _may_be_paid_under(known, request):
        return Refusal(Reason.LOOP)  # a chain to us that also leads through us
    refusal = (
        _check_request(step, request, held)
        or _check_terms(request, terms_of(request), held, deliver, brand)
        or _check_total(request, descriptor, deliver)
        or _check_committer(request, terms_of(request), held, descriptor, deliver)
        or _check_policy(step, terms_of(request), held, descriptor)
        or _check_time(step, held, descriptor)
        or check_room(step, request, deliver.total)
    )
    if refusal is not None:
        return refusal
    # Of this attempt: what an earlier one was promised under another commit_id has ended.
    pending = [p for p in step.promises_for(request) if p.pending]
    if len(pending) >= MAX_PARTS:
        return Refusal(Reason.PENDING_FULL, MAX_PARTS)
    covered = held.amount + sum(p.amount for p in pending)
    if covered > deliver.total:
        return Refusal(Reason.REQUEST_MISMATCH, covered - deliver.total)
    # From here on it must succeed.
    if request.bound:
        open_seat(step, descriptor_bytes, descriptor)
    elif known is None:
        step.put(
            Transaction(
                commit=held.commit,
                descriptor=descriptor_bytes,
                role=Role.PAYEE,
                deadline_us=descriptor.deadline_us,
                limit_us=descriptor.limit_us,
                owner=request.id,
            )
        )
    if request.commit != held.commit:
        request = replace(
            request,
            commit=held.commit,
            attempt=deliver.attempt,
            taking=deliver.total,
            phase=RequestPhase.OPEN,
        )
        step.put(request)
    hold(step, replace(held, owner=request.id))
    if request.bound:
        if covered == whole_of(request):
            hooks.on_covered(step, request)
    elif request.confirmed or not request.manual:
        _sign_if_complete(step, request)
    plan_asking(step, held.commit)
    return None


def _may_be_paid_under(known: Transaction, request: Request) -> bool:
    """V11: what we are in a transaction already, beside the payee of this request."""
    if request.bound:
        return known.role in (Role.HOP, Role.SEAT)
    return known.role is Role.PAYEE


def _check_request(step: Step, request: Request, held: Promise) -> Refusal | None:
    if request.phase is RequestPhase.PAID:
        return Refusal(Reason.REQUEST_PAID)
    if request.phase is RequestPhase.DECLINED:
        return Refusal(Reason.PAYEE_DECLINED)
    if step.now_us > request.expires_at_us:
        return Refusal(Reason.REQUEST_EXPIRED, step.now_us - request.expires_at_us)
    if request.commit == held.commit:
        # A further chain of the live attempt; after signing there is nothing left to add.
        return Refusal(Reason.REQUEST_BUSY) if request.phase is RequestPhase.SIGNED else None
    if attempt_is_live(step, request):
        return Refusal(Reason.REQUEST_BUSY)
    return None


def _check_terms(
    request: Request,
    terms: PaymentRequest,
    held: Promise,
    deliver: Deliver,
    brand: Brand,
) -> Refusal | None:
    # The leg of an exchange leaves no choice: its amount is the exchange's.
    least = 0 if request.bound else request.least
    fits = (least or request.amount) <= deliver.total <= request.amount
    if brand.guid != request.brand.guid or not fits or deliver.total % request.brand.unit:
        return Refusal(Reason.REQUEST_MISMATCH)
    # Of a leg: a bare commit, or a clock, would move what only the registry may move.
    if not terms.takes_level(held.level) or (request.bound and held.level is not Level.ATOMIC):
        return Refusal(Reason.LAST_LEVEL_REFUSED)
    return None


def _check_total(request: Request, descriptor: Descriptor, deliver: Deliver) -> Refusal | None:
    """A chosen total stands in the descriptor, so that what we sign proves it: else a payer could
    show our signature as the receipt of a larger one. Chains of one attempt share the descriptor,
    so that none of them can name another total."""
    if not request.least or request.bound:
        return None
    root = terms_root(descriptor.salt, request_hash(request.signed), deliver.total)
    return None if descriptor.terms_root == root else Refusal(Reason.REQUEST_MISMATCH)


def _check_committer(
    request: Request,
    terms: PaymentRequest,
    held: Promise,
    descriptor: Descriptor,
    deliver: Deliver,
) -> Refusal | None:
    """Who signs for it: our own one-time key alone, or the seats of the exchange that it is of."""
    if terms.exchange and not request.bound:
        return Refusal(Reason.REQUEST_MISMATCH)  # it is paid by a leg of the exchange that it names
    if request.bound:
        if held.commit != request.bound:
            return Refusal(Reason.REQUEST_MISMATCH)
        return _check_deadline(terms, descriptor)
    ours = (terms.committer_key,)
    if descriptor.committers != ours or descriptor.threshold != 1 or descriptor.hashlocks:
        return Refusal(Reason.REQUEST_MISMATCH)
    if descriptor.decline_hash:
        hashes = terms.decline_hashes
        known = deliver.attempt < len(hashes)
        if not known or descriptor.decline_hash != hashes[deliver.attempt]:
            return Refusal(Reason.REQUEST_MISMATCH)
    return _check_deadline(terms, descriptor)


def _check_deadline(terms: PaymentRequest, descriptor: Descriptor) -> Refusal | None:
    if descriptor.deadline_us > terms.latest_deadline_us:
        return Refusal(Reason.REQUEST_MISMATCH, descriptor.deadline_us - terms.latest_deadline_us)
    return None


def _check_policy(
    step: Step, terms: PaymentRequest, held: Promise, descriptor: Descriptor
) -> Refusal | None:
    """V5: where the payee has to show a certificate, it can ask for one and read it."""
    if not held.level.needs_stamp:
        return None
    readable = frozenset(descriptor.policy.members) <= step.settings.known
    if descriptor.policy in terms.policies and readable:
        return None
    return Refusal(Reason.POLICY_REFUSED)


def _check_time(step: Step, held: Promise, descriptor: Descriptor) -> Refusal | None:
    """V5's other half: what is signed must still be redeemable when it arrives."""
    last_us = descriptor.deadline_us - 2 * MIN_LEAD_US if held.level.needs_stamp else None
    if held.level.has_expiry:
        travel_us = held.expires_at_us - CLAIM_TRAVEL_US
        last_us = travel_us if last_us is None else min(last_us, travel_us)
    assert last_us is not None
    return Refusal(Reason.TIME_SHORT, step.now_us - last_us) if step.now_us > last_us else None


def _sign(step: Step, request: Request) -> None:
    """Signs the live attempt: the one act that can commit this payment.

    A crash after this change is durable repeats the submission or the claims; before it, nothing
    was signed that anybody has seen.
    """
    share = sign_share(committer_key(request.seed), request.commit)
    transaction = step.the_transaction(request.commit)
    transaction = replace(transaction, commit_evidence=Evidence((share,)).encode())
    step.put(transaction)
    step.put(replace(request, phase=RequestPhase.SIGNED))
    held = [p for p in step.promises_for(request) if p.pending]
    # Where one chain needs the stamp, a bare commit on another could move half of the money.
    if not any(p.level.needs_stamp for p in held):
        for promise in held:
            present(step, promise, transaction)


def confirm_request(step: Step, event: ConfirmRequest) -> Answer:
    """The owner wants the money: sign now if the promises are there, else when they come."""
    request = step.request(event.request)
    if request is None:
        return Answer(Refusal(Reason.REQUEST_UNKNOWN))
    if request.phase is RequestPhase.DECLINED:
        return Answer(Refusal(Reason.PAYEE_DECLINED))
    if request.bound or request.phase is not RequestPhase.OPEN or request.confirmed:
        return Answer()  # a seat has been confirmed as a whole, or has not
    request = replace(request, confirmed=True)
    step.put(request)
    if request.commit:
        _sign_if_complete(step, request)
        plan_asking(step, request.commit)
    return Answer()


def _sign_if_complete(step: Step, request: Request) -> None:
    transaction = step.the_transaction(request.commit)
    held = [p for p in step.promises_for(request) if p.pending]
    if transaction.decided or sum(p.amount for p in held) != whole_of(request):
        return
    descriptor = decode_descriptor(transaction.descriptor)
    if all(_check_time(step, p, descriptor) is None for p in held):
        _sign(step, request)


def decline_request(step: Step, event: DeclineRequest) -> Answer:
    """The owner does not want the money. What is signed already cannot be taken back."""
    request = step.request(event.request)
    if request is None:
        return Answer(Refusal(Reason.REQUEST_UNKNOWN))
    if request.phase is RequestPhase.DECLINED:
        return Answer()
    if request.phase is RequestPhase.PAID:
        return Answer(Refusal(Reason.REQUEST_PAID))
    if request.bound:
        return Answer(Refusal(Reason.REQUEST_BUSY))  # it ends with the exchange
    if request.phase is RequestPhase.SIGNED and attempt_is_live(step, request):
        return Answer(Refusal(Reason.REQUEST_BUSY))
    step.put(replace(request, phase=RequestPhase.DECLINED, ended_at_us=step.now_us))
    if request.commit:
        _decline_attempt(step, request)
    return Answer()


def _decline_attempt(step: Step, request: Request) -> None:
    transaction = step.the_transaction(request.commit)
    held = [p for p in step.promises_for(request) if p.pending]
    for promise in held:
        release(step, promise, Refusal(Reason.PAYEE_DECLINED))
    descriptor = decode_descriptor(transaction.descriptor)
    hashes = terms_of(request).decline_hashes
    if held and descriptor.decline_hash and request.attempt < len(hashes):
        preimage = decline_preimage(request.seed, request.attempt)
        step.put(replace(transaction, decline_preimage=preimage))
    plan_asking(step, request.commit)
