"""Accounts open, are entered by codes, and close; the operator's own entries."""

from typing import Final

from node.core.effects import Answer
from node.core.keyed import replace
from node.core.people.booking import enter, entry_text, purse_of
from node.core.people.confirming import end_confirmation
from node.core.people.events import (
    EndInvitation,
    EndPerson,
    EndSessions,
    JoinPerson,
    SetPurseLimit,
    Transfer,
    UseCode,
)
from node.core.people.rows import (
    CASH,
    Confirmation,
    ConfirmationPhase,
    Credential,
    Entry,
    EntryKind,
    Invitation,
    Mandate,
    OfPeople,
    Person,
    PersonPhase,
    RecoveryCode,
    Session,
    person_id,
)
from node.core.view import Step
from proto.money import Brand
from proto.reason import Reason, Refusal

MAX_CREDENTIALS: Final = 16  # of one person: every device of a large household


def join_person(step: Step, event: JoinPerson) -> Answer:
    """An invitation is taken up, once. For an account that exists it adds a credential, and its
    other ones stay: only the person ends those. What came by recovery codes and rests ends here:
    whoever runs this node has seen who it is now, and the codes may be in other hands."""
    invitation = step.row((Invitation.table, event.invitation, b""))
    if not isinstance(invitation, Invitation) or _is_over(invitation, step.now_us):
        return Answer(Refusal(Reason.INVITATION_ENDED))
    person = event.person
    if person.id != person_id(person.name) or person.name != invitation.name:
        return Answer(Refusal(Reason.NAME_TAKEN))
    known = step.row((Person.table, person.id, b""))
    if isinstance(known, Person) and known.phase is PersonPhase.CLOSED:
        return Answer(Refusal(Reason.NAME_TAKEN))
    mine = [c for c in step.view.of_person(person.id) if isinstance(c, Credential)]
    able = [c for c in mine if not c.ended_at_us and not c.rest_us(step.now_us)]
    if len(able) >= MAX_CREDENTIALS:
        return Answer(Refusal(Reason.LIMIT_REACHED))
    if any(c.id == event.credential.id for c in mine):
        return Answer(Refusal(Reason.REPEATED_OTHERWISE))
    # From here on it must succeed.
    step.put(replace(invitation, person=person.id, ended_at_us=step.now_us))
    if known is None:
        step.put(person)
    _end_what_codes_opened(step, person.id)
    step.put(event.credential)
    if event.codes:
        _replace_codes(step, person.id, event.codes)
    for purse in event.purses:
        if step.row(purse.key) is None:
            step.put(purse)
    return Answer()


def _is_over(invitation: Invitation, now_us: int) -> bool:
    return bool(invitation.ended_at_us) or now_us > invitation.expires_at_us


def _end_what_codes_opened(step: Step, person: bytes) -> None:
    for row in list(step.view.of_person(person)):
        match row:
            case Credential() if row.rest_us(step.now_us) and not row.ended_at_us:
                step.put(replace(row, ended_at_us=step.now_us))
            case Session() if not row.by and not row.ended_at_us:
                step.put(replace(row, ended_at_us=step.now_us))
            case _:
                pass


def _replace_codes(step: Step, person: bytes, codes: tuple[RecoveryCode, ...]) -> None:
    for row in step.view.of_person(person):
        if isinstance(row, RecoveryCode) and not row.used_at_us:
            step.put(replace(row, used_at_us=step.now_us))
    for code in codes:
        step.put(code)


def use_code(step: Step, event: UseCode) -> Answer:
    """A code opens one session and is used up in the same step."""
    person = step.row((Person.table, event.person, b""))
    code = step.row((RecoveryCode.table, event.person, event.code))
    active = isinstance(person, Person) and person.phase is PersonPhase.ACTIVE
    if not active or not isinstance(code, RecoveryCode) or code.used_at_us:
        return Answer(Refusal(Reason.CODE_USED))
    step.put(replace(code, used_at_us=step.now_us))
    step.put(event.session)
    return Answer()


