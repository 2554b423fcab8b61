"""Verbs of who keeps accounts for people: invite, look, limit, pay in and out."""

from functools import partial
from typing import Any, Final

import trio

from node.control.context import Context
from node.control.failure import Arguments, ControlFailure, bad_argument
from node.control.settled import answering
from node.core.escrow.events import KeepRow
from node.core.people.events import EndInvitation, EndSessions, SetPurseLimit, Transfer
from node.core.people.rows import (
    MAX_ACCOUNT,
    Credential,
    Entry,
    EntryKind,
    Invitation,
    Mandate,
    Person,
    PersonPhase,
    Purse,
    Session,
    person_id,
)
from node.people.books import Position
from node.people.journal import MAX_PAGE, PAGE, Cursor, Span
from node.people.names import (
    MAX_DISPLAY_CHARS,
    TOKEN_BYTES,
    invitation_id,
    is_name,
    limits_json,
    limits_of,
)
from proto.limits import MAX_DESCRIPTION_CHARS, US
from proto.money import Brand

DAY_US: Final = 86_400 * US
DEFAULT_DAYS: Final = 7
MAX_DAYS: Final = 90  # whoever has not come by then is invited anew
MAX_LISTED: Final = 500  # people in one answer: up to 2 KB each with purses in ten brands
MAX_DIGITS: Final = 19  # of MAX_ACCOUNT
LAST_ENTRIES: Final = 10
MAX_FAULTS: Final = 100  # shown of what is unsound
REFERENCE_BYTES: Final = 16
SEE_LIST: Final = "see `pledgeway people list`"


def find_person(context: Context, named: str) -> Person:
    """By the whole name. ControlFailure: a beginning would do one day and not the next."""
    row = context.engine.memory.row((Person.table, person_id(named.lower()), b""))
    if isinstance(row, Person):
        return row
    if any(one.name == named.lower() for one in _invitations(context)):
        what = f"{named!r} is invited, and has not come yet"
        raise ControlFailure("NOT_FOUND", what, "`pledgeway people withdraw` takes that back")
    raise ControlFailure("NOT_FOUND", f"nobody here is called {named!r}", SEE_LIST)


def purse_json(purse: Purse) -> dict[str, Any]:
    """An account in one brand, in its smallest units."""
    return {
        "brand": purse.brand.name,
        "brand_id": purse.guid.hex(),
        "balance": purse.balance,
        "limit": purse.limit,
        "reserved": purse.reserved,
        "available": purse.available,
    }


def person_json(context: Context, person: Person) -> dict[str, Any]:
    """A person as every answer shows it."""
    mine = context.engine.memory.of_person(person.id)
    purses = sorted((r for r in mine if isinstance(r, Purse)), key=lambda p: p.brand.name)
    waiting = [c for c in context.confirmations.pending_of(person.id) if c.phase.waiting]
    return {
        "name": person.name,
        "id": person.id.hex(),
        "display": person.display,
        "phase": person.phase.name,
        "created_at_us": person.created_at_us,
        "ended_at_us": person.ended_at_us,
        "purses": [purse_json(purse) for purse in purses],
        "credentials": sum(isinstance(r, Credential) and not r.ended_at_us for r in mine),
        "sessions": sum(isinstance(r, Session) and not r.ended_at_us for r in mine),
        "mandates": sum(isinstance(r, Mandate) and not r.revoked_at_us for r in mine),
        "pending": len(waiting),
    }


async def invite(context: Context, arguments: Arguments) -> dict[str, Any]:
    """A link by which whoever has it opens the account of this name, or adds a passkey to it.

    `limits`: pairs of a brand's name and what the person may owe in it. Only the token's hash is
    kept: the answer is the one place where the link is.
    """
    name = arguments.text("name").lower()
    display = arguments.text("display", "", MAX_DISPLAY_CHARS)
    limits = _limits(context, arguments.pairs("limits") or [])
    days = arguments.number("days", DEFAULT_DAYS, 1, MAX_DAYS)
    arguments.done()
    if not is_name(name):
        raise bad_argument("name", "a name has up to 64 letters a-z, digits, and . _ - inside")
    if not display.isprintable():
        raise bad_argument("display", "printable characters")
    known = context.engine.memory.row((Person.table, person_id(name), b""))
    if isinstance(known, Person) and known.phase is PersonPhase.CLOSED:
        raise ControlFailure(
            "NAME_TAKEN", f"the account of {name} is closed", "invite by another name"
        )
    token, now_us = context.entropy(TOKEN_BYTES).hex(), context.clock.now_us()
    row = Invitation(
        id=invitation_id(token),
        name=name,
        display=display or (known.display if isinstance(known, Person) else name),
        limits=limits_json(limits),
        created_at_us=now_us,
        expires_at_us=now_us + days * DAY_US,
    )
    await context.do(partial(KeepRow, row=row))
    origin = context.page.origin
    return invitation_json(row) | {
        "exists": known is not None,
        "token": token,
        "link": f"{origin}/join/{token}" if origin else None,
    }


