"""Letters and their receipts overtake each other: an exchange ends for all of them nevertheless.

One of them hears nothing for a while, as one that is stopped, and then everything at once. It all
happens within milliseconds: nobody's end may wait for a deadline.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from node.core.escrow.events import CancelDeal, LetterTaken
from node.core.escrow.reading import read_share
from node.core.escrow.rows import DealPhase, Letter, LetterKind, SeatPhase
from node.core.events import LearnCertificate
from node.escrow.desk import Desk
from proto.escrow.letters import Decided, Dossier, Invite, Join, decode_letter
from tests.node.core.escrow_table import Party, Table, aborted, committed, node_of, swap

SEEDS = range(40)


def is_early(party: Party, row: Letter) -> bool:
    """Whether its desk would have the letter sent again."""
    none = cast(Any, None)
    desk = Desk(cast(Any, SimpleNamespace(memory=party.memory)), none, none, none)
    return desk._is_early(decode_letter(row.payload))


@dataclass
class Post:
    """What is under way at a table, one thing after the other, in an order that `rng` makes."""

    table: Table
    rng: Random
    away: str
    heard: set[bytes] = field(default_factory=set)

    def run(self, most: int | None = None) -> None:
        """Until nothing moves, or so many things have."""
        while most is None or most > 0:
            ready = [act for party in self.table.parties.values() for act in self._ready(party)]
            if not ready:
                return
            self.rng.choice(ready)()
            for party in self.table.parties.values():
                party.now_us += 1
            most = None if most is None else most - 1

    def _ready(self, party: Party) -> list[Callable[[], object]]:
        """What a party's letters wait for, as things that can happen now."""
        if party.name == self.away:
            return []
        return [act for row in party.waiting() if (act := self._act(party, row)) is not None]

    def _act(self, party: Party, row: Letter) -> Callable[[], object] | None:
        if row.kind is LetterKind.BATCH:
            return lambda: self.table.answer(party, row)
        if row.id in self.heard:
            return lambda: party.take(LetterTaken(party.now_us, row.id))
        to = next(p for p in self.table.parties.values() if node_of(p.name) == row.receiver)
        if to.name == self.away or is_early(to, row):
            return None
        return lambda: self._hear(party, row)

    def _hear(self, party: Party, row: Letter) -> None:
        self.heard.add(row.id)
        self.table.deliver(party, decode_letter(row.payload))


def decide(table: Table) -> None:
    """The initiator has enough of it, and the registry's answer comes to it alone."""
    ann = table.parties["ann"]
    ann.take(CancelDeal(ann.now_us, table.id))
    deal = table.deal
    if all(deal.shares):
        shares = tuple(map(read_share, deal.shares))
        certificate = LearnCertificate(ann.now_us, committed(deal.descriptor, shares))
    else:
        certificate = LearnCertificate(ann.now_us, aborted(deal.descriptor))
    ann.take(certificate)  # type: ignore[arg-type]


@pytest.mark.parametrize("away", ["", "bob"])
def test_it_ends_for_all_in_whatever_order_they_hear(away: str) -> None:
    ends = set()
    for seed in SEEDS:
        table, rng = swap(), Random(seed)
        table.propose()
        table.carry(Invite)
        table.join()
        table.carry(Join)
        post = Post(table, rng, "")
        post.run(rng.randrange(24))
        post.away = away
        post.run(rng.randrange(24))
        decide(table)
        post.run()
        post.away = ""
        post.run()
        seats = {table.seat(name) for name in table.seats}
        assert all(seat.phase.final and seat.waiting == 0 for seat in seats), seed
        assert (table.deal.phase.name, table.deal.waiting) == ("CLOSED", 0), seed
        assert not any(party.waiting() for party in table.parties.values()), seed
        ends |= {seat.phase.name for seat in seats}
    assert ends >= ({"RETURNED"} if away else {"RETURNED", "DELIVERED"}), "all ways were gone"


def test_an_invitation_that_is_heard_behind_its_withdrawal_is_withdrawn() -> None:
    for seed in SEEDS:
        table, rng = swap(), Random(seed)
        table.propose()
        post = Post(table, rng, "")
        post.run(rng.randrange(2))
        post.away = "bob"
        ann = table.parties["ann"]
        ann.now_us += 1
        ann.take(CancelDeal(ann.now_us, table.id))
        post.run()
        post.away = ""
        post.run()
        phases = {
            seat.phase.name for party in table.parties.values() for seat in party.seats(table.id)
        }
        assert phases == {"WITHDRAWN"}, seed
        assert not ann.waiting(), seed


def test_terms_whose_receipt_is_the_last_answer_of_all_end_soon_too() -> None:
    """As at a node that hears everything at once, and tells last what took it longest: nobody waits
    for anything any more, and its seat has not heard the decision."""
    table = swap("carol")
    table.propose()
    table.carry(Invite)
    table.join()
    table.carry(Join)
    table.carry(Dossier)
    carol, bob = table.parties["carol"], table.parties["bob"]
    fix = next(row for row in carol.waiting() if row.receiver == node_of("bob"))
    table.abort()
    table.carry(Decided)
    table.deliver(carol, decode_letter(fix.payload))
    for row in carol.waiting():
        if row.kind is LetterKind.BATCH:
            table.answer(carol, row)
    assert (table.deal.phase, table.seat("second").phase) == (DealPhase.CLOSED, SeatPhase.FIXED)
    carol.take(LetterTaken(carol.now_us, fix.id))
    table.carry()
    assert table.seat("second").phase is SeatPhase.RETURNED
    assert (table.deal.phase, table.deal.waiting) == (DealPhase.CLOSED, 0), "to be forgotten"
    assert carol.waiting() == bob.waiting() == []
