"""The course of a confirmation as a table, and the moves along it (escrow section 10)."""

from functools import lru_cache
from types import MappingProxyType
from typing import Final

from node.core.effects import Answer
from node.core.keyed import replace
from node.core.people.events import BringRequest, DenyRequest, PresentRequest
from node.core.people.notices import is_registered, tell_requester
from node.core.people.rows import (
    OWNER,
    Confirmation,
    ConfirmationPhase,
    KnownPayee,
    Mandate,
    Person,
    PersonPhase,
)
from node.core.view import Step
from proto.limits import US
from proto.reason import Reason, Refusal
from proto.request import PaymentRequest, payee_signed, read_request

P = ConfirmationPhase
_ENDS: Final = frozenset({P.DENIED, P.EXPIRED})

CONFIRMATION_TRANSITIONS: Final = MappingProxyType(
    {
        # APPROVED at once: a standing approval covers it.
        P.RECEIVED: _ENDS | {P.PRESENTED, P.APPROVED},
        P.PRESENTED: _ENDS | {P.APPROVED},
        # COMMITTED at once: payer and payee have their accounts at this node.
        P.APPROVED: frozenset({P.EXECUTING, P.EXPIRED, P.COMMITTED}),
        P.EXECUTING: frozenset({P.COMMITTED, P.ABORTED}),
        P.ABORTED: frozenset({P.EXECUTING, P.EXPIRED}),
        P.COMMITTED: frozenset[ConfirmationPhase](),
        P.DENIED: frozenset[ConfirmationPhase](),
        P.EXPIRED: frozenset[ConfirmationPhase](),
    }
)

MAX_WAITING: Final = 200  # for one person: more than anybody looks through, some 2 MB
# By link, of people who have not come yet; each has some 10 KB of memory and disk.
MAX_UNCLAIMED: Final = 1000  # of one registered requester, and of all strangers together
MAX_OF_STRANGERS: Final = 50  # for one person, so that there is room for those whom he knows
UNCLAIMED_US: Final = 3600 * US  # whoever wants to pay by a link does so now
# What a stranger brings to a name, known here or not: room that he takes comes back by itself.
STRANGERS_US: Final = 7 * 86_400 * US


@lru_cache(maxsize=4096)
def _read(asked: bytes, at_us: int) -> PaymentRequest:
    return read_request(payee_signed(asked)[0], at_us, own=True)


def request_in(confirmation: Confirmation) -> PaymentRequest:
    """What was asked. It was read and verified when it came."""
    return _read(confirmation.asked, confirmation.received_at_us)


def confirmation_of(step: Step, confirmation: bytes) -> Confirmation | None:
    """The row, as it stands in this step."""
    row = step.row((Confirmation.table, confirmation, b""))
    return row if isinstance(row, Confirmation) else None


def is_of(confirmation: Confirmation, person: bytes) -> bool:
    """Whether it has become this person's; empty: the owner's."""
    return confirmation.person == person and (person != OWNER or confirmation.owned)


def move(step: Step, confirmation: Confirmation, phase: ConfirmationPhase) -> Confirmation:
    """Moves it along the table; what else changes is in `confirmation` already."""
    assert phase in CONFIRMATION_TRANSITIONS[confirmation.phase], (confirmation.phase, phase)
    ended_at_us = step.now_us if phase.final else 0
    moved = replace(confirmation, phase=phase, ended_at_us=ended_at_us)
    step.put(moved)
    return moved


def end_confirmation(
    step: Step, confirmation: bytes, phase: ConfirmationPhase, because: str = ""
) -> None:
    """Its final phase, and word of it to whoever asked."""
    row = confirmation_of(step, confirmation)
    assert row is not None
    ended = move(step, replace(row, because=because), phase)
    if phase is P.COMMITTED:
        _know_payee(step, ended)
    elif row.approved:
        _end_grant(step, ended)
    tell_requester(step, ended, request_in(ended))


def _end_grant(step: Step, confirmation: Confirmation) -> None:
    """What was not paid is as if it had never been requested: so is the standing approval that it
    asked for."""
    granted = step.row((Mandate.table, confirmation.request_hash, b""))
    if isinstance(granted, Mandate) and granted.confirmation == confirmation.id:
        step.put(replace(granted, revoked_at_us=granted.revoked_at_us or step.now_us))