def invitation_json(row: Invitation) -> dict[str, Any]:
    """An invitation without its token, which nobody has but the invited."""
    return {
        "id": row.id.hex(),
        "name": row.name,
        "display": row.display,
        "limits": {brand.name: limit for brand, limit in limits_of(row).items()},
        "created_at_us": row.created_at_us,
        "expires_at_us": row.expires_at_us,
    }


def _limits(context: Context, pairs: list[tuple[str, str]]) -> dict[Brand, int]:
    found: dict[Brand, int] = {}
    for named, digits in pairs:
        brand = context.find_brand(named)
        if not digits.isascii() or not digits.isdigit() or len(digits) > MAX_DIGITS:
            raise bad_argument("limits", f"{digits!r} is no amount of {named}")
        if int(digits) > MAX_ACCOUNT:
            raise bad_argument("limits", f"at most {MAX_ACCOUNT}")
        if brand in found:
            raise bad_argument("limits", f"{named} twice")
        found[brand] = int(digits)
    return found


async def withdraw(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Ends the open invitations of a name."""
    name = arguments.text("name").lower()
    arguments.done()
    rows = [row for row in _invitations(context) if row.name == name]
    if not rows:
        raise ControlFailure("NOT_FOUND", f"nobody is invited as {name!r}", SEE_LIST)
    for row in rows:
        await context.do(partial(EndInvitation, invitation=row.id))
    return {"name": name, "withdrawn": len(rows)}


def _invitations(context: Context) -> list[Invitation]:
    now_us = context.clock.now_us()
    rows = context.engine.memory.owned(Invitation)
    return [row for row in rows if not row.ended_at_us and row.expires_at_us >= now_us]


async def list_people(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Everybody by name, and who is invited and has not come. `after`: the last name of the page
    before; "more": there are others behind."""
    after = arguments.text("after", "")
    limit = arguments.number("limit", MAX_LISTED, 1, MAX_LISTED)
    arguments.done()
    people = sorted(context.engine.memory.owned(Person), key=lambda person: person.name)
    behind = [person for person in people if person.name > after]
    invited = sorted(_invitations(context), key=lambda row: (row.name, row.created_at_us))
    return {
        "people": [person_json(context, person) for person in behind[:limit]],
        "more": len(behind) > limit,
        "invited": [invitation_json(row) for row in invited[:limit]],
    }


async def show(context: Context, arguments: Arguments) -> dict[str, Any]:
    """One person with everything that belongs to the account, and its last entries."""
    person = find_person(context, arguments.text("name"))
    arguments.done()
    mine = context.engine.memory.of_person(person.id)
    with answering():
        last = context.confirmations.journal.entries(person.id, limit=LAST_ENTRIES).entries
    return person_json(context, person) | {
        "credentials": [
            {
                "kind": row.kind.name,
                "label": row.label,
                "id": row.id.hex(),
                "created_at_us": row.created_at_us,
                "used_at_us": row.used_at_us,
                "rests_until_us": row.rests_until_us,
            }
            for row in mine
            if isinstance(row, Credential) and not row.ended_at_us
        ],
        "sessions": [
            {"created_at_us": row.created_at_us, "seen_at_us": row.seen_at_us}
            for row in mine
            if isinstance(row, Session) and not row.ended_at_us
        ],
        "mandates": [
            {
                "id": row.id.hex(),
                "payee_alias": row.name,
                "brand": row.brand.name,
                "per_payment": row.per_payment,
                "spent": row.spent,
                "total": row.total,
                "until_us": row.until_us,
            }
            for row in mine
            if isinstance(row, Mandate) and not row.revoked_at_us
        ],
        "entries": [entry_json(context, person.id, entry) for entry in last],
    }


def entry_json(context: Context, account: bytes, entry: Entry) -> dict[str, Any]:
    """A line of the journal as this account sees it: `amount` is negative where it gave."""
    gave = entry.giver == account
    other = context.engine.memory.row((Person.table, entry.taker if gave else entry.giver, b""))
    return {
        "at_us": entry.at_us,
        "kind": entry.kind.name,
        "amount": -entry.amount if gave else entry.amount,
        "brand": entry.brand.name,
        "brand_id": entry.brand.guid.hex(),
        "name": entry.name,
        "other": other.name if isinstance(other, Person) else None,
        "text": entry.text,
        "reference": entry.reference.hex(),
    }


async def limit(context: Context, arguments: Arguments) -> dict[str, Any]:
    """What a person may owe the node in a brand; approved payments keep what they have."""
    person = find_person(context, arguments.text("name"))
    brand = context.find_brand(arguments.text("brand"))
    amount = arguments.number("amount", most=MAX_ACCOUNT)
    arguments.done()
    await context.do(partial(SetPurseLimit, person=person.id, brand=brand, limit=amount))
    return person_json(context, person)


async def pay_in(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Books what somebody has paid over the counter."""
    return await _transfer(context, arguments, EntryKind.PAID_IN)


async def pay_out(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Books what was paid out over the counter: no more than the account has left."""
    return await _transfer(context, arguments, EntryKind.PAID_OUT)


async def _transfer(context: Context, arguments: Arguments, kind: EntryKind) -> dict[str, Any]:
    person = find_person(context, arguments.text("name"))
    amount = arguments.number("amount", least=1, most=MAX_ACCOUNT)
    brand = context.find_brand(arguments.text("brand"))
    text = arguments.text("text", "", MAX_DESCRIPTION_CHARS)
    arguments.done()
    if not text.isprintable():
        raise bad_argument("text", "printable characters")
    if amount % brand.unit:
        raise bad_argument("amount", f"must be a multiple of {brand.unit} {brand.name}")
    if kind is EntryKind.PAID_IN and person.phase is PersonPhase.CLOSED:
        _require_owed(context, person, brand, amount)
    reference = context.entropy(REFERENCE_BYTES)
    await context.do(
        partial(
            Transfer,
            reference=reference,
            person=person.id,
            brand=brand,
            amount=amount,
            kind=kind,
            text=text,
        )
    )
    return person_json(context, person) | {"reference": reference.hex()}


def _require_owed(context: Context, person: Person, brand: Brand, amount: int) -> None:
    """Into a closed account goes what it owes, and no more: nobody is there to spend it."""
    purse = context.engine.memory.row((Purse.table, person.id, brand.guid))
    owed = max(0, -purse.balance) if isinstance(purse, Purse) else 0
    if amount > owed:
        what = f"the account of {person.name} is closed, and owes {owed} {brand.name}"
        step = "book no more than that" if owed else SEE_LIST
        raise ControlFailure("PERSON_UNKNOWN", what, step)


async def end_sessions(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Logs a person out everywhere; its passkeys stay."""
    person = find_person(context, arguments.text("name"))
    arguments.done()
    await context.do(partial(EndSessions, person=person.id))
    return person_json(context, person)


async def statement(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Entries of a person, newest first, a page at a time; `after`: "next" of the page before."""
    person = find_person(context, arguments.text("name"))
    from_us, until_us = arguments.number("from_us", 0), arguments.maybe_number("until_us")
    page = arguments.number("limit", PAGE, 1, MAX_PAGE)
    after = arguments.maybe_text("after")
    arguments.done()
    span = Span(from_us) if until_us is None else Span(from_us, until_us)
    try:
        cursor = None if after is None else Cursor.read(after)
    except ValueError as error:
        raise bad_argument("after", str(error)) from error
    with answering():
        found = context.confirmations.journal.entries(person.id, span, cursor, page)
    return {
        "name": person.name,
        "entries": [entry_json(context, person.id, entry) for entry in found.entries],
        "next": None if found.next is None else found.next.text(),
    }


async def books(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Every entry on the disk against every purse; and what the node itself has in each brand."""
    arguments.done()
    with answering():
        found = await trio.to_thread.run_sync(context.confirmations.journal.books)
    return {
        "ok": not found.faults,
        "entries": found.entries,
        "purses": len(found.purses),
        "faults": list(found.faults[:MAX_FAULTS]),
        "positions": [_position_json(position) for position in found.positions],
    }


def _position_json(position: Position) -> dict[str, Any]:
    return {
        "brand": position.brand.name,
        "brand_id": position.brand.guid.hex(),
        "lines": position.lines,
        "people": position.people,
        "cash": position.cash,
        "own": position.own,
    }


VERBS: Final = {
    "people.invite": invite,
    "people.withdraw": withdraw,
    "people.list": list_people,
    "people.show": show,
    "people.limit": limit,
    "people.pay_in": pay_in,
    "people.pay_out": pay_out,
    "people.end_sessions": end_sessions,
    "people.statement": statement,
    "people.books": books,
}
