"""Life of a line, and of a payment with its request, under any order of wishes and messages.

Everybody is honest here; owners ask for what they like when they like, also for what makes no
sense. Networks delay, nodes crash, time passes. What a core answers is compared with a few words of
what it must be, kept beside it.
"""

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from node.command.sim.cast import SECOND, digest
from node.command.sim.cores.plan import Route, create, dictate, make_request, open_line
from node.command.sim.cores.plan import terms as usual_terms
from node.command.sim.cores.world import World
from node.core import apply, payee
from node.core import line as line_room
from node.core.effects import Answer
from node.core.events import (
    AbandonPayment,
    AcceptLine,
    ChangeLimit,
    CloseLine,
    ConfirmRequest,
    DeclineRequest,
    GiveUpPayment,
    OfferLine,
)
from node.core.rows import (
    Direction,
    LinePhase,
    Payment,
    PaymentPhase,
    PromisePhase,
    Request,
    RequestPhase,
    replace,
)
from proto.levels import Level
from proto.money import Brand
from proto.reason import Reason, Refusal
from tests.machines import by_option, caught_by, profile

INDEX = st.integers(0, 63)
LIMITS = st.sampled_from((0, 1, 5_000, 2**63 - 1))
BRANDS = tuple(Brand(digest(name)[:16], name) for name in ("USD", "EUR"))
HEALED_US = 400 * SECOND


class Arriving(RuleBasedStateMachine):
    """A world in which things arrive, or do not."""

    names: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    def add_nodes(self) -> None:
        for name in self.names:
            self.world.add(name, usual_terms)

    @rule(picks=st.lists(INDEX, min_size=1, max_size=10))
    def things_arrive(self, picks: list[int]) -> None:
        for pick in picks:
            if choices := self.world.choices():
                self.world.do(choices[pick % len(choices)])

    @rule(which=INDEX)
    def crashes(self, which: int) -> None:
        self.world.crash(self.names[which % len(self.names)])

    @invariant()
    def nobody_finds_fault(self) -> None:
        assert not self.world.faults, self.world.faults

    def ask(self, name: str, event: object) -> Refusal | None:
        """The core's answer to a wish of its owner."""
        applied = self.world.event(name, event)  # type: ignore[arg-type]
        (answer,) = [e for e in applied.effects if isinstance(e, Answer)]
        assert answer.refusal is None or not applied.changes, "refused, and yet changed"
        return answer.refusal


