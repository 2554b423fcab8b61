"""Closes the account of a person, after a look at what it still has at registrars."""

from functools import partial
from typing import Any, Final

import trio

from node.control.context import Context
from node.control.failure import Arguments, ControlFailure
from node.control.people import find_person, person_json
from node.core.escrow.rows import Account
from node.core.keyed import Key
from node.core.people.events import EndPerson
from node.core.people.rows import Person, PersonPhase
from node.escrow.account_keeper import label_of
from proto.card import read_card

# Registrars are asked all at once; of one that is slower it is not known what is there.
PATIENCE_S: Final = 3.0
NAMED: Final = 3  # belongings in the words of one no


async def close(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Nobody logs in or approves any more; what was approved goes on, what is owed stays owed.

    STILL_OWNS where the person has titles, or may have, or a purchase of such runs: nobody could
    hand them on afterwards but the node's owner. `anyway` closes it all the same. `belongings` of
    the answer: what stays; `amount` is None where its registrar does not say.
    """
    person = find_person(context, arguments.text("name"))
    anyway = arguments.flag("anyway", False)
    arguments.done()
    kept: list[dict[str, Any]] = []
    if person.phase is not PersonPhase.CLOSED:
        kept = await _belongings(context, person)
        if not anyway:
            _require_nothing(context, person, kept)
    await context.do(partial(EndPerson, person=person.id))
    return person_json(context, find_person(context, person.name)) | {"belongings": kept}


async def _belongings(context: Context, person: Person) -> list[dict[str, Any]]:
    """Accounts of the person at registrars that are not known to be empty."""
    exchanging = context.confirmations.exchanging
    if exchanging is None:
        return []
    rows = exchanging.belongings(person.id)
    amounts: dict[Key, int] = {}

    async def look(row: Account) -> None:
        try:
            amounts[row.key] = await exchanging.balance(row)
        except ControlFailure:
            return  # not known, as where it is slow

    with trio.move_on_after(PATIENCE_S):
        async with trio.open_nursery() as nursery:
            for row in rows:
                nursery.start_soon(look, row)
    now_us = context.clock.now_us()
    return [
        {
            "name": row.brand.name,
            "amount": amounts.get(row.key),
            "registrar": read_card(row.card, now_us).alias,
            "account": row.account.hex(),
            "label": label_of(person.id).decode(),
        }
        for row in rows
        if amounts.get(row.key) != 0
    ]


def _require_nothing(context: Context, person: Person, kept: list[dict[str, Any]]) -> None:
    things = [_words(one) for one in kept[:NAMED]]
    if len(kept) > NAMED:
        things.append(f"{len(kept) - NAMED} things more")
    coming = sum(bool(row.seat) for row in context.confirmations.live_of(person.id))
    if coming:
        things.append("an exchange under way" if coming == 1 else f"{coming} exchanges under way")
    if things:
        raise ControlFailure(
            "STILL_OWNS",
            f"{person.name} has {', '.join(things)}, which only you could hand on afterwards",
            "have it given away first, or say --anyway: `pledgeway account list` shows it then",
            len(kept) + coming,
        )


def _words(one: dict[str, Any]) -> str:
    amount, name, keeper = one["amount"], one["name"], one["registrar"]
    if amount is None:
        return f"an account for {name!r} at {keeper}, who does not answer"
    return f"{amount} of {name!r} at {keeper}"


VERBS: Final = {"people.close": close}
