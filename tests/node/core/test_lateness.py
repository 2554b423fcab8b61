"""Late stamps at a node: claims against an abort, and the proofs that make them count."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from node.command.sim.cast import RECORDS, SECOND
from node.command.sim.cores.plan import (
    Attempt,
    Route,
    chain_world,
    given_by,
    held_by,
    make_request,
    pay,
    payment_of,
)
from node.command.sim.cores.world import World
from node.core.asking import plan_asking
from node.core.effects import Send
from node.core.events import FromPeer, RegistrySaid
from node.core.proving import MAX_PROOF_ASKS
from node.core.rows import (
    Ask,
    IncidentKind,
    PaymentPhase,
    PromisePhase,
    Request,
    Transaction,
)
from node.core.settling import bundle_of
from node.core.view import Step
from proto.certificate import CommitCertificate
from proto.lateness import Proven, proven, rule_in
from proto.levels import Level
from proto.log_leaf import EPOCH_US
from proto.messages import Body, Claim, Denied, Passed, Release
from proto.reason import Reason, Refusal
from proto.statement import SignedStatement
from tests.node.evidence import aborted_by, committed_by
from tests.proto.witnessed import W1, WitnessedRegistry, witnessed

S, A = Level.SECURED, Level.ATOMIC
AMOUNT = 10_000
MMD_US = W1.record.mmd_us
DAY = 86_400 * SECOND

Bend = Callable[[SignedStatement], SignedStatement]


def witnessed_world(
    *levels: Level,
    manual: bool = True,
    registry: WitnessedRegistry = W1,
    quorum: int | None = None,
) -> tuple[World, Attempt, Request]:
    """P pays Q over A; everybody knows the registry's record with its witnesses."""
    world, names = chain_world(levels)
    world.judges["R1"].registry = registry
    for node in world.nodes.values():
        node.books.settings = replace(
            node.books.settings,
            records={**RECORDS, registry.id: registry.record},
            late_rules={} if quorum is None else {registry.id: rule_in(registry.record, quorum)},
        )
    request = make_request(world, "Q", AMOUNT, manual=manual)
    attempt = pay(world, [Route(names, levels, AMOUNT)], request)
    world.acknowledged()
    return world, attempt, request


def certificate_of(attempt: Attempt, request: Request, bend: Bend) -> CommitCertificate:
    plain = committed_by(attempt, request, (W1,))
    return replace(plain, statements=tuple(bend(s) for s in plain.statements))


def claimed(world: World, certificate: CommitCertificate) -> list[Body]:
    """Q shows a commit; what A says then."""
    (given,) = given_by(world, "A")
    body = Claim(given.id, certificate)
    event = FromPeer(world.now_us, world.nodes["Q"].id, body, b"envelope")
    return [e.body for e in world.event("A", event).effects if isinstance(e, Send)]


def aborted(world: World, attempt: Attempt) -> None:
    """A hears of the abort, and is alone with it."""
    world.sever("P", "A")
    world.now_us = attempt.deadline_us + 3 * SECOND
    (given,) = given_by(world, "A")
    body = Passed(given.id, aborted_by(attempt, (W1,)))
    world.event("A", FromPeer(world.now_us, world.nodes["Q"].id, body, b"envelope"))


def kinds(world: World) -> set[IncidentKind]:
    return {i.kind for i in world.incidents("A")}


def plain(signed: SignedStatement) -> SignedStatement:
    return signed


INBOX = {IncidentKind.CONTRADICTION}
BOOKED = {IncidentKind.CONTRADICTION, IncidentKind.CLAIM}


