"""Watches a whole network: each node's book against its past, its neighbours and the registries.

What it knows beyond the nodes is the truth of the simulation: who decided what, what was in trouble
when, and what time it really was.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from node.command.sim.oracle import pairs
from node.command.sim.oracle.book import Book, Complaint
from node.command.sim.oracle.decisions import Decisions
from node.command.sim.oracle.refusals import PAYS, is_uncalled_for
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
    Request,
    RequestPhase,
    Role,
    Row,
    Transaction,
)
from node.core.total import whole_of
from proto.descriptor import Descriptor, decode_descriptor
from proto.keys import NodeId
from proto.levels import Level
from proto.policy import RegistryPolicy
from proto.reason import Refusal
from proto.statement import Outcome
from registry.log import Logged
from runtime.transport import LinkCause

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
    calm: bool = False  # nothing goes wrong in the whole run
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
                case Transaction():
                    was = before[row.key]
                    assert was is None or isinstance(was, Transaction)
                    self.complain(name, self._signed(book, was, row))
                case Request():
                    was = before[row.key]
                    assert was is None or isinstance(was, Request)
                    self.complain(name, self._leg(book, was, row))
                case _:
                    pass

    def _signed(self, book: Book, was: Transaction | None, now: Transaction) -> Iterable[Complaint]:
        """A payee signs for the whole amount, and one live attempt of a request (section 8)."""
        fresh = now.commit_evidence and not (was is not None and was.commit_evidence)
        request = book.rows.get((Request.table, now.owner, b""))
        if now.role is not Role.PAYEE or not fresh or not isinstance(request, Request):
            return
        worth = _redeemable(book, now.commit, request)
        if worth < whole_of(request):
            yield 7, f"signs for {worth} of {whole_of(request)}"
        signed = book.signed.setdefault(now.owner, {})
        if any(_redeemable(book, commit, request) for commit in signed):
            yield 7, "signs a second attempt while the first is live"
        signed[now.commit] = None

    def _leg(self, book: Book, was: Request | None, now: Request) -> Iterable[Complaint]:
        """A seat signs for the whole amount, in stamps alone; what is signed it does not give up
        before the registry has decided (escrow section 2)."""
        if not now.bound or now.phase is not RequestPhase.SIGNED:
            return
        held = [p for p in book.promises_under(now.bound) if p.owner == now.id]
        if was is not None and was.phase is not now.phase:
            worth = _redeemable(book, now.bound, now)
            if worth != now.amount:
                yield 7, f"a seat signs for {worth} of {now.amount}"
        if any(p.level is not Level.ATOMIC for p in held):
            yield 5, "a seat signs for what needs no stamp"

    def _promise(self, book: Book, was: Promise | None, now: Promise) -> Iterable[Complaint]:
        if was is None and now.direction is Direction.OUT and now.partner_id:
            yield from self._pair(book, now)
        changed = was is None or was.phase is not now.phase
        if not changed or not now.phase.final:
            return
        if now.direction is Direction.IN:
            yield from self._gave_up(book, now)
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
                yield from self._refused(now.because)
            case _:
                pass

    def _gave_up(self, book: Book, held: Promise) -> Iterable[Complaint]:
        """A node in the middle gives up what it holds only where nothing that it gave can cost it
        anything any more (section 8, Release)."""
        if held.phase is PromisePhase.RELEASED and held.partner_id:
            given = book.promise(bytes(held.partner), held.partner_id)
            if given is not None and given.pending:
                yield 5, f"gives up {held.level.name} while {given.level.name} is still given"
        request = book.rows.get((Request.table, held.owner, b""))
        if held.phase is not PromisePhase.RELEASED or not isinstance(request, Request):
            return
        if request.bound and request.phase is RequestPhase.SIGNED:
            yield 5, "a seat gives up what it has signed for"

    def _refused(self, because: Refusal | None) -> Iterable[Complaint]:
        if because is None or self.liars or not is_uncalled_for(because.reason, calm=self.calm):
            return
        yield PAYS, f"is refused with {because.reason.name} {because.figure}"

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
        descriptor = self._descriptor(book, given)
        members = set(descriptor.policy.members)
        if given.level.name in LATE_OK and not members <= trusted:
            yield 6, f"issues {given.level.name} under a registry that it does not accept"
        if mode in ("SECURED", "GATEWAY") and not members <= trusted:
            yield 6, f"is in mode {mode} under a registry that it does not accept"
        hold_max_us, clock_us = spec.hold_max_ms * 1000, self.own_clock(book.name)
        yield from pairs.times(held, given, descriptor, hold_max_us, clock_us)
        yield from pairs.escape(held, given, descriptor)

    def _redeemed(self, book: Book, given: Promise) -> Iterable[Complaint]:
        """A promisor books a debt: somebody must have shown it what its level asks for."""
        if given.level.name in NEEDS_STAMP:
            policy = self._policy(book, given)
            if not self.decisions.can_be(Outcome.COMMITTED, given.commit, policy):
                yield 5, f"books {given.level.name} that no registry has committed"
        if given.owner:
            yield from self._first_paid(book, given)

    def _first_paid(self, book: Book, given: Promise) -> Iterable[Complaint]:
        payment = book.rows.get((Payment.table, given.owner, b""))
        if not isinstance(payment, Payment):
            return
        commits = self.paid.setdefault(payment.request_hash, {})
        commits[given.commit] = None
        if len(commits) > 1 and not self._paid_twice_for_a_reason(book, commits):
            yield 7, f"pays a request under {len(commits)} commits"

    def _paid_twice_for_a_reason(self, book: Book, commits: Iterable[bytes]) -> bool:
        """A registry signed both ways, and the payer holds every commit that the payee signed."""
        known = [book.transaction(commit) for commit in commits]
        proven = all(t is not None and t.commit_evidence for t in known)
        return proven and any(t is not None and self.is_contradicted(t) for t in known)

    def is_contradicted(self, transaction: Transaction) -> bool:
        """Whether a registry that decides about it has signed both ways."""
        policy = decode_descriptor(transaction.descriptor).policy
        return self.decisions.signed_both(transaction.commit, policy)

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

    def dropped(self, name: str, peer: str, cause: LinkCause) -> None:
        """A node ends a link. What a liar says must not set the honest against each other."""
        if cause is LinkCause.BAD_MESSAGE and name not in self.liars and peer not in self.liars:
            self.complain(name, [(5, f"takes {peer} for one that breaks the protocol")])

    def is_owed(self, name: str, promise: Promise) -> bool:
        """Whether what is pending hangs on a liar alone, and `name` holds all that it can hold.

        A liar's promise: it owes, and there is proof. A promise to a liar: it is committed, and
        the liar has neither taken it nor refused it; then it waits for the liar to want it.
        """
        if self.names[promise.peer] not in self.liars:
            return False
        transaction = self.books[name].transaction(promise.commit)
        assert transaction is not None
        stamped = bool(transaction.commit_certificate)
        if promise.direction is Direction.OUT:
            return stamped and promise.phase is PromisePhase.OFFERED
        proof = stamped if promise.level.name in NEEDS_STAMP else bool(transaction.commit_evidence)
        return bool(promise.evidence) and proof

    def hangs(self, name: str, payment: Payment) -> bool:
        """Whether a payment waits for nothing but a liar."""
        promises = self.books[name].promises()
        waits = [p for p in promises if p.pending and p.commit == payment.commit]
        return bool(waits) and all(self.is_owed(name, promise) for promise in waits)

    def _payment(self, book: Book, was: Payment | None, now: Payment) -> Iterable[Complaint]:
        """A new attempt begins only where every first promise before it ended unredeemed."""
        if now.phase is PaymentPhase.ABORTED and (was is None or was.phase is not now.phase):
            yield from self._refused(now.because)
        if was is not None and was.phase.final and was.phase is not now.phase:
            yield 7, f"payment ended as {was.phase.name}, then as {now.phase.name}"
        if was is None or was.attempt == now.attempt:
            return
        begun = firsts_of(now)
        for promise in book.promises():
            first = promise.direction is Direction.OUT and promise.owner == now.id
            if not first or promise.id.hex() in begun:
                continue
            if promise.pending or promise.phase is PromisePhase.REDEEMED:
                yield 7, f"attempt {now.attempt} begins while {promise.phase.name} is before it"

    def _policy(self, book: Book, promise: Promise) -> RegistryPolicy:
        return self._descriptor(book, promise).policy

    def _descriptor(self, book: Book, promise: Promise) -> Descriptor:
        transaction = book.transaction(promise.commit)
        assert transaction is not None, "a promise without its transaction"
        return decode_descriptor(transaction.descriptor)


def firsts_of(payment: Payment) -> frozenset[str]:
    """The first promises of its last attempt, in hex: all attempts of a leg share a commit_id."""
    route = json.loads(payment.route) if payment.route else {}
    return frozenset(part["promise"] for part in route.get("parts", ()))


def _redeemable(book: Book, commit: bytes, request: Request) -> int:
    """What a payee has been given under an attempt, or may still be."""
    return sum(
        promise.amount
        for promise in book.promises_under(commit)
        if promise.direction is Direction.IN
        and promise.owner == request.id
        and (promise.pending or promise.phase is PromisePhase.REDEEMED)
    )


def ended_well(payment: Payment) -> bool:
    """Whether it has come to one of its two ends."""
    return payment.phase in (PaymentPhase.COMMITTED, PaymentPhase.ABORTED)
