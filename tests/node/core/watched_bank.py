"""A bank that is watched: what it is told and answers is told to a second set of books as well.

The rows are checked at every change of them (node.core.invariants); here what they come to is
compared with tests.node.core.people_ledger, and so is each yes and no to an approval.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

from node.command.sim.cast import SECOND
from node.command.sim.cores.plan import Route, is_viable, make_request
from node.command.sim.cores.world import World
from node.core.apply import Applied
from node.core.effects import Answer
from node.core.events import StartAttempt
from node.core.people.events import ApproveRequest
from node.core.people.rows import OWNER, Confirmation, Entry, EntryKind, Mandate, Purse
from node.core.rows import Payment, Promise, PromisePhase, Request, Row
from proto.levels import Level
from proto.receipt_terms import in_house_descriptor
from proto.request import request_hash
from tests.node.core.people_ledger import Ledger
from tests.node.core.people_table import ANN, BOB, Bank, approving, read

PEOPLE = (ANN, BOB)
LEVELS = {n: [c for c in product(Level, repeat=n) if is_viable(c)] for n in (1, 2)}


class WatchedBank:
    """A world of P (the bank), A, B and Q, and what was said to P so far."""

    def __init__(self) -> None:
        self.world = World()
        self.the = Bank(self.world)
        self.ledger = Ledger(b"", {})
        self.requests: list[Request] = []  # that people may be asked to pay
        self.ours: list[Request] = []  # of the bank and its people
        self.said: list[Any] = []
        self.drawn = 0

    def hear(self, event: Any) -> Applied:
        """What the bank is told; what it answers must be what the second books say."""
        rows = self.rows()
        due = isinstance(event, ApproveRequest) and self.ledger.may_approve(event, rows)
        known = self.ledger.words.get(getattr(event, "confirmation", b""))
        applied = self.the.do(event)
        (refusal,) = [e.refusal for e in applied.effects if isinstance(e, Answer)]
        if refusal is not None:
            assert not applied.changes, event
        else:
            self.ledger.take(event)
        if isinstance(event, ApproveRequest):
            again = known is not None and known.approved == event.approved
            assert (refusal is None) == (due or again), (refusal, event)
            assert not (again and applied.changes), "an approval counts twice"
        if refusal is None and isinstance(event, StartAttempt):
            self._within_the_approval(event)
        self.said.append(event)
        return applied

    def rows(self) -> list[Row]:
        return list(self.world.nodes["P"].books.rows.values())

    def _within_the_approval(self, event: StartAttempt) -> None:
        said = self.ledger.words[event.payment].said
        assert sum(first.amount for first in event.firsts) <= said.total_debit_max
        assert event.now_us <= said.valid_until_us and event.attempt <= said.attempts_max
        assert all(first.level in said.first_levels for first in event.firsts)

    @staticmethod
    def _of(things: Sequence[Any], which: int) -> Any:
        """The newest first: small numbers come most often, and what is old is over."""
        return things[-1 - which % len(things)]

    def _made(self, payee: int, amount: int, terms: dict[str, Any]) -> Request:
        if payee % 4 in (0, 1):
            return make_request(self.world, "Q", amount, **terms)
        person = self._of((*PEOPLE, OWNER), payee // 4)
        request = make_request(self.world, "P", amount, person=person, **terms)
        self.ours.append(request)
        return request

    def _approving(
        self, request: Request, said: Any, person: bytes, under: bytes = b""
    ) -> ApproveRequest:
        self.drawn += 1
        descriptor = in_house_descriptor(
            read(request),
            request_hash(request.signed),
            said.amount,
            self.drawn.to_bytes(32, "big"),
            self.world.now_us + 60 * SECOND,
        )
        more = {"descriptor": descriptor.encode(), "mandate": under}
        return approving(self.the, request, said, person, **more)

    def _live(self) -> list[Payment]:
        found = [r for r in self.rows() if isinstance(r, Payment) and not r.phase.final]
        return [p for p in found if p.id in self.ledger.words]

    def _routes(self, payer: str, payee: str, amount: int, way: int, chain: int) -> list[Route]:
        levels = self._of(LEVELS[2], chain)
        hops = ("A", "B")
        if way % 3 == 2 and amount > 1:
            other = self._of(LEVELS[2], chain // 4)
            half = amount // 2
            return [
                Route((payer, "A", payee), levels, half),
                Route((payer, "B", payee), other, amount - half),
            ]
        return [Route((payer, hops[way % 2], payee), levels, amount)]

    # ------------------------------------------------------------- what must hold

    def check_all(self) -> None:
        """After any step."""
        self.purses_are_what_the_second_books_say()
        self.nobody_is_charged_beyond_a_word()
        self.mandates_are_within_their_caps()
        self.no_entry_is_booked_twice()

    def purses_are_what_the_second_books_say(self) -> None:
        rows = self.rows()
        made = self.ledger.figures(rows)
        sums = self.the.sums()
        for who, figures in made.items():
            assert sums.pop(who, 0) == figures.balance, (who, figures)
            assert self.ledger.limits.get(who) is not None or not figures.held
        assert not sums, f"entries of nobody: {sums}"
        for row in rows:
            if isinstance(row, Purse):
                figures = made[row.person]
                says = (row.balance, row.reserved, row.limit)
                limit = self.ledger.limits[row.person]
                assert says == (figures.balance, figures.held, limit), row

    def nobody_is_charged_beyond_a_word(self) -> None:
        rows = self.rows()
        for known, word in self.ledger.words.items():
            paid, held = self.ledger.came_to(known, rows)
            assert paid + held <= word.said.total_debit_max
            row = self.the.row(Confirmation, known)
            assert isinstance(row, Confirmation)
            assert (row.debited, row.reserved) == (paid, held), row
            commits = {
                p.commit for p in rows if isinstance(p, Promise) and p.owner == known
                and p.phase is PromisePhase.REDEEMED
            }  # fmt: skip
            assert len(commits) <= 1, "two attempts of one approval were paid"

    def mandates_are_within_their_caps(self) -> None:
        rows = self.rows()
        for under, of in self.ledger.standing.items():
            row, drawn = self.the.row(Mandate, under), self.ledger.drawn(under, rows)
            assert isinstance(row, Mandate)
            assert row.spent == sum(amount for _, amount in drawn) <= of.terms.total
            at = (row.period_from_us - of.from_us) // of.terms.period_us
            assert row.in_period == sum(amount for period, amount in drawn if period == at)
            for period in {period for period, _ in drawn}:
                within = sum(amount for when, amount in drawn if when == period)
                assert within <= of.terms.per_period

    def no_entry_is_booked_twice(self) -> None:
        entries = [r for r in self.rows() if isinstance(r, Entry)]
        paid = [p for p in self.rows() if isinstance(p, Promise) and p.owner in self.ledger.words]
        redeemed = [p for p in paid if p.phase is PromisePhase.REDEEMED]
        mine = [p for p in redeemed if self.ledger.words[p.owner].person != OWNER]
        assert sum(e.kind is EntryKind.PAID for e in entries) == len(mine)

    def check_at_rest(self) -> None:
        """When everything has ended."""
        for row in self.rows():
            assert not isinstance(row, Promise) or row.phase.final, row
            if isinstance(row, Confirmation):
                assert row.phase.final and not row.reserved, row
            if isinstance(row, Purse):
                assert not row.reserved, row