@pytest.mark.parametrize(
    ("after_us", "bend", "quorum", "expected"),
    [
        (MMD_US, plain, 2, BOOKED),
        (MMD_US + 1, plain, 2, INBOX),
        (MMD_US + 1, plain, 0, BOOKED),
        (MMD_US + 1, W1.timely, 2, BOOKED),
        (MMD_US + 1, W1.timely, 3, INBOX),
        (MMD_US + 1, lambda s: W1.timely(s, 1), 2, INBOX),
        (EPOCH_US, W1.timely, 2, BOOKED),
        (EPOCH_US + 1, W1.timely, 2, INBOX),
    ],
)
def test_a_commit_against_an_abort(
    after_us: int, bend: Bend, quorum: int, expected: set[IncidentKind]
) -> None:
    world, attempt, request = witnessed_world(A, A, quorum=quorum)
    aborted(world, attempt)
    assert [p.phase for p in world.promises("A")] == [PromisePhase.ABORTED] * 2
    world.now_us = attempt.deadline_us + after_us
    claimed(world, certificate_of(attempt, request, bend))
    assert kinds(world) == expected
    assert [p.phase for p in world.promises("A")] == [PromisePhase.ABORTED] * 2
    (told,) = {i.detail for i in world.incidents("A") if i.kind is IncidentKind.CONTRADICTION}
    assert ("too late" in told) is (expected is INBOX)
    owed = [i.detail for i in world.incidents("A") if i.kind is IncidentKind.CLAIM]
    assert sorted(owed) == (
        ["owed by us: the commit dominates", "owed to us: the commit dominates"]
        if expected is BOOKED
        else []
    )


def test_the_proof_may_be_shown_after_the_commit() -> None:
    world, attempt, request = witnessed_world(A, A)
    aborted(world, attempt)
    world.now_us = attempt.deadline_us + DAY
    claimed(world, certificate_of(attempt, request, plain))
    assert kinds(world) == INBOX
    said = claimed(world, certificate_of(attempt, request, W1.timely))
    assert kinds(world) == BOOKED
    assert [type(body) for body in said] == [Claim, Denied], "and P is shown it"
    before = world.nodes["A"].books.rows.copy()
    said = claimed(world, certificate_of(attempt, request, W1.timely))
    assert [type(body) for body in said] == [Denied], "once"
    assert world.nodes["A"].books.rows == before


def test_a_claim_goes_up_the_chain() -> None:
    """A is shown it, and shows it to P: who paid nothing owes A, and A owes Q."""
    world, attempt, request = witnessed_world(A, A)
    aborted(world, attempt)
    world.heal_all()
    world.run(attempt.deadline_us + DAY)
    assert payment_of(world, "P", attempt).phase is not PaymentPhase.COMMITTED
    claimed(world, certificate_of(attempt, request, W1.timely))
    world.run(world.now_us + SECOND)
    assert not world.faults
    (owed,) = [i for i in world.incidents("P") if i.kind is IncidentKind.CLAIM]
    assert (owed.peer, owed.amount) == (world.nodes["A"].id, held_by(world, "A")[0].amount)


@pytest.mark.parametrize(
    ("because", "expected"),
    [(Reason.ABORTED_AHEAD, BOOKED), (Reason.ABANDONED, INBOX)],
    ids=lambda value: value.name if isinstance(value, Reason) else "",
)
def test_a_promise_that_was_released(because: Reason, expected: set[IncidentKind]) -> None:
    """Given up on an abort it is owed all the same; given up for another reason it is gone."""
    world, attempt, request = witnessed_world(S, S)
    world.sever("P", "A")
    (given,) = given_by(world, "A")
    body = Release(given.id, Refusal(because))
    world.event("A", FromPeer(world.now_us, world.nodes["Q"].id, body, b"envelope"))
    aborted(world, attempt)
    assert given_by(world, "A")[0].phase is PromisePhase.RELEASED
    claimed(world, certificate_of(attempt, request, plain))
    assert kinds(world) == expected


def test_a_pending_promise_is_redeemed_by_a_plain_certificate_at_any_time() -> None:
    world, attempt, request = witnessed_world(A, A)
    world.judges["R1"].down = True
    world.now_us = attempt.deadline_us + 400 * DAY
    claimed(world, certificate_of(attempt, request, plain))
    assert given_by(world, "A")[0].phase is PromisePhase.REDEEMED
    assert not world.incidents("A")


# ---------------------------------------------------------------- fetching


def transaction_of(world: World, name: str) -> Transaction:
    (row,) = world.rows(name, Transaction)
    assert isinstance(row, Transaction)
    return row


def shown(world: World, name: str) -> Proven:
    certificate = CommitCertificate.decode(transaction_of(world, name).commit_certificate)
    return min(proven(s, W1.record, rule_in(W1.record)) for s in certificate.statements)