class LineMachine(Arriving):
    """Two neighbours, two brands, a handful of ids; both may want the same at once."""

    names = ("A", "B")

    def __init__(self) -> None:
        super().__init__()
        self.granted: dict[tuple[str, bytes], int] = {}  # what an owner last granted, and was told
        self.phases: dict[tuple[str, bytes], LinePhase] = {}

    @initialize()
    def neighbours(self) -> None:
        self.add_nodes()

    @rule(who=st.booleans(), number=st.integers(0, 1), brand=st.integers(0, 1), limit=LIMITS)
    def offers(self, who: bool, number: int, brand: int, limit: int) -> None:
        name, other = self.names if who else self.names[::-1]
        line = self._line(number, name)
        event = OfferLine(0, line, self.world.nodes[other].id, BRANDS[brand], limit)
        if self.ask(name, event) is None:
            self.granted[name, line] = limit

    @rule(who=st.booleans(), whose=st.booleans(), number=st.integers(0, 1), limit=LIMITS)
    def accepts(self, who: bool, whose: bool, number: int, limit: int) -> None:
        name, line = self._meant(who, whose, number)
        if self.ask(name, AcceptLine(0, line, limit)) is None:
            self.granted[name, line] = limit

    @rule(who=st.booleans(), whose=st.booleans(), number=st.integers(0, 1), limit=LIMITS)
    def changes_the_limit(self, who: bool, whose: bool, number: int, limit: int) -> None:
        name, line = self._meant(who, whose, number)
        if self.ask(name, ChangeLimit(0, line, limit)) is None:
            self.granted[name, line] = limit

    @rule(who=st.booleans(), whose=st.booleans(), number=st.integers(0, 1))
    def closes(self, who: bool, whose: bool, number: int) -> None:
        name, line = self._meant(who, whose, number)
        known = line in {x.id for x in self.world.lines(name)}
        assert (self.ask(name, CloseLine(0, line)) is None) is known

    def _line(self, number: int, owner: str) -> bytes:
        return digest(f"line {number} of {owner}")[:16]

    def _meant(self, who: bool, whose: bool, number: int) -> tuple[str, bytes]:
        return self.names[who], self._line(number, self.names[whose])

    @invariant()
    def a_phase_never_goes_back(self) -> None:
        for name in self.names:
            for x in self.world.lines(name):
                before = self.phases.get((name, x.id), x.phase)
                open_before = before in (LinePhase.OPEN, LinePhase.CLOSED)
                assert before is not LinePhase.CLOSED or x.phase is LinePhase.CLOSED
                assert not open_before or x.phase in (LinePhase.OPEN, LinePhase.CLOSED)
                self.phases[name, x.id] = x.phase

    @invariant()
    def one_line_a_brand(self) -> None:
        for name in self.names:
            live = [x.brand for x in self.world.lines(name) if x.phase is LinePhase.OPEN]
            assert len(live) == len(set(live))

    @rule()
    def all_has_arrived(self) -> None:
        """Then both see the same line, and each what the other granted."""
        self.world.quiet()
        ours, theirs = ({x.id: x for x in self.world.lines(n)} for n in self.names)
        for one, other in ((ours, theirs), (theirs, ours)):
            for x in one.values():
                twin = other.get(x.id)
                if x.phase is LinePhase.OPEN:
                    assert twin is not None and twin.phase is LinePhase.OPEN, x
                if x.phase is LinePhase.ASKED:
                    assert twin is not None and twin.phase is LinePhase.OFFERED, x
        for x in ours.values():
            if x.phase is LinePhase.OPEN:
                assert x.limit_out == theirs[x.id].limit_in and theirs[x.id].limit_out == x.limit_in
                for name, seen in zip(self.names, (x, theirs[x.id]), strict=True):
                    assert seen.limit_in == self.granted.get((name, x.id), seen.limit_in)


