"""A neighbour, a payee or a registry that lies: a fault or a denial, and nothing has changed."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from node.command.sim.cast import R1, R2, SECOND, signing_key
from node.command.sim.cores.plan import (
    Attempt,
    Route,
    assert_books_mirror,
    chain_world,
    ended,
    given_by,
    held_by,
    make_request,
    pay,
    payment_of,
)
from node.command.sim.cores.world import World
from node.core.apply import Applied
from node.core.effects import PeerFault, Send
from node.core.events import FromPeer, RegistrySaid
from node.core.rows import (
    Ask,
    IncidentKind,
    PaymentPhase,
    PromisePhase,
    Request,
    Transaction,
)
from proto.certificate import AbortCertificate, CommitCertificate
from proto.commit import Commit, Evidence, sign_share
from proto.envelope import Envelope
from proto.levels import Level
from proto.messages import (
    Body,
    Claim,
    Denied,
    LineAccept,
    LineClose,
    LineLimit,
    LineOffer,
    Passed,
    Promise,
    Redeemed,
    Release,
)
from proto.reason import Reason, Refusal
from proto.wire import WireFault
from tests.node.evidence import aborted_by, commit_of, committed_by, refusal_of
from tests.proto.build import aborted_leaf, committed_leaf

B, S, A, X = Level.BARE, Level.SECURED, Level.ATOMIC, Level.PROXY
AMOUNT = 10_000


def waiting(*levels: Level) -> tuple[World, Attempt, Request]:
    """Everybody holds its promise, and the payee waits for its owner."""
    world, names = chain_world(levels)
    request = make_request(world, "Q", AMOUNT, manual=True)
    attempt = pay(world, [Route(names, levels, AMOUNT)], request)
    world.acknowledged()
    return world, attempt, request


def say(world: World, teller: str, body: Body, hearer: str = "A") -> Applied:
    event = FromPeer(world.now_us, world.nodes[teller].id, body, b"envelope")
    return world.event(hearer, event)


def assert_fault(applied: Applied) -> None:
    assert applied.changes == ()
    (fault,) = applied.effects
    assert isinstance(fault, PeerFault)


def assert_denied(applied: Applied, reason: Reason) -> None:
    assert applied.changes == ()
    (sent,) = applied.effects
    assert isinstance(sent, Send) and isinstance(sent.body, Denied)
    assert sent.body.because == Refusal(reason)


Forge = Callable[[Attempt, Request], Commit | CommitCertificate]


def forged_commit(attempt: Attempt, _: Request) -> Commit:
    share = sign_share(signing_key("somebody"), attempt.commit)
    return Commit(attempt.event.descriptor_bytes, Evidence((share,)).encode())


def nothing_at_all(attempt: Attempt, _: Request) -> Commit:
    """As empty as what a node knows of a transaction that nobody has committed."""
    return Commit(attempt.event.descriptor_bytes, b"")


def nothing_with_a_stamp(attempt: Attempt, _: Request) -> CommitCertificate:
    nothing = Commit(attempt.event.descriptor_bytes, b"")
    leaf = committed_leaf(nothing, attempt.event.descriptor).encode()
    return CommitCertificate(nothing, (R1.sign_statement(leaf),))


def other_descriptor(attempt: Attempt, request: Request) -> Commit:
    later = replace(attempt.event.descriptor, deadline_us=attempt.deadline_us + 1)
    return replace(commit_of(attempt, request), descriptor=later.encode())


def other_transaction(attempt: Attempt, request: Request) -> CommitCertificate:
    """A true certificate, of another payment."""
    salted = replace(attempt.event.descriptor, salt=bytes(32))
    event = replace(attempt.event, descriptor=salted, descriptor_bytes=salted.encode())
    return committed_by(replace(attempt, event=event), request)


def by_a_stranger(attempt: Attempt, request: Request) -> CommitCertificate:
    return committed_by(attempt, request, (R2,))


def late_statement(attempt: Attempt, request: Request) -> CommitCertificate:
    commit, descriptor = commit_of(attempt, request), attempt.event.descriptor
    leaf = committed_leaf(commit, descriptor, decided_at_us=attempt.deadline_us + 1)
    return CommitCertificate(commit, (R1.sign_statement(leaf.encode()),))


def wrong_key(attempt: Attempt, request: Request) -> CommitCertificate:
    commit, descriptor = commit_of(attempt, request), attempt.event.descriptor
    leaf = committed_leaf(commit, descriptor).encode()
    return CommitCertificate(commit, (R1.sign_statement(leaf, key=signing_key("thief")),))


def no_statement(attempt: Attempt, request: Request) -> CommitCertificate:
    return CommitCertificate(commit_of(attempt, request), ())


def forged_inside(attempt: Attempt, request: Request) -> CommitCertificate:
    good = committed_by(attempt, request)
    return CommitCertificate(forged_commit(attempt, request), good.statements)


@pytest.mark.parametrize("level", [B, S, A])
@pytest.mark.parametrize(
    "forge",
    [forged_commit, nothing_at_all, nothing_with_a_stamp, other_descriptor, other_transaction],
)
def test_a_forged_commit_redeems_nothing(level: Level, forge: Forge) -> None:
    world, attempt, request = waiting(level, level)
    (given,) = given_by(world, "A")
    evidence = forge(attempt, request)
    bare = isinstance(evidence, Commit) and evidence.descriptor == attempt.event.descriptor_bytes
    unstamped = level.needs_stamp and bare
    expected = Reason.CLAIM_UNSTAMPED if unstamped else Reason.CLAIM_INVALID
    assert_denied(say(world, "Q", Claim(given.id, evidence)), expected)


@pytest.mark.parametrize(
    "forge",
    [by_a_stranger, late_statement, wrong_key, no_statement, forged_inside, other_transaction],
)
@pytest.mark.parametrize("levels", [(S, S), (A, A), (A, X)])
def test_a_forged_certificate_redeems_nothing(levels: tuple[Level, ...], forge: Forge) -> None:
    world, attempt, request = waiting(*levels)
    (given,) = given_by(world, "A")
    claim = Claim(given.id, forge(attempt, request))
    assert_denied(say(world, "Q", claim), Reason.CLAIM_INVALID)


@pytest.mark.parametrize("forge", [by_a_stranger, wrong_key, no_statement])
def test_forged_stamps_on_a_true_commit_are_not_passed_on(forge: Forge) -> None:
    """BARE is worth the commit; a gateway does not show upstream what it cannot verify."""
    world, attempt, request = waiting(A, B)
    applied = say(world, "Q", Claim(given_by(world, "A")[0].id, forge(attempt, request)))
    assert given_by(world, "A")[0].phase is PromisePhase.REDEEMED
    assert held_by(world, "A")[0].pending and not held_by(world, "A")[0].shown
    assert not transaction_of(world, "A").commit_certificate
    assert not [e for e in applied.effects if isinstance(e, Send) and isinstance(e.body, Claim)]
    assert transaction_of(world, "A").ask is Ask.SUBMIT
    world.acknowledged()
    assert held_by(world, "A")[0].phase is PromisePhase.REDEEMED


def test_claims_for_promises_of_others() -> None:
    world, attempt, request = waiting(A, A)
    (given,), (held,) = given_by(world, "A"), held_by(world, "A")
    certificate = committed_by(attempt, request)
    assert_denied(say(world, "P", Claim(given.id, certificate)), Reason.CLAIM_UNKNOWN)
    assert_denied(say(world, "Q", Claim(held.id, certificate)), Reason.CLAIM_UNKNOWN)
    assert_denied(say(world, "Q", Claim(bytes(16), certificate)), Reason.CLAIM_UNKNOWN)


def test_bookings_that_nobody_made() -> None:
    world, _, _ = waiting(A, A)
    (held,), (given,) = held_by(world, "A"), given_by(world, "A")
    line = held.line
    wrong = [
        Redeemed(held.id, line, 1, held.amount - 1),
        Redeemed(held.id, line, 1, held.amount + 1),
        Redeemed(held.id, line, 2, held.amount),
        Redeemed(held.id, given.line, 1, held.amount),
        Redeemed(bytes(16), line, 1, held.amount),
        Redeemed(given.id, given.line, 1, given.amount),
    ]
    for body in wrong:
        assert_fault(say(world, "P", body))
    assert_fault(say(world, "Q", Redeemed(held.id, line, 1, held.amount)))


def test_a_booking_that_comes_again_books_nothing() -> None:
    world, names = chain_world((A, A))
    pay(world, [Route(names, (A, A), AMOUNT)])
    world.run(world.now_us)
    (held,) = held_by(world, "A")
    total = world.line("A", "P").booked_in
    applied = say(world, "P", Redeemed(held.id, held.line, 1, total))
    assert applied.changes == () and applied.effects == ()
    assert_fault(say(world, "P", Redeemed(held.id, held.line, 2, 2 * total)))


def test_one_id_for_two_promises() -> None:
    world, names = chain_world((A, A))
    pay(world, [Route(names, (A, A), AMOUNT)])
    first, _ = world.fork().intercept("P", "A")
    world.acknowledged()
    assert isinstance(first, Promise)
    for changed in (
        replace(first, amount=first.amount + 1),
        replace(first, level=S, expires_at_us=world.now_us + SECOND),
        replace(first, line=bytes(16)),
    ):
        assert_fault(say(world, "P", changed))
    again = say(world, "P", first)
    assert again.changes == () and again.effects == ()


def test_lines_of_others() -> None:
    world, _ = chain_world((A, A))
    line, brand = world.line("A", "P").id, world.line("A", "P").brand
    for body in (
        LineOffer(line, brand, 5),
        LineAccept(line, 5),
        LineLimit(line, 5, 0),
        LineClose(line),
        LineClose(bytes(16)),
    ):
        assert_fault(say(world, "Q", body))


@pytest.mark.parametrize("name", ["somebody else signed", "for another node"])
def test_an_envelope_that_is_not_from_its_sender(name: str) -> None:
    """The reader of messages refuses it; the core never sees it."""
    world, attempt, _ = waiting(A, A)
    body = Release(given_by(world, "A")[0].id, Refusal(Reason.ABANDONED))
    world.post("Q", "A", body)
    box = world.nodes["Q"].outbox["A"]
    data = Envelope.decode(box.messages[-1][1])
    thief = Envelope.seal(signing_key("thief"), data.kind, data.payload)
    tampered = replace(data, payload=data.payload[:-1] + b"\1")
    with pytest.raises((WireFault, AssertionError)):
        world.receive("A", (thief if name == "somebody else signed" else tampered).encode())
    assert given_by(world, "A")[0].pending and attempt.commit


def early_refusal(attempt: Attempt) -> AbortCertificate:
    leaf = aborted_leaf(attempt.event.descriptor, decided_at_us=attempt.deadline_us)
    statements = (R1.sign_statement(leaf.encode()),)
    return AbortCertificate(attempt.event.descriptor_bytes, statements)


@pytest.mark.parametrize("levels", [(S, S), (A, A)])
def test_forged_aborts_free_nothing(levels: tuple[Level, ...]) -> None:
    world, attempt, _ = waiting(*levels)
    (given,) = given_by(world, "A")
    for abort in (
        aborted_by(attempt, (R2,)),
        AbortCertificate(attempt.event.descriptor_bytes, ()),
        early_refusal(attempt),
    ):
        applied = say(world, "Q", Passed(given.id, abort))
        assert applied.changes == () and applied.effects == ()


def transaction_of(world: World, name: str) -> Transaction:
    (row,) = [r for r in world.rows(name, Transaction) if isinstance(r, Transaction)]
    return row


def test_what_a_registry_cannot_know_is_not_kept() -> None:
    """A true statement with junk for evidence, and statements that prove nothing."""
    world, attempt, request = waiting(S, S)
    certificate = committed_by(attempt, request)
    before = dict(world.nodes["A"].books.rows)
    now_us, (good,) = world.now_us, certificate.statements
    junk = forged_commit(attempt, request).evidence
    (late,) = late_statement(attempt, request).statements
    (stolen,) = wrong_key(attempt, request).statements
    for registry, final in ((R1, late), (R1, stolen), (R2, good), (R1, refusal_of(attempt, R2))):
        evidence = certificate.commit.evidence
        said = RegistrySaid(now_us, registry.id, attempt.commit, final, evidence)
        assert world.event("A", said).changes == ()
    assert world.nodes["A"].books.rows == before
    world.event("A", RegistrySaid(now_us, R1.id, attempt.commit, good, junk))
    row = transaction_of(world, "A")
    assert not row.commit_evidence and not row.decided and row.statements == (good.encode(),)
    assert [p.phase for p in world.promises("A")] == [PromisePhase.ACCEPTED] * 2
    world.event("A", RegistrySaid(now_us, R1.id, attempt.commit, good, certificate.commit.evidence))
    assert transaction_of(world, "A").commit_certificate


def test_a_refused_promise_is_not_booked_by_a_certificate() -> None:
    """The payee commits although one chain never reached it: who refused is owed nothing."""
    world, names = chain_world((A, A))
    request = make_request(world, "Q", AMOUNT, manual=True)
    attempt = pay(world, [Route(names, (A, A), AMOUNT)], request)
    world.sever("A", "Q")
    world.do(world.choices()[0])  # A refuses: nobody is connected ahead
    certificate = committed_by(attempt, request)
    said = RegistrySaid(
        world.now_us,
        R1.id,
        attempt.commit,
        certificate.statements[0],
        certificate.commit.evidence,
    )
    world.event("P", said)
    world.run(world.now_us)
    assert ended(world) and not world.faults
    assert [p.phase for p in world.promises("P")] == [PromisePhase.REFUSED]
    assert_books_mirror(world)


@pytest.mark.parametrize("order", ["abort first", "commit first"])
@pytest.mark.parametrize("level", [S, A])
def test_a_registry_that_signs_both_ways(order: str, level: Level) -> None:
    """The commit dominates as an incident with its proof; no promise makes a second transition."""
    world, attempt, request = waiting(level, level)
    (given,) = given_by(world, "A")
    world.sever("P", "A")
    world.now_us = max(given.expires_at_us, attempt.deadline_us) + 5 * SECOND
    passed, claim = (
        Passed(given.id, aborted_by(attempt)),
        Claim(given.id, committed_by(attempt, request)),
    )
    bodies: list[Body] = [passed, claim] if order == "abort first" else [claim, passed]
    say(world, "Q", bodies[0])
    phases = [p.phase for p in world.promises("A")]
    second = say(world, "Q", bodies[1])
    assert [p.phase for p in world.promises("A")] == phases
    proofs = [i for i in world.incidents("A") if i.kind is IncidentKind.CONTRADICTION]
    assert proofs and all(CommitCertificate.decode(i.evidence) for i in proofs)
    assert transaction_of(world, "A").abort_certificate
    if order == "abort first":
        assert given_by(world, "A")[0].phase is PromisePhase.ABORTED
        (held,) = held_by(world, "A")
        assert [e.body for e in second.effects if isinstance(e, Send)] == [
            Claim(held.id, committed_by(attempt, request)),
            Denied(given.id, Refusal(Reason.CLAIM_ENDED)),
        ]
        claims = [i for i in world.incidents("A") if i.kind is IncidentKind.CLAIM]
        assert {(i.peer, i.amount) for i in claims} == {
            (given.peer, given.amount),
            (held.peer, held.amount),
        }
    else:
        assert given_by(world, "A")[0].phase is PromisePhase.REDEEMED
    assert say(world, "Q", bodies[1]).changes == ()


def test_both_ways_at_two_neighbours_leaves_nothing_pending() -> None:
    """P heard that it never commits, A that it did: A holds the proof, and its claim has ended."""
    world, attempt, request = waiting(A, A)
    world.sever("P", "A")
    world.run(attempt.deadline_us + 5 * SECOND)  # the registry aborts, and P hears it first
    fresh, attempt, request = waiting(A, A)
    fresh.sever("P", "A")
    fresh.now_us = attempt.deadline_us + 3 * SECOND
    say(fresh, "Q", Claim(given_by(fresh, "A")[0].id, committed_by(attempt, request)))
    refusal = refusal_of(attempt)
    fresh.event("P", RegistrySaid(fresh.now_us, R1.id, attempt.commit, refusal))
    assert payment_of(fresh, "P", attempt).phase is PaymentPhase.ROUTING
    fresh.heal_all()
    fresh.run(fresh.now_us + 60 * SECOND)
    assert ended(fresh) and not fresh.faults
    kinds = {i.kind for i in fresh.incidents("A")}
    assert {IncidentKind.CONTRADICTION, IncidentKind.LOSS, IncidentKind.CLAIM_DENIED} <= kinds
    kinds = {i.kind for i in fresh.incidents("P")}
    assert kinds == {IncidentKind.CONTRADICTION, IncidentKind.CLAIM}, "P owes it, by hand"


def test_a_downstream_that_releases_and_commits_all_the_same() -> None:
    """Its own loss: A has freed its credit, and what P owes A stays P's to settle."""
    world, attempt, request = waiting(A, A)
    say(world, "Q", Release(given_by(world, "A")[0].id, Refusal(Reason.ABANDONED)))
    row = transaction_of(world, "Q")
    evidence = commit_of(attempt, request).evidence
    world.judges["R1"].ask(Ask.SUBMIT, row.descriptor, evidence, world.now_us)
    (held,) = held_by(world, "A")
    assert held.phase is PromisePhase.RELEASED
    claim = Claim(given_by(world, "A")[0].id, committed_by(attempt, request))
    assert_denied(say(world, "Q", claim), Reason.CLAIM_ENDED)