def may_leave(world: World, name: str) -> bool:
    books = world.nodes[name].books
    return bundle_of(books, transaction_of(world, name), world.now_us, lambda *_: True) is not None


@pytest.mark.parametrize("crashed", [False, True])
def test_the_proof_is_fetched_behind_the_payment(crashed: bool) -> None:
    world, _, _ = witnessed_world(A, A, manual=False)
    start_us = world.now_us
    for name in "PAQ":
        row = transaction_of(world, name)
        assert (row.ask, row.ask_at_us) == (Ask.PROOF, start_us + MMD_US // 4)
        assert shown(world, name) is Proven.NOTHING
    if crashed:
        world.crash("A")
    world.run(start_us + MMD_US // 4 - 1)
    world.judges["R1"].registry = replace(W1, proves=True)
    world.run(start_us + MMD_US // 4)
    for name in "PAQ":
        assert shown(world, name) is Proven.TIMELY
        assert transaction_of(world, name).ask is Ask.NOTHING
    world.run(start_us + MMD_US)
    assert all(may_leave(world, name) for name in "PAQ")


def test_a_registry_without_proofs_is_asked_for_two_mmd_and_no_longer() -> None:
    world, _, _ = witnessed_world(A, A, manual=False)
    start_us = world.now_us
    world.run(start_us + 2 * MMD_US)
    assert transaction_of(world, "A").asks == MAX_PROOF_ASKS
    assert not may_leave(world, "A")
    world.run(start_us + 3 * MMD_US)
    row = transaction_of(world, "A")
    assert (row.ask, shown(world, "A")) == (Ask.NOTHING, Proven.NOTHING)
    assert may_leave(world, "A"), "nothing stays for a registry that breaks its word"
    world.judges["R1"].registry = replace(W1, proves=True)
    world.run(start_us + 9 * MMD_US)
    step = Step(world.nodes["A"].books, world.now_us)
    plan_asking(step, row.commit)
    assert (step.changes, transaction_of(world, "A")) == ((), row)


def test_what_a_registry_answers_instead_of_the_proof() -> None:
    world, attempt, request = witnessed_world(A, A, manual=False)
    row = transaction_of(world, "A")
    (known,) = CommitCertificate.decode(row.commit_certificate).statements
    (refusal,) = aborted_by(attempt, (W1,)).statements
    (other,) = committed_by(attempt, request, (W1,)).statements
    lies = [
        W1.timely(refusal),
        W1.timely(other),
        W1.proof(known, {}, leaf=b"another entry"),
        replace(known, tlog_proof=b"no proof"),
        SignedStatement(b"no statement", (), known.tlog_proof),
    ]
    for final in lies:
        said = RegistrySaid(world.now_us, W1.id, row.commit, final)
        assert world.event("A", said).changes == ()
    world.event("A", RegistrySaid(world.now_us, W1.id, row.commit, W1.proof(known, {0: 1})))
    assert (shown(world, "A"), transaction_of(world, "A").ask) == (Proven.LOGGED, Ask.PROOF)
    world.event("A", RegistrySaid(world.now_us, W1.id, row.commit, W1.timely(known)))
    assert (shown(world, "A"), transaction_of(world, "A").ask) == (Proven.TIMELY, Ask.NOTHING)


def test_an_abort_gets_its_proof_too() -> None:
    world, attempt, _ = witnessed_world(A, A, quorum=1)
    world.run(attempt.deadline_us + 5 * SECOND)
    row = transaction_of(world, "A")
    assert row.abort_certificate and row.ask is Ask.PROOF
    world.judges["R1"].registry = replace(W1, proves=True)
    world.run(world.now_us + MMD_US // 4 + SECOND)
    assert transaction_of(world, "A").ask is Ask.NOTHING
    assert transaction_of(world, "A").abort_certificate != row.abort_certificate


@pytest.mark.parametrize(
    ("registry", "quorum"),
    [(witnessed(quorum=0), None), (W1, 0)],
    ids=["the record asks for none", "the owner asks for none"],
)
def test_nothing_is_asked_where_no_witness_counts(
    registry: WitnessedRegistry, quorum: int | None
) -> None:
    world, _, _ = witnessed_world(A, A, manual=False, registry=registry, quorum=quorum)
    for name in "PAQ":
        assert transaction_of(world, name).ask is Ask.NOTHING
