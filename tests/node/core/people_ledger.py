"""The accounts of a bank's people, kept a second time: from their words and the bank's promises.

Nothing here reads a purse, an entry, a confirmation or a standing approval to say what it must be.
What a person has follows from what the lines have redeemed, what was paid in-house and over the
counter; what is held follows from the payments that are not over; what may be approved from both.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from node.core.people.events import (
    ApproveRequest,
    BringRequest,
    DenyRequest,
    EndPerson,
    PresentRequest,
    RevokeMandate,
    SetPurseLimit,
    Transfer,
)
from node.core.people.rows import CASH, LINES, OWNER, EntryKind
from node.core.rows import (
    Direction,
    Payment,
    PaymentPhase,
    Promise,
    PromisePhase,
    Request,
    RequestPhase,
    Row,
)
from proto.approval import Approval
from proto.request import PaymentRequest, payee_signed, read_request
from proto.request_parts import MandateTerms


@dataclass
class Asked:
    """A request that was brought. `holder` None: nobody's yet."""

    request: PaymentRequest
    holder: bytes | None
    expires_at_us: int
    seen: bool = False
    over: bool = False


@dataclass
class Word:
    """An approval that was taken. `taker`: of a payment in-house whose purse it fills."""

    person: bytes
    said: Approval
    approved: bytes
    at_us: int
    mandate: bytes
    in_house: bool
    taker: bytes


@dataclass
class Standing:
    """A standing approval as it was granted."""

    terms: MandateTerms
    person: bytes
    request: PaymentRequest
    from_us: int
    revoked: bool = False


@dataclass
class Figures:
    """Of one account: what it has and what of it is held."""

    balance: int = 0
    held: int = 0