def _know_payee(step: Step, confirmation: Confirmation) -> None:
    """Its key is pinned to the name by which it was paid first."""
    request = request_in(confirmation)
    known = step.row((KnownPayee.table, confirmation.person, confirmation.payee))
    if isinstance(known, KnownPayee):
        step.put(replace(known, last_at_us=step.now_us, payments=known.payments + 1))
        return
    step.put(
        KnownPayee(
            person=confirmation.person,
            payee=bytes(confirmation.payee),
            name=request.payee_alias,
            domain=request.domain,
            first_at_us=step.now_us,
            last_at_us=step.now_us,
        )
    )


def bring_request(step: Step, event: BringRequest) -> Answer:
    """A request arrives. Its id comes from payee and request_id, so a repeated one is found, and
    another one under the same id is refused: a request is single use."""
    row = event.row
    known = confirmation_of(step, row.id)
    if known is not None:
        same = known.request_hash == row.request_hash
        return Answer(None if same else Refusal(Reason.REPEATED_OTHERWISE))
    request = request_in(row)
    if request.audience not in (b"", bytes(step.settings.node)):
        return Answer(Refusal(Reason.ANOTHER_PAYER))
    if step.now_us > row.expires_at_us:
        return Answer(Refusal(Reason.REQUEST_EXPIRED, step.now_us - row.expires_at_us))
    if not _has_room(step, row):
        return Answer(Refusal(Reason.LIMIT_REACHED))
    # From here on it must succeed.
    if not row.person and not row.owned:
        row = replace(row, expires_at_us=min(row.expires_at_us, step.now_us + UNCLAIMED_US))
    elif row.requester and not is_registered(step, row.requester):
        row = replace(row, expires_at_us=min(row.expires_at_us, step.now_us + STRANGERS_US))
    step.put(row)
    return Answer()


def _has_room(step: Step, row: Confirmation) -> bool:
    """Nobody fills a list with what its reader did not ask for, or keeps others out of it."""
    waiting = [
        x for x in step.view.of_person(row.person)
        if isinstance(x, Confirmation) and x.phase.waiting and x.owned == row.owned
    ]  # fmt: skip
    brought_by_person = not row.requester
    if row.person or row.owned:
        strangers = [x for x in waiting if x.requester and not is_registered(step, x.requester)]
        stranger = not brought_by_person and not is_registered(step, row.requester)
        return len(waiting) < MAX_WAITING and not (stranger and len(strangers) >= MAX_OF_STRANGERS)
    if is_registered(step, row.requester):
        return sum(x.requester == row.requester for x in waiting) < MAX_UNCLAIMED
    return sum(not is_registered(step, x.requester) for x in waiting) < MAX_UNCLAIMED


def present_request(step: Step, event: PresentRequest) -> Answer:
    """Its person looks at it; who opens one without a name makes it his own."""
    row = confirmation_of(step, event.confirmation)
    if row is None:
        return Answer(Refusal(Reason.CONFIRMATION_UNKNOWN))
    if not is_of(row, event.person):
        if row.person or row.owned or not row.phase.waiting:
            return Answer(Refusal(Reason.CONFIRMATION_UNKNOWN))
        if event.person and not may_act(step, event.person):
            return Answer(Refusal(Reason.PERSON_UNKNOWN))
        row = replace(row, person=event.person, owned=event.person == OWNER)
    if row.phase is P.RECEIVED:
        if step.now_us > row.expires_at_us:
            return Answer(Refusal(Reason.REQUEST_EXPIRED, step.now_us - row.expires_at_us))
        move(step, replace(row, presented_at_us=step.now_us), P.PRESENTED)
    return Answer()


def may_act(step: Step, person: bytes) -> bool:
    """Whether an account is open."""
    row = step.row((Person.table, person, b""))
    return isinstance(row, Person) and row.phase is PersonPhase.ACTIVE


def deny_request(step: Step, event: DenyRequest) -> Answer:
    """As if it had never been requested: nothing was promised, nothing is held."""
    row = confirmation_of(step, event.confirmation)
    if row is None or not is_of(row, event.person):
        return Answer(Refusal(Reason.CONFIRMATION_UNKNOWN))
    if row.phase is P.DENIED:
        return Answer()
    if not row.phase.waiting:
        return Answer(Refusal(Reason.CONFIRMATION_ENDED))
    end_confirmation(step, row.id, P.DENIED)
    return Answer()


def expire_confirmation(step: Step, row: Confirmation) -> None:
    """Its time has come and nobody has answered."""
    if row.phase.waiting and step.now_us > row.expires_at_us:
        end_confirmation(step, row.id, P.EXPIRED, Reason.REQUEST_EXPIRED.name)
