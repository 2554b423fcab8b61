"""An approval becomes a payment: every check first, then what must succeed, in one step."""

from node.core.effects import Answer, DrivePayment
from node.core.escrow.sitting import join_seat
from node.core.events import CreatePayment
from node.core.keyed import replace
from node.core.payee import committer_key, terms_of
from node.core.payer import create_payment
from node.core.people.booking import (
    check_room,
    debit,
    enter,
    entry_text,
    purse_of,
    release_reserve,
    reserve,
)
from node.core.people.confirming import (
    confirmation_of,
    end_confirmation,
    is_of,
    may_act,
    move,
)
from node.core.people.events import ApproveRequest
from node.core.people.exchanges import check_exchange
from node.core.people.mandates import check_mandate, draw_on, grant
from node.core.people.rows import (
    LINES,
    OWNER,
    Confirmation,
    ConfirmationPhase,
    Credential,
    CredentialKind,
    Entry,
    EntryKind,
)
from node.core.rows import Request, RequestPhase
from node.core.view import Step
from proto.approval import PasskeyProof, read_approved
from proto.commit import Evidence, sign_share
from proto.descriptor import DescriptorInvalid, commit_id, decode_descriptor
from proto.envelope import Proof
from proto.reason import Reason, Refusal
from proto.receipt_terms import in_house_descriptor
from proto.wire import WireFault


def approve_request(step: Step, event: ApproveRequest) -> Answer:
    """The person's word: exactly this payment. Repeated it changes nothing.

    A crash before the commit of this step has approved nothing; after it the payment is driven
    from its row, as after any start.
    """
    row = confirmation_of(step, event.confirmation)
    if row is not None and row.approved and row.approved == event.approved:
        return Answer()
    refusal = _check(step, row, event)
    if refusal is not None:
        return Answer(refusal)
    assert row is not None
    in_house = event.request.payee == step.settings.node
    if event.join is not None:
        # It checks and joins, and nothing before it has changed anything.
        refusal = join_seat(step, event.join, event.confirmation).refusal
    elif in_house:
        refusal = _check_in_house(step, event)
    else:
        # It checks and puts the payment, and nothing before it has changed anything.
        refusal = create_payment(step, _payment(step, event)).refusal
    if refusal is not None:
        return Answer(refusal)
    # From here on it must succeed.
    approval = event.approval
    row = replace(
        reserve(step, row, approval.total_debit_max),
        approved=event.approved,
        approved_at_us=step.now_us,
        valid_until_us=approval.valid_until_us,
        amount=approval.amount,
        debit_max=approval.total_debit_max,
        mandate=event.mandate,
    )
    row = move(step, row, ConfirmationPhase.APPROVED)
    if event.mandate:
        draw_on(step, event.mandate, approval.total_debit_max)
    if event.request.mandate is not None:
        grant(step, row, event)
    if event.join is not None:
        step.put(replace(row, seat=event.join.deal))  # its payment is made when all have joined
    elif in_house:
        _pay_in_house(step, row, event)
    else:
        step.effects.append(DrivePayment(row.id))  # the payment has the id of its approval
    return Answer()


def _check(step: Step, row: Confirmation | None, event: ApproveRequest) -> Refusal | None:
    if row is None or not is_of(row, event.person):
        return Refusal(Reason.CONFIRMATION_UNKNOWN)
    may = row.phase is ConfirmationPhase.PRESENTED or (event.mandate and row.phase.waiting)
    if not may:
        return Refusal(Reason.CONFIRMATION_ENDED)
    approval, request = event.approval, event.request
    last_us = min(row.expires_at_us, approval.valid_until_us)
    if step.now_us > last_us:
        return Refusal(Reason.REQUEST_EXPIRED, step.now_us - last_us)
    said = (approval.approval_id, approval.request_hash, approval.person, approval.brand)
    if said != (row.id, row.request_hash, event.person, row.brand.guid):
        return Refusal(Reason.APPROVAL_MISMATCH)
    if event.person != OWNER and not may_act(step, event.person):
        return Refusal(Reason.PERSON_UNKNOWN)
    if not _is_given(step, event):
        return Refusal(Reason.APPROVAL_MISMATCH)
    if rest_us := _rest_us(step, event):
        return Refusal(Reason.CREDENTIAL_RESTS, rest_us)
    if not request.takes_amount(approval.amount):
        return Refusal(Reason.REQUEST_MISMATCH)
    if refusal := check_exchange(step, event):
        return refusal
    if event.mandate:
        refusal = check_mandate(step, row, event)
        if refusal is not None:
            return refusal
    elif request.mandate is not None and step.now_us > request.mandate.until_us:
        return Refusal(Reason.MANDATE_ENDED)
    if event.person != OWNER:
        purse = purse_of(step, event.person, row.brand)
        if purse.brand != row.brand:
            # The payee wrote the name: "play money" with the id of money would be debited as such.
            return Refusal(Reason.BRAND_OTHERWISE)
        available = purse.available
        if approval.total_debit_max > available:
            return Refusal(Reason.BALANCE_SHORT, approval.total_debit_max - available)
    return None


