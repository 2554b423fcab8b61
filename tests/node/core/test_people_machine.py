"""A bank whose people approve, deny, cap and close, while its lines pay, lose and come back.

What they say, what the payer's task dictates, what outsiders pay in, and what the network does, in
which order and how often, is Hypothesis's. The rows are checked at every change of them
(node.core.invariants); after every rule the purses, the journal and the standing approvals are
compared with a second set of books (tests.node.core.people_ledger), which also says of every
approval whether it has to be taken. At the end all faults heal, and nothing may stay held.
"""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from node.command.sim.cast import SECOND
from node.command.sim.cores.plan import (
    Route,
    dictate,
    open_line,
)
from node.command.sim.cores.plan import terms as usual_terms
from node.core import apply, ending
from node.core.events import (
    AbandonPayment,
    ConfirmRequest,
    CreatePayment,
    DeclineRequest,
    GiveUpPayment,
)
from node.core.people import approving as approving_room
from node.core.people import booking, confirming, hooks, mandates
from node.core.people.events import (
    DenyRequest,
    EndPerson,
    PresentRequest,
    RevokeMandate,
    SetPurseLimit,
    Transfer,
)
from node.core.people.rows import (
    OWNER,
    Confirmation,
    ConfirmationPhase,
    EntryKind,
    Purse,
)
from node.core.rows import Payment, PaymentPhase, PromisePhase
from node.core.view import Step
from proto.keys import NodeId
from proto.levels import Level
from proto.messages import Accepted
from proto.money import Brand
from proto.reason import Reason, Refusal
from proto.request import request_hash
from proto.request_parts import MandateTerms
from tests.machines import by_option, caught_by, profile
from tests.node.core.people_ledger import Ledger
from tests.node.core.people_table import (
    ANN,
    BOB,
    approval,
    approval_id,
    brought,
    invitation,
    joining,
    read,
)
from tests.node.core.watched_bank import LEVELS, PEOPLE, WatchedBank

ANYBODY = (ANN, BOB, OWNER, ANN)
LINKS = (("P", "A"), ("P", "B"), ("A", "Q"), ("B", "Q"))
LIMIT = 3000
DAY_US = 24 * 3600 * SECOND
HEALED_US = 4000 * SECOND
INDEX = st.integers(0, 63)
AMOUNT = st.sampled_from((1, 700, 2000))
OFTEN = st.sampled_from((True, True, True, False))
BEND = st.sampled_from(("", "", "", "", "dear", "number"))  # of an attempt
TERMS = MandateTerms(900, 20 * SECOND, 1500, 2500, 10**16)


