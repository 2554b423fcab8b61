"""Watches a whole network: each node's book against its past, its neighbours and the registries.

What it knows beyond the nodes is the truth of the simulation: who decided what, what was in trouble
when, and what time it really was.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from node.command.sim.oracle.book import Book, Complaint
from node.command.sim.oracle.decisions import Decisions
from node.command.sim.oracle.tables import (
    GRACE_US,
    LATE_LEAKS,
    LATE_OK,
    MODES,
    NEEDS_STAMP,
    OWN_EXPIRY,
    least_incoming,
)
from node.command.sim.oracle.troubles import Troubles
from node.command.sim.world.spec import NodeSpec
from node.core.rows import (
    Direction,
    Payment,
    PaymentPhase,
    Promise,
    PromisePhase,
    Row,
    Transaction,
)
from proto.descriptor import decode_descriptor
from proto.keys import NodeId
from proto.policy import RegistryPolicy
from proto.statement import Outcome
from registry.log import Logged

MAX_VIOLATIONS = 20  # a broken rule breaks others: nobody reads more


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise of the protocol that did not hold. `invariant`: its number in section 9."""

    invariant: int
    at_us: int
    where: str
    what: str


@dataclass
class Oracle:
    """`names`: node ids as people call them. `own_clock`: what a node takes the time for."""

    specs: Mapping[str, NodeSpec]
    names: Mapping[NodeId, str]
    registry_ids: Mapping[str, bytes]
    now_us: Callable[[], int]
    own_clock: Callable[[str], int]
    liars: frozenset[str] = frozenset()
    violations: list[Violation] = field(default_factory=list)
    decisions: Decisions = field(default_factory=Decisions)
    troubles: Troubles = field(default_factory=Troubles)
    books: dict[str, Book] = field(default_factory=dict)
    paid: dict[bytes, dict[bytes, None]] = field(default_factory=dict)  # request -> commits

    def __post_init__(self) -> None:
        self.books = {name: Book(name) for name in self.specs}

    def complain(self, where: str, complaints: Iterable[Complaint]) -> None:
        """Takes note of what did not hold."""
        for invariant, what in complaints:
            if len(self.violations) < MAX_VIOLATIONS:
                self.violations.append(Violation(invariant, self.now_us(), where, what))

    # ------------------------------------------------------------------ every step

    def decided(self, registry: str, decisions: Sequence[Logged]) -> None:
        """A registry has decided, durably."""
        faults = self.decisions.made(self.registry_ids[registry], decisions)
        self.complain(registry, ((5, fault) for fault in faults))

    def committed(self, name: str, rows: Iterable[Row]) -> None:
        """A group of a node's rows has become durable."""
        if name in self.liars:
            return
        book, rows = self.books[name], list(rows)
        before = {row.key: book.rows.get(row.key) for row in rows}
        self.complain(name, book.take(rows, self.now_us()))
        for row in rows:
            match row:
                case Promise():
                    was = before[row.key]
                    assert was is None or isinstance(was, Promise)
                    self.complain(name, self._promise(book, was, row))
                case Payment():
                    was = before[row.key]
                    assert was is None or isinstance(was, Payment)
                    self.complain(name, self._payment(book, was, row))
                case _:
                    pass

    def _promise(self, book: Book, was: Promise | None, now: Promise) -> Iterable[Complaint]:
        if was is None and now.direction is Direction.OUT and now.partner_id:
            yield from self._pair(book, now)
        changed = was is None or was.phase is not now.phase
        if not changed or now.direction is Direction.IN or not now.phase.final:
            return
        match now.phase:
            case PromisePhase.REDEEMED:
                yield from self._redeemed(book, now)
            case PromisePhase.EXPIRED:
                yield from self._expired(book, now)
            case PromisePhase.ABORTED:
                yield from self._aborted(book, now)
            case PromisePhase.RELEASED | PromisePhase.REFUSED:
                yield from self._given_back(now)
            case _:
                pass

    def _pair(self, book: Book, given: Promise) -> Iterable[Complaint]:
        """What an intermediary took upon itself: levels that it may, for a price that it asks."""
        held = book.promise(bytes(given.partner), given.partner_id)
        if held is None:
            yield 4, "a promise is covered by none that is held"
            return
        spec = self.specs[book.name]
        levels = held.level.name, given.level.name
        mode = MODES.get(levels)
        price = next((p for p in spec.prices if p.mode == mode), None)
        if mode is None or price is None:
            yield 4, f"takes {levels} and has no price for {mode}"
            return
        least = least_incoming(given.amount, price.per_mille, price.flat)
        if held.amount < least:
            yield 4, f"holds {held.amount} for {given.amount}, and asks {least}"
        if levels in LATE_LEAKS and not spec.watches:
            yield 6, f"takes {levels} and does not watch"
        trusted = {self.registry_ids[name] for name in spec.accepts}
        members = set(self._policy(book, given).members)
        if given.level.name in LATE_OK and not members <= trusted:
            yield 6, f"issues {given.level.name} under a registry that it does not accept"
        if mode in ("SECURED", "GATEWAY") and not members <= trusted:
            yield 6, f"is in mode {mode} under a registry that it does not accept"
        own = held.level.name in OWN_EXPIRY and given.level.name in OWN_EXPIRY
        if own and held.expires_at_us < given.expires_at_us + 2 * GRACE_US:
            yield 6, f"holds until {held.expires_at_us}, gives until {given.expires_at_us}"

    def _redeemed(self, book: Book, given: Promise) -> Iterable[Complaint]:
        """A promisor books a debt: somebody must have shown it what its level asks for."""
        if given.level.name in NEEDS_STAMP:
            policy = self._policy(book, given)
            if not self.decisions.can_be(Outcome.COMMITTED, given.commit, policy):
                yield 5, f"books {given.level.name} that no registry has committed"
        transaction = book.transaction(given.commit)
        if transaction is not None and transaction.owner and not given.partner_id:
            yield from self._first_paid(book, given, transaction)

    def _first_paid(
        self, book: Book, given: Promise, transaction: Transaction
    ) -> Iterable[Complaint]:
        payment = book.rows.get((Payment.table, transaction.owner, b""))
        if not isinstance(payment, Payment):
            return
        commits = self.paid.setdefault(payment.request_hash, {})
        commits[given.commit] = None
        if len(commits) > 1:
            yield 7, f"pays a request under {len(commits)} commits"

    def _expired(self, book: Book, given: Promise) -> Iterable[Complaint]:
        if given.level.name not in OWN_EXPIRY:
            yield 5, f"lets {given.level.name} expire"
        clock_us = self.own_clock(book.name)
        if clock_us < given.expires_at_us + GRACE_US:
            early_us = given.expires_at_us + GRACE_US - clock_us
            yield 6, f"lets {given.level.name} expire {early_us} µs before its time"

    def _aborted(self, book: Book, given: Promise) -> Iterable[Complaint]:
        if given.level.name not in LATE_OK:
            yield 5, f"aborts {given.level.name}"
        policy = self._policy(book, given)
        if not self.decisions.can_be(Outcome.NOT_COMMITTED, given.commit, policy):
            yield 5, f"frees {given.level.name} that no registry has aborted"
        if given.level.name == "SECURED" and self.own_clock(book.name) < given.expires_at_us:
            yield 6, "frees SECURED before its own expiry"

    def _given_back(self, given: Promise) -> Iterable[Complaint]:
        """Only the promisee can give a promise back, and it knows that it has."""
        peer = self.names[given.peer]
        if peer in self.liars:
            return
        theirs = self.books[peer].promise(given.promisor, given.id)
        if theirs is not None and theirs.pending:
            yield 5, f"is rid of {given.level.name} that {peer} still holds"

    def _payment(self, book: Book, was: Payment | None, now: Payment) -> Iterable[Complaint]:
        """A new attempt begins only where every first promise before it ended unredeemed."""
        if was is not None and was.phase.final and was.phase is not now.phase:
            yield 7, f"payment ended as {was.phase.name}, then as {now.phase.name}"
        if was is None or was.attempt == now.attempt:
            return
        for promise in book.promises():
            first = promise.direction is Direction.OUT and not promise.partner_id
            if not first or promise.commit == now.commit:
                continue
            transaction = book.transaction(promise.commit)
            if transaction is None or transaction.owner != now.id:
                continue
            if promise.pending or promise.phase is PromisePhase.REDEEMED:
                yield 7, f"attempt {now.attempt} begins while {promise.phase.name} is before it"

    def _policy(self, book: Book, promise: Promise) -> RegistryPolicy:
        transaction = book.transaction(promise.commit)
        assert transaction is not None, "a promise without its transaction"
        return decode_descriptor(transaction.descriptor).policy


def ended_well(payment: Payment) -> bool:
    """Whether it has come to one of its two ends."""
    return payment.phase in (PaymentPhase.COMMITTED, PaymentPhase.ABORTED)
