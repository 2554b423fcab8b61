"""Entries of the journal as a visitor reads them: what came, what went, and what that left. Pure.

Whom money came from is not said: a payee learns of no payer, not even of one at the same node.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from node.core.people.rows import Entry, EntryKind
from proto.money import Brand


@dataclass(frozen=True, slots=True)
class Line:
    """One entry from one side. `amount` is negative for what went out; `balance`: after it, None
    where nobody has counted. `to`: who was paid; `confirmation`: hex id of the request that was
    approved, for a link; both empty for what came in."""

    entry: Entry
    amount: int
    to: str = ""
    confirmation: str = ""
    balance: int | None = None

    @property
    def begins(self) -> str:
        """What happened to the amount, up to it: "You paid"."""
        match self.entry.kind:
            case EntryKind.PAID_IN:
                return "Paid in for you:"
            case EntryKind.PAID_OUT:
                return "Paid out to you:"
            case _:
                return "You received" if self.amount > 0 else "You paid"

    @property
    def brand(self) -> Brand:
        return self.entry.brand


def line_of(entry: Entry, person: bytes, balance: int | None = None) -> Line:
    """An entry of this person's account, from its side."""
    if entry.giver != person:
        return Line(entry, entry.amount, balance=balance)
    asked = entry.kind in (EntryKind.PAID, EntryKind.IN_HOUSE)
    to, confirmation = (entry.name, entry.reference.hex()) if asked else ("", "")
    return Line(entry, -entry.amount, to, confirmation, balance)


def counted(entries: Iterable[Entry], person: bytes, balance: int) -> list[Line]:
    """Entries of one brand, newest first, with what each left. `balance`: after the newest."""
    lines = []
    for entry in entries:
        line = line_of(entry, person, balance)
        lines.append(line)
        balance -= line.amount
    return lines