class PeopleMachine(WatchedBank, RuleBasedStateMachine):
    def __init__(self) -> None:
        WatchedBank.__init__(self)
        RuleBasedStateMachine.__init__(self)

    @initialize(chain=INDEX)
    def network(self, chain: int) -> None:
        for name in "PABQ":
            self.world.add(name, usual_terms)
        for one, other in LINKS:
            open_line(self.world, one, other, 60_000)
        for name in ("ann", "bob"):
            self.the.do(invitation(self.world, name))
            self.the.do(joining(self.world, name, LIMIT))
        self.ledger = Ledger(self.world.nodes["P"].id, dict.fromkeys(PEOPLE, LIMIT))
        self.somebody_pays(0, 700, chain, 0, True)

    # ------------------------------------------------------------- what requesters do

    @rule(
        payee=INDEX, amount=AMOUNT, who=INDEX, ranges=st.booleans(), named=OFTEN, caps=st.booleans()
    )
    def somebody_is_asked(
        self, payee: int, amount: int, who: int, ranges: bool, named: bool, caps: bool
    ) -> None:
        """By Q, by another person here, or by the bank itself. `caps`: and to stand for more."""
        terms: dict[str, Any] = {"mandate": TERMS} if caps else {}
        if who % 2:
            terms |= {"manual": True}
        if ranges and payee % 4:
            terms |= {"amount_min": 1 + amount // 2}
        request = self._made(payee, amount, terms)
        person = self._of(PEOPLE, who) if named else b""
        self.hear(brought(self.world, request, person))
        self.requests.append(request)

    @precondition(lambda self: self.ledger.standing)
    @rule(which=INDEX, amount=st.sampled_from((1, 300, 800)), who=INDEX, fee=st.integers(0, 60))
    def a_mandate_is_charged(self, which: int, amount: int, who: int, fee: int) -> None:
        under, of = self._of(list(self.ledger.standing.items()), which)
        at = 0 if of.request.payee == self.world.nodes["Q"].id else 2 + 4 * (who // 8)
        request = self._made(at, amount, {"under": under})
        person = of.person if who % 8 else self._of(PEOPLE, who // 8)
        if person != OWNER:
            self.hear(brought(self.world, request, person))
            said = approval(self.the, request, person, fee_max=fee)
            self.hear(self._approving(request, said, person, under))
            self.requests.append(request)

    # ------------------------------------------------------------- what people do

    @rule(payee=INDEX, amount=AMOUNT, chain=INDEX, who=INDEX, caps=st.booleans())
    def somebody_pays(self, payee: int, amount: int, chain: int, who: int, caps: bool) -> None:
        """All that it takes, at once: most of what follows is of payments under way."""
        self.somebody_is_asked(payee, amount, who, False, True, caps)
        self.a_person_approves(0, 1, 70, 0, True, False)
        if self._live():
            self.the_payer_tries(0, who & 2, chain, "")

    @precondition(lambda self: self.requests)
    @rule(which=INDEX, who=INDEX)
    def a_person_looks(self, which: int, who: int) -> None:
        known = approval_id(self._of(self.requests, which))
        self.hear(PresentRequest(self.world.now_us, known, self._of(ANYBODY, who)))

    @precondition(lambda self: self.requests)
    @rule(which=INDEX, who=INDEX)
    def a_person_denies(self, which: int, who: int) -> None:
        known = approval_id(self._of(self.requests, which))
        self.hear(DenyRequest(self.world.now_us, known, self._of(ANYBODY, who)))

    @precondition(lambda self: self.requests)
    @rule(
        which=INDEX, who=INDEX, fee=st.sampled_from((0, 5, 70, 2500)), less=INDEX, any_level=OFTEN,
        short=st.booleans(),
    )  # fmt: skip
    def a_person_approves(
        self, which: int, who: int, fee: int, less: int, any_level: bool, short: bool
    ) -> None:
        """The holder, mostly. `less`: of a range not the whole; `short`: for some seconds alone."""
        request = self._of(self.requests, which)
        held = self.ledger.asked[approval_id(request)].holder
        person = held if who % 4 and held is not None else self._of(ANYBODY, who // 4)
        self.hear(PresentRequest(self.world.now_us, approval_id(request), person))
        valid_us = (5 if short else 500) * SECOND
        said = approval(
            self.the,
            request,
            person,
            amount=max(1, request.amount - less),
            fee_max=fee,
            first_levels=frozenset(Level) if any_level else frozenset({Level.ATOMIC}),
            valid_until_us=self.world.now_us + valid_us,
        )
        self.hear(self._approving(request, said, person))

    @precondition(lambda self: self.ledger.standing)
    @rule(which=INDEX, who=INDEX)
    def a_mandate_is_revoked(self, which: int, who: int) -> None:
        under, of = self._of(list(self.ledger.standing.items()), which)
        person = of.person if who % 4 else self._of(ANYBODY, who // 4)
        self.hear(RevokeMandate(self.world.now_us, under, person))

    @rule(who=INDEX, to=st.sampled_from((0, 500, 3000, 9000)))
    def the_operator_sets_a_limit(self, who: int, to: int) -> None:
        person, brand = self._of(PEOPLE, who), self.world.line("P", "A").brand
        self.hear(SetPurseLimit(self.world.now_us, person, brand, to))

    @rule(who=INDEX, amount=AMOUNT, out=st.booleans())
    def the_counter_is_busy(self, who: int, amount: int, out: bool) -> None:
        person, brand = self._of(PEOPLE, who), self.world.line("P", "A").brand
        kind = EntryKind.PAID_OUT if out else EntryKind.PAID_IN
        slip = self.world.draw("slip")[:16]
        self.hear(Transfer(self.world.now_us, slip, person, brand, amount, kind, "counter"))

    @rule(who=st.integers(0, 15))
    def an_account_is_closed(self, who: int) -> None:
        if who in (0, 1):  # seldom: it ends the story of a person
            self.hear(EndPerson(self.world.now_us, PEOPLE[who]))

    @precondition(lambda self: self.said)
    @rule(which=st.integers(0, 500))
    def an_old_word_comes_again(self, which: int) -> None:
        event = self._of(self.said, which)
        if not isinstance(event, Transfer):  # its slip is fresh, and a shell does not repeat it
            self.hear(replace(event, now_us=self.world.now_us))

    # ------------------------------------------------------------- what the payer's task does

    @precondition(lambda self: self._live())
    @rule(
        which=INDEX,
        way=INDEX,
        chain=INDEX,
        bend=st.sampled_from(("", "", "", "", "dear", "number")),
    )
    def the_payer_tries(self, which: int, way: int, chain: int, bend: str) -> None:
        payment = self._of(self._live(), which)
        request = next(r for r in self.requests if approval_id(r) == payment.id)
        routes = self._routes("P", "Q", payment.amount, way, chain)
        number = payment.attempt + 1 + (bend == "number")
        chosen = payment.amount if request.least else None
        event = dictate(
            self.world, payment.id, request, routes, attempt=number, chosen=chosen
        ).event
        if bend == "dear":
            first, held = event.firsts[0], self.ledger.words[payment.id].said.total_debit_max
            event = replace(event, firsts=(replace(first, amount=held + 1), *event.firsts[1:]))
        applied = self.hear(event)
        assert not (bend and applied.changes), "an attempt beyond the approval"

    @precondition(lambda self: self._live())
    @rule(which=INDEX, gives_up=st.booleans())
    def the_payer_lets_it_be(self, which: int, gives_up: bool) -> None:
        payment = self._of(self._live(), which)
        now_us = self.world.now_us
        if gives_up:
            self.hear(GiveUpPayment(now_us, payment.id, Refusal(Reason.NO_ROUTE)))
        else:
            self.hear(AbandonPayment(now_us, payment.id))

    # ------------------------------------------------------------- what others do

    @precondition(lambda self: self.ours)
    @rule(which=INDEX, way=INDEX, chain=INDEX, direct=st.booleans())
    def an_outsider_pays_in(self, which: int, way: int, chain: int, direct: bool) -> None:
        request = self._of(self.ours, which)
        payer, payment = "A" if direct else "Q", self.world.draw("payment")[:16]
        amount = request.least or request.amount
        made = CreatePayment(
            self.world.now_us,
            payment,
            request_hash(request.signed),
            request.signed,
            read(request),
            "{}",
            amount=amount,
        )
        self.world.event(payer, made)
        if (Payment.table, payment, b"") not in self.world.nodes[payer].books.rows:
            return
        routes = self._routes("Q", "P", amount, way, chain)
        if direct:
            routes = [Route(("A", "P"), self._of(LEVELS[1], chain), amount)]
        chosen = amount if request.least else None
        event = dictate(self.world, payment, request, routes, chosen=chosen).event
        self.world.event(payer, event)

    @precondition(lambda self: self.requests)
    @rule(which=INDEX, yes=st.booleans())
    def a_payee_decides(self, which: int, yes: bool) -> None:
        request = self._of(self.requests, which)
        wish = ConfirmRequest if yes else DeclineRequest
        payee = "P" if request in self.ours else "Q"
        self.world.event(payee, wish(self.world.now_us, request.id))

    @rule(chain=INDEX, link=INDEX, who=INDEX)
    def a_part_is_not_claimed(self, chain: int, link: int, who: int) -> None:
        """The payee agrees once all is promised, and one way to it is closed by then."""
        self.world.heal_all()
        self.somebody_pays(0, 700, chain, who | 3, False)
        self.world.acknowledged()
        self.a_link_breaks(link, False)
        self.a_payee_decides(0, True)
        self.world.quiet()
        self.time_passes(40 * SECOND)

    @rule(picks=st.lists(INDEX, min_size=1, max_size=16))
    def things_arrive(self, picks: list[int]) -> None:
        for pick in picks:
            if choices := self.world.choices():
                self.world.do(choices[pick % len(choices)])

    @rule()
    def everything_arrives(self) -> None:
        self.world.quiet()

    @rule(by_us=st.sampled_from((1, SECOND, 3 * SECOND, 12 * SECOND, 40 * SECOND, 3600 * SECOND)))
    def time_passes(self, by_us: int) -> None:
        self.world.now_us += by_us
        self.world.fire()

    @rule(which=INDEX)
    def a_node_crashes(self, which: int) -> None:
        self.world.crash(self._of("PPABQ", which))

    @rule(which=INDEX, heals=OFTEN)
    def a_link_breaks(self, which: int, heals: bool) -> None:
        one, other = self._of(LINKS, which)
        (self.world.heal if heals else self.world.sever)(one, other)

    # ------------------------------------------------------------- what must hold

    @invariant()
    def all_is_as_the_second_books_say(self) -> None:
        self.check_all()

    def teardown(self) -> None:
        if not self.world.nodes:
            return
        world = self.world
        world.heal_all()
        world.run(world.now_us + HEALED_US)
        for payment in self._live():
            assert payment.phase is PaymentPhase.ROUTING, payment
            self.hear(GiveUpPayment(world.now_us, payment.id, Refusal(Reason.NO_ROUTE)))
        self.check_all()
        self.check_at_rest()


TestPeopleMachine = PeopleMachine.TestCase
TestPeopleMachine.settings = profile(examples=30, steps=30)


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _booked_when_accepted(step: Step, peer: NodeId, body: Accepted) -> None:
    ending.on_accepted(step, peer, body)
    promise = step.promise(step.settings.node, body.promise)
    if promise is not None and promise.phase is PromisePhase.ACCEPTED and promise.owner:
        hooks.on_given_booked(step, promise)


def _as_if_it_waited(step: Step, known: bytes) -> Confirmation | None:
    """As a shell would see it that has lost what became of it."""
    row = confirming.confirmation_of(step, known)
    if row is None or not row.phase.final:
        return row
    return replace(row, phase=ConfirmationPhase.PRESENTED, approved=b"", reserved=0, debited=0)


def _rich(step: Step, person: bytes, brand: Brand) -> Purse:
    return replace(booking.purse_of(step, person, brand), limit=1 << 60)


PLANTED: dict[str, tuple[tuple[Any, str, Any], ...]] = {
    "what was held is not given back": ((hooks, "release_reserve", lambda _, row, __=0: row),),
    "what an unclaimed part held stays held": ((hooks, "on_first_ended", _nothing),),
    "what a line brings for a person is forgotten": ((hooks, "on_held_booked", _nothing),),
    "what was paid is not booked": ((hooks, "on_given_booked", _nothing),),
    "an accepted promise is booked": ((apply, "on_accepted", _booked_when_accepted),),
    "mandates get nothing back": ((booking, "_give_back", _nothing),),
    "mandates have no caps": ((mandates, "left_of", lambda *_: 1 << 60),),
    "the period of a mandate never ends": ((mandates, "_in_period", lambda row, _: row),),
    "whoever is asked may approve": ((approving_room, "is_of", lambda *_: True),),
    "a closed account approves": (
        (approving_room, "may_act", lambda *_: True),
        (approving_room, "_is_given", lambda *_: True),  # its credentials end with it
    ),
    "nobody looks what is there": ((approving_room, "purse_of", _rich),),
    "an approval is used again": (
        (approving_room, "confirmation_of", _as_if_it_waited),
        (approving_room, "_check_in_house", _nothing),
    ),
    "what has ended may be approved": ((approving_room, "confirmation_of", _as_if_it_waited),),
    "attempts go beyond the approval": ((hooks, "check_attempt", _nothing),),
}


@by_option
@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_seen(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for room, name, instead in PLANTED[bug]:
        monkeypatch.setattr(room, name, instead)
    assert caught_by(PeopleMachine, examples=1500, steps=30)