@dataclass
class Ledger:
    """`node`: the bank's id. Events are told by `take` once they were answered with a yes."""

    node: bytes
    limits: dict[bytes, int]
    closed: set[bytes] = field(default_factory=set)
    asked: dict[bytes, Asked] = field(default_factory=dict)
    words: dict[bytes, Word] = field(default_factory=dict)
    standing: dict[bytes, Standing] = field(default_factory=dict)
    counter: list[tuple[bytes, int]] = field(default_factory=list)

    # ------------------------------------------------------------- what they have

    def figures(self, rows: Iterable[Row]) -> dict[bytes, Figures]:
        """Of every person, of the lines and of the counter; all balances together are nothing."""
        rows = list(rows)
        made = {who: Figures() for who in (*self.limits, LINES, CASH)}

        def entry(giver: bytes, taker: bytes, amount: int) -> None:
            made[giver].balance -= amount
            made[taker].balance += amount

        for person, amount in self.counter:
            entry(CASH, person, amount)
        for known, word in self.words.items():
            paid, held = self.came_to(known, rows)
            giver = word.person or LINES
            if word.in_house and (word.taker or LINES) != giver:
                entry(giver, word.taker or LINES, paid)
            elif not word.in_house and word.person != OWNER:
                entry(giver, LINES, paid)
            if word.person != OWNER:
                made[word.person].held += held
        of_people = {r.id: r.person for r in rows if isinstance(r, Request) and r.person}
        came = (r for r in rows if isinstance(r, Promise) and r.direction is Direction.IN)
        for held in came:
            if _is_paid(held) and held.owner in of_people:
                entry(LINES, of_people[held.owner], held.amount)
        return made

    def came_to(self, approval: bytes, rows: Iterable[Row]) -> tuple[int, int]:
        """(paid, still held) of an approval."""
        word = self.words[approval]
        if word.in_house:
            return word.said.amount, 0
        rows = list(rows)
        firsts = [r for r in rows if isinstance(r, Promise) and r.owner == approval]
        (phase,) = [r.phase for r in rows if isinstance(r, Payment) and r.id == approval]
        paid = sum(p.amount for p in firsts if _is_paid(p))
        if phase is PaymentPhase.ABORTED:
            return paid, 0
        if phase is PaymentPhase.COMMITTED:
            return paid, sum(p.amount for p in firsts if p.pending)
        return paid, word.said.total_debit_max

    def drawn(self, mandate: bytes, rows: Iterable[Row]) -> list[tuple[int, int]]:
        """(which period, how much) of everything that was approved by it."""
        rows = list(rows)
        of = self.standing[mandate]
        return [
            ((word.at_us - of.from_us) // of.terms.period_us, sum(self.came_to(known, rows)))
            for known, word in self.words.items()
            if word.mandate == mandate
        ]

    # ------------------------------------------------------------- what they may

    def may_approve(self, event: ApproveRequest, rows: Iterable[Row]) -> bool:
        """Whether an approval has to be taken, and nothing else would be right."""
        rows, said = list(rows), event.approval
        asked = self.asked.get(event.confirmation)
        if asked is None or asked.holder != event.person or asked.over:
            return False
        if not (asked.seen or event.mandate):
            return False
        if event.now_us > min(asked.expires_at_us, said.valid_until_us):
            return False
        request = asked.request
        if (said.person, said.approval_id) != (event.person, event.confirmation):
            return False
        if not request.least <= said.amount <= request.amount:
            return False
        if event.person != OWNER:
            has = self.figures(rows)[event.person]
            free = self.limits[event.person] + has.balance - has.held
            if event.person in self.closed or said.total_debit_max > free:
                return False
        if request.payee == self.node and not self._may_be_paid_here(event, rows):
            return False
        if event.mandate:
            return self._is_covered(event, request, rows)
        return request.mandate is None or event.now_us <= request.mandate.until_us

    def _may_be_paid_here(self, event: ApproveRequest, rows: list[Row]) -> bool:
        identity = event.request.request_id
        (ours,) = [r for r in rows if isinstance(r, Request) and r.id == identity]
        live = any(isinstance(r, Promise) and r.owner == identity and r.pending for r in rows)
        waits = ours.manual and not ours.confirmed
        is_open = ours.phase is RequestPhase.OPEN and not live and not waits
        return is_open and ours.person != event.person

    def _is_covered(self, event: ApproveRequest, request: PaymentRequest, rows: list[Row]) -> bool:
        of = self.standing.get(event.mandate)
        if of is None or of.revoked or of.person != event.person or request.mandate is not None:
            return False
        if request.under != event.mandate or request.payee != of.request.payee:
            return False
        if event.now_us > of.terms.until_us:
            return False
        period = (event.now_us - of.from_us) // of.terms.period_us
        drawn, more = self.drawn(event.mandate, rows), event.approval.total_debit_max
        in_period = sum(amount for at, amount in drawn if at == period)
        spent = sum(amount for _, amount in drawn)
        return (
            more <= of.terms.per_payment
            and in_period + more <= of.terms.per_period
            and spent + more <= of.terms.total
        )

    # ------------------------------------------------------------- what they said

    def take(self, event: object) -> None:
        """An event that was answered with a yes."""
        match event:
            case BringRequest(row=row) if row.id not in self.asked:
                holder = row.person or None
                expires = row.expires_at_us if holder else min(
                    row.expires_at_us, event.now_us + 3600 * 10**6
                )  # fmt: skip
                self.asked[row.id] = Asked(_request(row.asked, event.now_us), holder, expires)
            case PresentRequest():
                asked = self.asked[event.confirmation]
                asked.holder, asked.seen = event.person, True
            case DenyRequest():
                self.asked[event.confirmation].over = True
            case ApproveRequest() if event.confirmation not in self.words:
                self._take_word(event)
            case RevokeMandate():
                self.standing[event.mandate].revoked = True
            case EndPerson():
                self.closed.add(event.person)
                for asked in self.asked.values():
                    asked.over = asked.over or asked.holder == event.person
                for standing in self.standing.values():
                    standing.revoked = standing.revoked or standing.person == event.person
            case SetPurseLimit():
                self.limits[event.person] = event.limit
            case Transfer():
                sign = -1 if event.kind is EntryKind.PAID_OUT else 1
                self.counter.append((event.person, sign * event.amount))
            case _:
                pass

    def _take_word(self, event: ApproveRequest) -> None:
        self.asked[event.confirmation].over = True
        self.words[event.confirmation] = Word(
            event.person,
            event.approval,
            event.approved,
            event.now_us,
            event.mandate,
            event.request.payee == self.node,
            event.request.person,
        )
        terms = event.request.mandate
        if terms is not None:
            granted = event.approval.request_hash
            self.standing[granted] = Standing(terms, event.person, event.request, event.now_us)


def _is_paid(promise: Promise) -> bool:
    return promise.phase is PromisePhase.REDEEMED


def _request(asked: bytes, at_us: int) -> PaymentRequest:
    return read_request(payee_signed(asked)[0], at_us, own=True)
