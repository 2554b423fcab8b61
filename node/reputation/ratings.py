"""A house's list of one agent's sales, followed from its beginning: nothing is left out unnoticed.

Each entry names the hash of the one before, and the house signs each. What this node has once seen
as the last one must stay where it stood; if it does not, the two signed entries are evidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from proto.keys import NodeId
from proto.limits import CLOCK_ERROR_MAX_US
from proto.sale.votes import MAX_VOTES, Rating, Vote, rating_head, read_rating, read_vote
from proto.wire import WireFault

MAX_ENTRIES: Final = 10_000  # sales of one agent in one brand: some 7 MB, a second to verify
ORDER_SLACK_US: Final = 2 * CLOCK_ERROR_MAX_US  # a house's clock may be set right between two


@unique
class ListFault(Enum):
    """What is wrong with a house's list. Its name goes to programs, its value to people."""

    UNREADABLE = "an entry that is none, or that is signed by somebody else"
    FOREIGN = "an entry about another agent, brand or house"
    GAP = "an entry that does not follow the one before: something was left out or put in"
    REPEATED = "one sale is in it twice"
    MISDATED = "an entry dated before the one in front of it, or in the future"
    REWRITTEN = "an entry that was shown to this node before is another one now"
    SHORTENED = "entries that were shown to this node before are not shown any more"


class BadList(Exception):
    """`evidence`: signed entries (Envelopes) that show it, as far as anything does."""

    def __init__(self, fault: ListFault, at: int, evidence: tuple[bytes, ...] = ()) -> None:
        super().__init__(f"entry {at}: {fault.value}")
        self.fault = fault
        self.at = at
        self.evidence = evidence


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose list about whom, in which deposit brand (GUID)."""

    house: NodeId
    brand: bytes
    agent: NodeId


@dataclass(frozen=True, slots=True)
class Heard:
    """A vote as it counts: `value` in units of the deposit brand, `at_us` by the house's clock."""

    sequence: int
    pool: bytes
    voter: NodeId
    value: int
    success: bool
    at_us: int


def follow(
    subject: Subject, signed: Sequence[bytes], seen: bytes | None, now_us: int
) -> tuple[Rating, ...]:
    """The entries of a whole list in their order, from the first on. BadList.

    `seen`: the last entry (signed) that this node was shown before.
    """
    entries: list[Rating] = []
    head, pools = b"", set[bytes]()
    for data in signed:
        at = len(entries) + 1
        try:
            entry = read_rating(data)
        except WireFault as fault:
            raise BadList(ListFault.UNREADABLE, at) from fault
        if (entry.house, entry.brand, entry.agent) != _ids(subject):
            raise BadList(ListFault.FOREIGN, at, (data,))
        if (entry.sequence, entry.previous) != (at, head):
            before = signed[at - 2 : at - 1]
            raise _replaced(seen, data) or BadList(ListFault.GAP, at, (*before, data))
        if entry.pool in pools:
            same = next(d for d in signed if read_rating(d).pool == entry.pool)
            raise BadList(ListFault.REPEATED, at, (same, data))
        if _misdated(entry, entries, now_us):
            raise BadList(ListFault.MISDATED, at, (*signed[max(0, at - 2) : at],))
        if replaced := _replaced(seen, data):
            raise replaced
        head = rating_head(entry)
        pools.add(entry.pool)
        entries.append(entry)
    if seen is not None and read_rating(seen).sequence > len(entries):
        raise BadList(ListFault.SHORTENED, len(entries) + 1, (seen,))
    return tuple(entries)


def _ids(subject: Subject) -> tuple[bytes, bytes, bytes]:
    return subject.house, subject.brand, subject.agent


def _misdated(entry: Rating, before: Sequence[Rating], now_us: int) -> bool:
    """One that is dated ahead would not age for as long as the house likes."""
    if entry.at_us > now_us + ORDER_SLACK_US:
        return True
    return bool(before) and entry.at_us < before[-1].at_us - ORDER_SLACK_US


def _replaced(seen: bytes | None, data: bytes) -> BadList | None:
    """Two different entries of one number, both signed by the house: a proof that anybody can
    check. What was signed counts, not how it was wrapped."""
    if seen is None:
        return None
    known, shown = read_rating(seen), read_rating(data)
    if shown.sequence != known.sequence or rating_head(known) == rating_head(shown):
        return None
    return BadList(ListFault.REWRITTEN, shown.sequence, (seen, data))


def heard(entries: Sequence[Rating]) -> tuple[Heard, ...]:
    """All votes that were opened, the oldest first."""
    return tuple(
        Heard(entry.sequence, entry.pool, vote.voter, vote.value, vote.success, entry.at_us)
        for entry in entries
        for vote in votes_of(entry)
    )


def votes_of(entry: Rating) -> list[Vote]:
    """They were verified when the entry was read."""
    return [read_vote(vote) for vote in entry.votes]


def missing_votes(entries: Sequence[Rating]) -> int:
    """How many were not opened. Who was silent does not stand in the list; nor does it say whether
    the voter or the house kept it back."""
    return sum(MAX_VOTES - len(entry.votes) for entry in entries)