def _is_given(step: Step, event: ApproveRequest) -> bool:
    """Whether it says what is checked here, in a form that can be read again, and by whom it must.

    Who verified the signature looked the credential up before this step: since then it may have
    been ended, at another process too, which is heard of here because the row is read in the step.
    """
    try:
        approved = read_approved(event.approved)
    except WireFault:
        return False  # else the first attempt would fail on it, at every start of this node
    if approved.approval != event.approval.encode():
        return False
    by = approved.by
    if isinstance(by, bytes) or event.mandate:
        return by == event.mandate
    if event.person == OWNER:
        return isinstance(by, Proof)  # by his own key, which has no row; he has no passkeys
    named = by.key if isinstance(by, Proof) else by.credential
    said = (
        (CredentialKind.KEY, by.key)
        if isinstance(by, Proof)
        else (CredentialKind.PASSKEY, by.public_key)
    )
    row = step.row((Credential.table, event.person, named))
    if not isinstance(row, Credential) or row.ended_at_us:
        return False
    return (row.kind, row.public_key) == said


def _rest_us(step: Step, event: ApproveRequest) -> int:
    """How long the passkey that was used still rests."""
    by = read_approved(event.approved).by
    if not isinstance(by, PasskeyProof):
        return 0
    row = step.row((Credential.table, event.person, by.credential))
    assert isinstance(row, Credential), "_is_given has seen it"
    return row.rest_us(step.now_us)


def _payment(step: Step, event: ApproveRequest) -> CreatePayment:
    return CreatePayment(
        now_us=step.now_us,
        payment=event.confirmation,
        request_hash=event.approval.request_hash,
        signed=event.signed,
        request=event.request.over(event.approval.amount),
        options=event.options,
        confirmation=event.confirmation,
    )


def _check_in_house(step: Step, event: ApproveRequest) -> Refusal | None:
    """The payee is this very node, or one of its people: nobody else has to promise anything."""
    request = step.request(event.request.request_id)
    if request is None:
        return Refusal(Reason.REQUEST_UNKNOWN)
    if request.signed != event.signed or not _says_what_is_paid(event):
        return Refusal(Reason.REQUEST_MISMATCH)
    if request.person == event.person:
        return Refusal(Reason.SELF_PAYMENT)
    if request.phase is RequestPhase.PAID:
        return Refusal(Reason.REQUEST_PAID)
    if request.phase is RequestPhase.DECLINED:
        return Refusal(Reason.PAYEE_DECLINED)
    busy = any(p.pending for p in step.promises_for(request))
    if request.phase is not RequestPhase.OPEN or busy or request.bound:
        return Refusal(Reason.REQUEST_BUSY)
    if request.manual and not request.confirmed:
        return Refusal(Reason.REQUEST_BUSY)
    return check_room(step, request, event.approval.amount)


def _says_what_is_paid(event: ApproveRequest) -> bool:
    """Whether the descriptor is of this request and amount: the receipt rests on it."""
    try:
        said = decode_descriptor(event.descriptor)
    except DescriptorInvalid:
        return False
    approval = event.approval
    return said == in_house_descriptor(
        event.request, approval.request_hash, approval.amount, said.salt, said.deadline_us
    )


def _pay_in_house(step: Step, row: Confirmation, event: ApproveRequest) -> None:
    """From purse to purse. The payee's commit is signed all the same, and is the receipt."""
    request = step.request(event.request.request_id)
    assert isinstance(request, Request)
    share = sign_share(committer_key(request.seed), commit_id(event.descriptor))
    row = replace(row, settlement=(event.descriptor, Evidence((share,)).encode()))
    terms = terms_of(request)
    entry = Entry(
        reference=row.id,
        part=b"",
        giver=row.person,
        # What the owner of the node gets or gives has no purse: it is what the lines are for.
        taker=request.person or LINES,
        brand=row.brand,
        amount=row.amount,
        kind=EntryKind.IN_HOUSE,
        at_us=step.now_us,
        name=terms.payee_alias,
        text=entry_text(terms.description),
    )
    row = _debit_in_house(step, row, entry)
    release_reserve(step, row)
    step.put(
        replace(
            request,
            phase=RequestPhase.PAID,
            commit=b"",
            attempt=0,
            taking=row.amount,
            ended_at_us=step.now_us,
        )
    )
    end_confirmation(step, row.id, ConfirmationPhase.COMMITTED)


def _debit_in_house(step: Step, row: Confirmation, entry: Entry) -> Confirmation:
    row = debit(step, row, entry)
    if row.person == OWNER:
        # The owner pays one of his people: it comes out of what the lines have brought him.
        enter(step, replace(entry, giver=LINES))
    return row