class PayMachine(Arriving):
    """P pays Q over A. Attempts start whenever somebody feels like it, over any levels."""

    names = ("P", "A", "Q")

    def __init__(self) -> None:
        super().__init__()
        self.deals: list[tuple[Request, bytes]] = []
        self.final: dict[bytes, Payment] = {}

    @initialize()
    def lines(self) -> None:
        self.add_nodes()
        open_line(self.world, "P", "A", 50_000)
        open_line(self.world, "A", "Q", 50_000)

    @rule(amount=st.sampled_from((1, 900, 30_000)), manual=st.booleans())
    def asks_to_be_paid(self, amount: int, manual: bool) -> None:
        request = make_request(self.world, "Q", amount, manual=manual)
        self.deals.append((request, create(self.world, "P", request)))

    @precondition(lambda self: self.deals)
    @rule(which=INDEX, levels=st.sampled_from(("BB", "SB", "SS", "AA", "AB")), short=st.booleans())
    def tries(self, which: int, levels: str, short: bool) -> None:
        """`short`: less than the request wants arrives."""
        request, payment = self.deals[which % len(self.deals)]
        chain = [{"B": Level.BARE, "S": Level.SECURED, "A": Level.ATOMIC}[c] for c in levels]
        row = self._payment(payment)
        amount = max(1, request.amount - short)
        attempt = dictate(
            *(self.world, payment, request, [Route(self.names, chain, amount)]),
            attempt=row.attempt + 1,
        )
        refusal = self.ask("P", attempt.event)
        assert refusal is None or refusal.reason is not Reason.PAYMENT_LIVE or (
            row.phase is not PaymentPhase.ROUTING
        )  # fmt: skip
        assert refusal is not None or row.phase is PaymentPhase.ROUTING, "two live attempts"

    @precondition(lambda self: self.deals)
    @rule(which=INDEX, wish=st.sampled_from((ConfirmRequest, DeclineRequest)))
    def the_payee_decides(self, which: int, wish: type) -> None:
        self.ask("Q", wish(self.world.now_us, self.deals[which % len(self.deals)][0].id))

    @precondition(lambda self: self.deals)
    @rule(which=INDEX, gives_up=st.booleans())
    def the_payer_has_had_enough(self, which: int, gives_up: bool) -> None:
        payment = self.deals[which % len(self.deals)][1]
        event = AbandonPayment(self.world.now_us, payment)
        if gives_up:
            self.ask("P", GiveUpPayment(self.world.now_us, payment, Refusal(Reason.NO_ROUTE)))
        else:
            self.ask("P", event)

    @rule(by_us=st.sampled_from((1, SECOND, 3 * SECOND, 13 * SECOND)))
    def time_passes(self, by_us: int) -> None:
        self.world.now_us += by_us
        self.world.fire()

    @rule(which=st.integers(0, 2), down=st.booleans())
    def a_registry_is_away(self, which: int, down: bool) -> None:
        list(self.world.judges.values())[which].down = down

    def _payment(self, payment: bytes) -> Payment:
        row = self.world.nodes["P"].books.rows[(Payment.table, payment, b"")]
        assert isinstance(row, Payment)
        return row

    def _request(self, request: Request) -> Request:
        row = self.world.nodes["Q"].books.rows[(Request.table, request.id, b"")]
        assert isinstance(row, Request)
        return row

    @invariant()
    def an_end_is_an_end(self) -> None:
        for _, payment in self.deals:
            row = self._payment(payment)
            assert self.final.get(payment, row) == row, "an ended payment changed"
            if row.phase.final:
                self.final[payment] = row

    @invariant()
    def nothing_is_paid_twice_or_in_part(self) -> None:
        held = [p for p in self.world.promises("Q") if p.phase is PromisePhase.REDEEMED]
        given = [p for p in self.world.promises("P") if p.phase is PromisePhase.REDEEMED]
        assert all(p.direction is Direction.OUT for p in given)
        for request, _ in self.deals:
            row = self._request(request)
            got = sum(p.amount for p in held if p.commit == row.commit)
            if row.phase is RequestPhase.PAID:
                assert got >= request.amount, "signed for less than was asked"
        # The payer's clock and books may be ahead of the payee's, never the amount.
        assert sum(p.amount for p in held) <= sum(p.amount for p in given) or self.world.choices()
        assert len({p.commit for p in given}) <= len(self.deals)

    def teardown(self) -> None:
        if not self.deals:
            return
        self.world.heal_all()
        self.world.run(self.world.now_us + HEALED_US)
        self.nobody_finds_fault()
        self.nothing_is_paid_twice_or_in_part()
        for request, payment in self.deals:
            paid = self._payment(payment).phase is PaymentPhase.COMMITTED
            assert paid is (self._request(request).phase is RequestPhase.PAID)
            assert self._payment(payment).phase is not PaymentPhase.PROMISED


TestLineMachine = LineMachine.TestCase
TestLineMachine.settings = profile(examples=60, steps=30)
TestPayMachine = PayMachine.TestCase
TestPayMachine.settings = profile(examples=40, steps=25)


@by_option
def test_a_line_that_opens_again_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: an acceptance counts whatever has become of the line."""

    def accepted(step: Any, peer: Any, body: Any) -> None:
        line = line_room._own(step, peer, body.line)
        if line is not None:
            step.put(replace(line, phase=LinePhase.OPEN, limit_out=body.limit))

    monkeypatch.setattr(apply, "on_line_accept", accepted)
    assert caught_by(LineMachine, examples=300, steps=30)


@by_option
def test_a_payee_that_signs_for_less_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: whatever is promised is enough."""

    def eager(step: Any, request: Request) -> None:
        transaction = step.the_transaction(request.commit)
        if not transaction.decided and (not request.manual or request.confirmed):
            payee._sign(step, request)

    monkeypatch.setattr(payee, "_sign_if_complete", eager)
    assert caught_by(PayMachine, examples=300, steps=25)