def keep_of_people(step: Step, row: OfPeople) -> Answer:
    """As it is given. What has ended meanwhile stays ended: a browser that says it was seen does
    not bring back the session that was ended before its word was heard."""
    known = step.row(row.key)
    if isinstance(known, Session | Credential) and known.ended_at_us:
        return Answer(Refusal(Reason.PERSON_UNKNOWN))
    if isinstance(row, Session | Credential) and known is None:
        person = step.row((Person.table, row.person, b""))
        if not isinstance(person, Person) or person.phase is PersonPhase.CLOSED:
            return Answer(Refusal(Reason.PERSON_UNKNOWN))
    step.put(row)
    return Answer()


def end_invitation(step: Step, event: EndInvitation) -> Answer:
    """Who has taken it up already keeps the account; closing that is another matter."""
    row = step.row((Invitation.table, event.invitation, b""))
    if not isinstance(row, Invitation) or row.ended_at_us:
        return Answer(Refusal(Reason.INVITATION_ENDED))
    step.put(replace(row, ended_at_us=step.now_us))
    return Answer()


def end_sessions(step: Step, event: EndSessions) -> Answer:
    """Whoever was logged in logs in again, with a credential of the account."""
    if not isinstance(step.row((Person.table, event.person, b"")), Person):
        return Answer(Refusal(Reason.PERSON_UNKNOWN))
    for row in list(step.view.of_person(event.person)):
        if isinstance(row, Session) and event.session in (b"", row.id) and not row.ended_at_us:
            step.put(replace(row, ended_at_us=step.now_us))
    return Answer()


def end_person(step: Step, event: EndPerson) -> Answer:
    """Closes an account. What was approved goes on; what is owed stays owed."""
    person = step.row((Person.table, event.person, b""))
    if not isinstance(person, Person):
        return Answer(Refusal(Reason.PERSON_UNKNOWN))
    if person.phase is PersonPhase.CLOSED:
        return Answer()
    step.put(replace(person, phase=PersonPhase.CLOSED, ended_at_us=step.now_us))
    for row in list(step.view.of_person(event.person)):
        match row:
            case Session() | Credential() if not row.ended_at_us:
                step.put(replace(row, ended_at_us=step.now_us))
            case RecoveryCode() if not row.used_at_us:
                step.put(replace(row, used_at_us=step.now_us))
            case Mandate() if not row.revoked_at_us:
                step.put(replace(row, revoked_at_us=step.now_us))
            case Confirmation() if row.phase.waiting:
                end_confirmation(step, row.id, ConfirmationPhase.DENIED)
            case _:
                pass
    return Answer()


def set_purse_limit(step: Step, event: SetPurseLimit) -> Answer:
    """What the node lets a person owe it."""
    if not isinstance(step.row((Person.table, event.person, b"")), Person):
        return Answer(Refusal(Reason.PERSON_UNKNOWN))
    purse = purse_of(step, event.person, event.brand)
    step.put(replace(purse, limit=event.limit))
    return Answer()


def transfer(step: Step, event: Transfer) -> Answer:
    """Over the counter. What is paid out must be there: it is not the operator's to reserve."""
    if not isinstance(step.row((Person.table, event.person, b"")), Person):
        return Answer(Refusal(Reason.PERSON_UNKNOWN))
    paid_out = event.kind is EntryKind.PAID_OUT
    purse = purse_of(step, event.person, event.brand)
    short = event.amount - purse.available if paid_out else event.amount - purse.room_in
    if short > 0:
        return Answer(Refusal(Reason.BALANCE_SHORT if paid_out else Reason.LIMIT_REACHED, short))
    enter(step, _counter_entry(event, event.brand, paid_out=paid_out))
    return Answer()


def _counter_entry(event: Transfer, brand: Brand, *, paid_out: bool) -> Entry:
    giver, taker = (event.person, CASH) if paid_out else (CASH, event.person)
    return Entry(
        reference=event.reference,
        part=b"",
        giver=giver,
        taker=taker,
        brand=brand,
        amount=event.amount,
        kind=event.kind,
        at_us=event.now_us,
        text=entry_text(event.text),
    )
