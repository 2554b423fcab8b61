"""Cores with a liar among them: what he says, when, in which order and how often is Hypothesis's.

Ways lead from P to Q over A and B, and over the liar. P, A, B and Q are honest; the liar signs and
numbers what he says as he must, and nothing else is asked of him. After every event the rows of the
node that it happened to are checked (tests.node.world does); after every rule, what honest nodes
have paid and freed. At the end all faults heal, and everything that honest nodes hold must end.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from node.command.sim.cast import R1, R2, RECORDS, SECOND, signing_key
from node.command.sim.cores.plan import (
    Attempt,
    Route,
    create,
    dictate,
    is_viable,
    make_request,
    open_line,
)
from node.command.sim.cores.plan import terms as usual_terms
from node.command.sim.cores.world import Deliver, World
from node.core import claim, ending
from node.core.events import AbandonPayment, ConfirmRequest, DeclineRequest
from node.core.rows import (
    Direction,
    IncidentKind,
    Line,
    Promise,
    PromisePhase,
    Request,
    Shown,
    Transaction,
)
from proto import messages as m
from proto.certificate import (
    AbortCertificate,
    CertificateInvalid,
    CommitCertificate,
    verify_abort_certificate,
)
from proto.commit import Commit, Evidence, commit_is_valid, sign_share
from proto.descriptor import decode_descriptor
from proto.envelope import Envelope
from proto.levels import Level
from proto.messages import MESSAGE_KIND, Body, encode
from proto.modes import Mode, mode_of
from proto.onion import PACKET_BYTES
from proto.reason import Reason, Refusal
from proto.wire import WireFault
from tests.machines import by_option, caught_by, profile

HONEST = ("P", "A", "B", "Q")
LIAR = "L"
WAYS = (("P", "A", "B", "Q"), ("P", "A", LIAR, "Q"), ("P", LIAR, "B", "Q"), ("P", LIAR, "Q"))
LEVELS = {n: [c for c in product(Level, repeat=n) if is_viable(c)] for n in (2, 3)}
HEALED_US = 400 * SECOND
NUMBERS = st.sampled_from((0, 1, 2, 99, 10_000, 2**62, 2**63 - 1))
INDEX = st.integers(0, 63)
LIE = st.tuples(INDEX, INDEX, INDEX, NUMBERS)  # to whom, what, about which promise, a figure


class CoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.requests: list[Request] = []
        self.attempts: list[tuple[str, Attempt]] = []
        self.heard: list[tuple[str, bytes]] = []  # what honest nodes told the liar
        self.ended: set[tuple[str, bytes, bytes]] = set()

    @initialize(way=INDEX, chain=INDEX)
    def network(self, way: int, chain: int) -> None:
        for name in (*HONEST, LIAR):
            self.world.add(name, usual_terms)
        for names in WAYS:
            for one, other in pairwise(names):
                if not any(x.peer == self.world.nodes[other].id for x in self.world.lines(one)):
                    open_line(self.world, one, other, 60_000)
        self.pays(way, chain, 20_000, True)

    # ------------------------------------------------------------- what honest owners do

    @rule(
        way=INDEX,
        chain=INDEX,
        amount=st.sampled_from((1, 700, 20_000)),
        waits=st.booleans(),
        chooses=st.booleans(),
    )
    def pays(self, way: int, chain: int, amount: int, waits: bool, chooses: bool = False) -> None:
        """`waits`: all promises are made, and the payee waits for its owner. `chooses`: the amount
        is the payer's choice among more."""
        names = WAYS[way % len(WAYS)]
        levels = LEVELS[len(names) - 1][chain % len(LEVELS[len(names) - 1])]
        most, least, chosen = (amount + 5_000, 1, amount) if chooses else (amount, 0, None)
        request = make_request(self.world, "Q", most, manual=waits, amount_min=least)
        payment = create(self.world, "P", request, amount=amount)
        route = [Route(names, levels, amount)]
        attempt = dictate(self.world, payment, request, route, chosen=chosen)
        self.world.event("P", attempt.event)
        self.requests.append(request)
        self.attempts.append(("P", attempt))
        if waits:
            self.world.acknowledged()

    @precondition(lambda self: self.requests)
    @rule(which=INDEX, yes=st.booleans())
    def the_payee_decides(self, which: int, yes: bool) -> None:
        wish = ConfirmRequest if yes else DeclineRequest
        self.world.event("Q", wish(self.world.now_us, self._of(self.requests, which).id))

    @precondition(lambda self: self.attempts)
    @rule(which=INDEX)
    def the_payer_abandons(self, which: int) -> None:
        _, attempt = self._of(self.attempts, which)
        self.world.event("P", AbandonPayment(self.world.now_us, attempt.payment))

    # ------------------------------------------------------------- what networks do

    @rule(picks=st.lists(INDEX, min_size=1, max_size=12))
    def things_arrive(self, picks: list[int]) -> None:
        for pick in picks:
            if choices := self.world.choices():
                self._do(choices[pick % len(choices)])

    @rule(by_us=st.sampled_from((1, SECOND // 2, SECOND, 3 * SECOND, 12 * SECOND)))
    def time_passes(self, by_us: int) -> None:
        self.world.now_us += by_us
        self.world.fire()

    @rule(which=INDEX)
    def crashes(self, which: int) -> None:
        self.world.crash(self._of(HONEST, which))

    @rule(which=INDEX, heals=st.booleans())
    def a_registry_is_away(self, which: int, heals: bool) -> None:
        self._of(list(self.world.judges.values()), which).down = not heals

    # ------------------------------------------------------------- what the liar does

    @rule(to=INDEX, field=INDEX, number=NUMBERS, pick=INDEX)
    def lies_about_what_he_would_say(self, to: int, field: int, number: int, pick: int) -> None:
        """His next message with one field changed, signed by him, in its place."""

        def changed(body: Body) -> Body:
            names = [f.name for f in fields(body)]
            name = names[field % len(names)]
            return replace(body, **{name: self._instead(getattr(body, name), number, pick)})

        self._replace_next(self._of(HONEST, to), changed)

    @precondition(lambda self: self.attempts)
    @rule(lies=st.lists(LIE, min_size=1, max_size=8), at_once=st.booleans())
    def says_what_he_likes(self, lies: list[tuple[int, int, int, int]], at_once: bool) -> None:
        for to, kind, pick, number in lies:
            hearer = self._of(HONEST, to)
            bodies = self._invented(hearer, pick, number)
            self._post(hearer, bodies[kind % len(bodies)])
            while at_once and Deliver(LIAR, hearer) in self.world.choices():
                self.world.do(Deliver(LIAR, hearer))

    @precondition(lambda self: self.heard)
    @rule(to=INDEX, which=INDEX)
    def repeats_what_he_heard(self, to: int, which: int) -> None:
        """The words of another, signed by himself: only the names in the payload are his."""
        _, envelope = self._of(self.heard, which)
        body = m.decode(Envelope.decode(envelope).payload)[2]
        self._post(self._of(HONEST, to), body)

    @rule(to=INDEX)
    def swallows_what_he_owes(self, to: int) -> None:
        self._replace_next(self._of(HONEST, to), lambda _: m.Accepted(b"x" * 16))

    def _signed(self, hearer: str, body: Body) -> bytes | None:
        """None for what the parser refuses (tests.fuzz sees to that) before a core meets it."""
        liar = self.world.nodes[LIAR]
        payload = encode(liar.id, self.world.nodes[hearer].id, body)
        try:
            m.decode(payload)
        except WireFault:
            return None
        return Envelope.seal(liar.key, MESSAGE_KIND, payload).encode()

    def _post(self, hearer: str, body: Body) -> None:
        if self._shared(hearer) and self._signed(hearer, body) is not None:
            self.world.post(LIAR, hearer, body)

    def _replace_next(self, hearer: str, change: Callable[[Body], Body]) -> None:
        box = self.world.nodes[LIAR].outbox.get(hearer)
        if box is None or box.sent >= len(box.messages):
            return
        place, envelope = box.messages[box.sent]
        lie = self._signed(hearer, change(m.decode(Envelope.decode(envelope).payload)[2]))
        if lie is not None:
            box.messages[box.sent] = (place, lie)

    def _instead(self, value: Any, number: int, pick: int) -> Any:
        match value:
            case Level():
                return list(Level)[pick % len(Level)]
            case bool() | Refusal():
                return Refusal(list(Reason)[pick % len(Reason)])
            case int():
                return (number, value + 1, max(0, value - 1))[pick % 3]
            case bytes() if len(value) == 16:
                return self._of(self._ids(), pick)
            case bytes():
                return (value[: pick % 2] and value) or bytes(len(value))
            case Commit() | CommitCertificate():
                return self._of(self._evidence(self._transactions()), pick)
            case _:
                return value

    def _shared(self, hearer: str) -> list[Line]:
        own = self.world.nodes[LIAR].id
        return [line for line in self.world.lines(hearer) if line.peer == own]

    def _ids(self) -> list[bytes]:
        """Of promises and lines, his own and others'."""
        known = [p.id for name in (LIAR, *HONEST) for p in self.world.promises(name)]
        return [*dict.fromkeys(known), *(x.id for x in self.world.lines("A")), b"?" * 16]

    def _evidence(self, meant: list[Transaction]) -> list[Commit | CommitCertificate]:
        """What he may have come by: of each transaction, forged commits and true ones."""
        found: list[Commit | CommitCertificate] = []
        for row in meant:
            share = sign_share(signing_key("somebody"), row.commit)
            found.append(Commit(row.descriptor, Evidence((share,)).encode()))
            known = self._transactions_of(LIAR).get(row.commit)
            if known is not None and known.commit_evidence:
                found.append(Commit(row.descriptor, known.commit_evidence))
            if known is not None and known.commit_certificate:
                found.append(CommitCertificate.decode(known.commit_certificate))
            other = R2.sign_statement(row.descriptor)
            found.append(CommitCertificate(Commit(row.descriptor, b""), (other,)))
        return found or [Commit(b"", b"")]

    def _transactions(self) -> list[Transaction]:
        rows = [r for n in (*HONEST, LIAR) for r in self.world.rows(n, Transaction)]
        return [r for r in rows if isinstance(r, Transaction)]

    def _transactions_of(self, name: str) -> dict[bytes, Transaction]:
        rows = self.world.rows(name, Transaction)
        return {r.commit: r for r in rows if isinstance(r, Transaction)}

    def _invented(self, hearer: str, pick: int, number: int) -> list[Body]:
        own = self.world.nodes[LIAR].id
        between = [p for p in self.world.promises(hearer) if p.peer == own and p.pending]
        aim = self._of(between, pick) if between and pick % 8 else None
        some = aim.id if aim else self._of(self._ids(), pick)
        why = Refusal(list(Reason)[pick % len(Reason)])
        line = self._of(self._shared(hearer), pick).id if self._shared(hearer) else b"?" * 16
        meant = [r for r in self._transactions() if aim is None or r.commit == aim.commit]
        descriptor = self._of(meant, pick).descriptor if meant else b"none"
        abort = AbortCertificate(descriptor, (R1.sign_statement(b"leaf"),))
        return [
            m.Claim(some, self._of(self._evidence(meant), pick // 3)),
            m.Release(some, why),
            m.Refuse(some, why),
            m.Accepted(some),
            m.Abandon(some),
            m.Denied(some, why),
            m.Redeemed(some, line, number % 7, number),
            m.Passed(some, abort),
            m.LineLimit(line, number, pick % 3),
            m.LineState(line, number, number, bytes(32)),
            m.LineOffer(some, self.world.lines("A")[0].brand, number),
            m.LineAccept(line, number),
            m.Promise(
                *(some, line, descriptor, number, list(Level)[pick % 4]),
                *(self.world.now_us + SECOND, bytes(PACKET_BYTES)),
            ),
        ]

    def _do(self, choice: Any) -> None:
        receiver, sender = getattr(choice, "receiver", ""), getattr(choice, "sender", "")
        if receiver == LIAR:
            box = self.world.nodes[sender].outbox[receiver]
            self.heard.append((sender, box.messages[box.sent][1]))
        self.world.do(choice)

    @staticmethod
    def _of(things: Any, which: int) -> Any:
        return things[which % len(things)]

    # ------------------------------------------------------------- what must hold

    @invariant()
    def honest_nodes_find_no_fault_with_each_other(self) -> None:
        """Only the liar's neighbours may complain: whoever complains of an honest one is wrong."""
        faulty = [who for who, _ in self.world.faults if who != LIAR]
        assert not [who for who in faulty if not self._shared(who)], self.world.faults

    @invariant()
    def what_is_atomic_loses_nothing(self) -> None:
        for name in HONEST:
            for incident in self.world.incidents(name):
                assert incident.kind is not IncidentKind.CONTRADICTION, incident
                if incident.kind is IncidentKind.LOSS:
                    assert self._mode_of(name, incident.subject) is not Mode.ATOMIC, incident

    @invariant()
    def what_is_paid_was_committed_by_the_payee(self) -> None:
        """Judged by the signatures alone, whatever the core found."""
        for name in HONEST:
            known = self._transactions_of(name)
            for given in self.world.promises(name):
                ends = given.phase in (PromisePhase.REDEEMED, PromisePhase.ABORTED)
                if given.direction is Direction.IN or not ends:
                    continue
                row = known[given.commit]
                descriptor = decode_descriptor(row.descriptor)
                if given.phase is PromisePhase.REDEEMED:
                    assert commit_is_valid(descriptor, Commit(row.descriptor, row.commit_evidence))
                else:
                    assert self._is_aborted(row), given

    def _is_aborted(self, row: Transaction) -> bool:
        try:
            abort = AbortCertificate.decode(row.abort_certificate)
            verify_abort_certificate(abort, RECORDS, self.world.now_us)
        except (WireFault, CertificateInvalid):
            return False
        return True

    def _mode_of(self, name: str, subject: bytes) -> Mode | None:
        for held in self.world.promises(name):
            if held.promisor[:16] + held.id == subject:
                key = (Promise.table, bytes(held.partner), held.partner_id)
                given = self.world.nodes[name].books.rows[key]
                assert isinstance(given, Promise)
                return mode_of(held.level, given.level)
        return None

    @invariant()
    def an_end_stays_an_end(self) -> None:
        for name in HONEST:
            final = {(name, p.promisor, p.id) for p in self.world.promises(name) if p.phase.final}
            gone = {end for end in self.ended if end[0] == name} - final
            assert not gone, gone
            self.ended |= final

    @invariant()
    def nobody_owes_more_than_was_granted(self) -> None:
        for name in HONEST:
            for line in self.world.lines(name):
                assert line.pending_out >= 0 and line.pending_in >= 0
                assert max(line.booked_in, line.booked_out) < 2**62, "a total nobody promised"

    def teardown(self) -> None:
        world = self.world
        if not world.nodes:
            return
        world.heal_all()
        world.run(world.now_us + HEALED_US)
        self.what_is_atomic_loses_nothing()
        for name in HONEST:
            pending = [p for p in world.promises(name) if p.pending and not self._is_owed(p)]
            assert not pending, (name, pending)
        for one, other in (("P", "A"), ("A", "B"), ("B", "Q")):
            ours, theirs = world.line(one, other), world.line(other, one)
            assert (ours.booked_out, ours.booked_in) == (theirs.booked_in, theirs.booked_out)
        self._payer_paid_once()

    def _is_owed(self, held: Promise) -> bool:
        """Shown to the liar, who never says that he booked it: it stays a claim against him."""
        own = self.world.nodes[LIAR].id
        return held.promisor == own and held.peer == own and held.shown is not Shown.NOTHING

    def _payer_paid_once(self) -> None:
        """Invariant 7: each commit's first promises are paid once, to the payment that names it."""
        paid = [p.commit for p in self.world.promises("P") if p.phase is PromisePhase.REDEEMED]
        assert len(paid) == len(set(paid)) and len(paid) <= len(self.attempts)


TestCoreMachine = CoreMachine.TestCase
TestCoreMachine.settings = profile(examples=40, steps=30)


PLANTED = {
    "a forged commit is believed": (claim, "_evidence_holds", True),
    "credit is freed on silence": (ending, "may_free", True),
    "a forged abort is believed": (ending, "verify_abort_certificate", None),
}


@by_option
@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_seen(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    room, name, always = PLANTED[bug]
    monkeypatch.setattr(room, name, lambda *_, **__: always)
    assert caught_by(CoreMachine, examples=250, steps=30)
