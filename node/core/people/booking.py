"""Purses and the journal: what is held for an approval, and what has become an entry.

Every amount that enters a purse has left another account by the same entry, so what all accounts
have sums up to nothing at any time (the books of `node.core.line`, one level further in).
"""

from hashlib import blake2b
from typing import Final

from node.core.keyed import replace
from node.core.money_rows import Promise
from node.core.people.rows import (
    CASH,
    LINES,
    OWNER,
    Confirmation,
    Entry,
    EntryKind,
    Mandate,
    Purse,
)
from node.core.rows import Request
from node.core.view import Step
from proto.money import Brand
from proto.reason import Reason, Refusal

MAX_ENTRY_TEXT: Final = 200  # of what pages show beside an amount; the request has the rest


def purse_of(step: Step, person: bytes, brand: Brand) -> Purse:
    """The account as it stands; an empty one where there was none."""
    row = step.row((Purse.table, person, brand.guid))
    return row if isinstance(row, Purse) else Purse(person, brand.guid, brand)


def enter(step: Step, entry: Entry) -> None:
    """Books one line of the journal in both accounts. Its key is new: once booked is booked."""
    assert entry.amount > 0 and entry.giver != entry.taker
    if entry.giver not in (LINES, CASH):
        purse = purse_of(step, entry.giver, entry.brand)
        step.put(replace(purse, booked_out=purse.booked_out + entry.amount))
    if entry.taker not in (LINES, CASH):
        purse = purse_of(step, entry.taker, entry.brand)
        step.put(replace(purse, booked_in=purse.booked_in + entry.amount))
    step.put(entry)


def check_room(step: Step, request: Request, amount: int) -> Refusal | None:
    """Whether the account that a request is for can take so much more."""
    if not request.person:
        return None
    over = amount - purse_of(step, request.person, request.brand).room_in
    return Refusal(Reason.LIMIT_REACHED, over) if over > 0 else None


def reserve(step: Step, confirmation: Confirmation, amount: int) -> Confirmation:
    """Holds what was approved, in the purse and in the caps of the standing approval."""
    assert confirmation.reserved == 0 and confirmation.debited == 0
    if confirmation.person != OWNER:
        purse = purse_of(step, confirmation.person, confirmation.brand)
        assert amount <= purse.available
        step.put(replace(purse, reserved=purse.reserved + amount))
    return replace(confirmation, reserved=amount)


def debit(step: Step, confirmation: Confirmation, entry: Entry) -> Confirmation:
    """What was held becomes an entry. Of the node's owner no journal is kept: his are the lines."""
    assert entry.amount <= confirmation.reserved
    if confirmation.person != OWNER:
        _unhold(step, confirmation, entry.amount)
        enter(step, entry)
    confirmation = replace(
        confirmation,
        reserved=confirmation.reserved - entry.amount,
        debited=confirmation.debited + entry.amount,
    )
    step.put(confirmation)
    return confirmation


def release_reserve(step: Step, confirmation: Confirmation, kept: int = 0) -> Confirmation:
    """Gives back what is not needed any more; `kept` stays held."""
    free = confirmation.reserved - kept
    assert free >= 0
    if free:
        if confirmation.person != OWNER:
            _unhold(step, confirmation, free)
        _give_back(step, confirmation, free)
        confirmation = replace(confirmation, reserved=kept)
        step.put(confirmation)
    return confirmation


def _unhold(step: Step, confirmation: Confirmation, amount: int) -> None:
    purse = purse_of(step, confirmation.person, confirmation.brand)
    assert purse.reserved >= amount
    step.put(replace(purse, reserved=purse.reserved - amount))


def _give_back(step: Step, confirmation: Confirmation, amount: int) -> None:
    """To the caps of the standing approval that it was paid from, within its period."""
    mandate = step.row((Mandate.table, confirmation.mandate, b""))
    if not isinstance(mandate, Mandate):
        return
    same_period = confirmation.approved_at_us >= mandate.period_from_us
    spent = mandate.spent - amount
    in_period = mandate.in_period - (amount if same_period else 0)
    # On a clock that was set back it may have been approved before the period that counts it: a
    # period never counts more than there was in all.
    step.put(replace(mandate, spent=spent, in_period=min(in_period, spent)))


def entry_text(text: str) -> str:
    """So much of a description as an entry keeps."""
    return text if len(text) <= MAX_ENTRY_TEXT else text[: MAX_ENTRY_TEXT - 1] + "…"


def part_of(promise: Promise) -> bytes:
    """16 bytes that name a promise among all others: its promisor chooses the id, and may choose
    one that another promisor has used."""
    named = bytes(promise.promisor) + promise.id + promise.commit
    return blake2b(named, digest_size=16, person=b"entry").digest()


def received(
    step: Step, reference: bytes, part: bytes, person: bytes, amount: int, brand: Brand, text: str
) -> None:
    """What a line brought for a person of ours."""
    enter(
        step,
        Entry(
            reference=reference,
            part=part,
            giver=LINES,
            taker=person,
            brand=brand,
            amount=amount,
            kind=EntryKind.RECEIVED,
            at_us=step.now_us,
            text=entry_text(text),
        ),
    )
