"""Several registries decide: what one member relays for another, who may be silent, who may lie."""

from dataclasses import replace

import pytest

from node.command.sim.cast import (
    R1,
    R2,
    R3,
    R4,
    RECORDS,
    SECOND,
    TWO_OF_THREE,
    CastRegistry,
    digest,
    signing_key,
)
from node.command.sim.cores.judge import Judge
from node.command.sim.cores.plan import (
    Attempt,
    Route,
    chain_world,
    create,
    dictate,
    ended,
    given_by,
    make_request,
    pay,
    payment_of,
)
from node.command.sim.cores.world import World
from node.core.deciding import with_statements
from node.core.events import RegistrySaid
from node.core.rows import PaymentPhase, PromisePhase, Transaction
from proto.certificate import CommitCertificate
from proto.commit import Evidence
from proto.levels import Level
from proto.limits import GUARD_US
from proto.policy import RegistryPolicy
from proto.statement import DecisionReason, Outcome, SignedStatement
from tests.node.evidence import commit_of, refusal_of
from tests.proto.build import aborted_leaf, committed_leaf

S, A = Level.SECURED, Level.ATOMIC
AMOUNT = 10_000
THREE_OF_FOUR = RegistryPolicy((R1.id, R2.id, R3.id, R4.id), 3, 3, 1, 2 * SECOND)


def waiting(policy: RegistryPolicy = TWO_OF_THREE) -> tuple[World, Attempt, object]:
    """A payment whose payee has not signed; the registries have heard of nothing."""
    world, names = chain_world((A, A))
    request = make_request(world, "Q", AMOUNT, policies=(policy,), manual=True)
    attempt = pay(world, [Route(names, (A, A), AMOUNT)], request, policy=policy)
    world.acknowledged()
    return world, attempt, request


def transaction_of(world: World, name: str) -> Transaction:
    (row,) = [r for r in world.rows(name, Transaction) if isinstance(r, Transaction)]
    return row


class Says:
    """Statements of members about one attempt, and what a node hears from them."""

    def __init__(self, world: World, attempt: Attempt, request: object) -> None:
        self.world, self.attempt = world, attempt
        self.commit = commit_of(attempt, request)  # type: ignore[arg-type]
        self.leaf = committed_leaf(self.commit, attempt.event.descriptor)

    def statement(self, registry: CastRegistry, **changes: object) -> SignedStatement:
        leaf = replace(self.leaf, **changes)  # type: ignore[arg-type]
        return registry.sign_statement(leaf.encode())

    def evidence(self, *relayed: SignedStatement | bytes) -> bytes:
        bare = Evidence.decode(self.commit.evidence)
        carried = tuple(s if isinstance(s, bytes) else s.encode() for s in relayed)
        return Evidence(bare.shares, relayed=carried).encode()

    def hear(self, registry: CastRegistry, statement: SignedStatement, evidence: bytes) -> None:
        said = RegistrySaid(
            self.world.now_us, registry.id, self.attempt.commit, statement, evidence
        )
        self.world.event("A", said)


def test_a_statement_that_another_member_relays_completes_the_certificate() -> None:
    """R1 has died since; what it said lies in R2's evidence."""
    says = Says(*waiting())
    evidence = says.evidence(says.statement(R1))
    says.hear(R2, says.statement(R2), evidence)
    row = transaction_of(says.world, "A")
    certificate = CommitCertificate.decode(row.commit_certificate)
    assert {s.statement for s in certificate.statements} == {
        says.statement(R1).statement,
        says.statement(R2).statement,
    }
    assert given_by(says.world, "A")[0].phase is PromisePhase.REDEEMED


@pytest.mark.parametrize(
    "lie", ["forged", "stranger", "other", "late", "its own", "refusal", "junk"]
)
def test_what_a_member_only_makes_up_completes_nothing(lie: str) -> None:
    says = Says(*waiting())
    d = says.attempt.event.descriptor
    forged = R1.sign_statement(says.leaf.encode(), key=signing_key("thief"))
    lies = {
        "forged": forged,
        "stranger": says.statement(R4),
        "other": says.statement(R1, commit_id=digest("another")),
        "late": says.statement(R1, decided_at_us=d.limit_us + 1, limit_us=d.limit_us + 2),
        "its own": says.statement(R2),
        "refusal": refusal_of(says.attempt, R1),
        "junk": b"",
    }
    says.hear(R2, says.statement(R2), says.evidence(lies[lie]))
    row = transaction_of(says.world, "A")
    assert not row.decided and len(row.statements) == 1
    says.hear(R3, says.statement(R3), says.evidence())
    assert transaction_of(says.world, "A").commit_certificate, "the honest are enough"


def test_whoever_asks_carries_what_others_have_said() -> None:
    """R1 took the commit in time, told nobody and died. The payee reaches the others after D."""
    world, names = chain_world((A, A))
    request = make_request(world, "Q", AMOUNT, policies=(TWO_OF_THREE,))
    attempt = pay(world, [Route(names, (A, A), AMOUNT)], request, policy=TWO_OF_THREE)
    for member in ("R2", "R3"):
        world.sever("R1", member)
        for node in world.nodes:
            world.sever(node, member)
    world.run(attempt.deadline_us - 2 * SECOND)
    assert transaction_of(world, "Q").statements and not transaction_of(world, "Q").decided
    world.judges["R1"].down = True
    world.run(attempt.deadline_us + SECOND)
    world.heal("Q", "R2")
    world.heal("Q", "R3")
    world.run(world.now_us + SECOND)
    leaf = world.judges["R2"].rows[attempt.commit].row.leaf
    assert leaf.outcome is Outcome.COMMITTED and leaf.decided_at_us > attempt.deadline_us
    world.heal_all()
    world.run(world.now_us + 60 * SECOND)
    assert payment_of(world, "P", attempt).phase is PaymentPhase.COMMITTED
    assert ended(world) and not world.faults and not world.incidents()


def test_a_single_registry_is_shown_the_evidence_as_it_is() -> None:
    world, names = chain_world((A, A))
    pay(world, [Route(names, (A, A), AMOUNT)])
    world.run(world.now_us + SECOND)
    row = transaction_of(world, "Q")
    assert row.statements and with_statements(row) == row.commit_evidence


@pytest.mark.parametrize(("admitted", "goes"), [(3, True), (2, True), (1, False), (0, False)])
def test_enough_admissions_are_those_that_make_a_certificate(admitted: int, goes: bool) -> None:
    """V6 under several registries: one that is down stops nobody, two would."""
    world, names = chain_world((S, S))
    request = make_request(world, "Q", AMOUNT, policies=(TWO_OF_THREE,))
    payment = create(world, "P", request)
    attempt = dictate(world, payment, request, [Route(names, (S, S), AMOUNT)], policy=TWO_OF_THREE)
    event = replace(attempt.event, admitted=attempt.event.admitted[:admitted])
    world.event("P", event)
    world.run(world.now_us + 5 * SECOND)
    phase = payment_of(world, "P", attempt).phase
    assert (phase is PaymentPhase.COMMITTED) is goes


def test_one_liar_of_four_changes_nothing() -> None:
    """It signs both ways, early and out of time; three honest members decide."""
    world, attempt, request = waiting(THREE_OF_FOUR)
    says = Says(world, attempt, request)
    d = attempt.event.descriptor
    early = aborted_leaf(d, decided_at_us=d.deadline_us)
    lies = [
        R4.sign_statement(early.encode()),
        refusal_of(attempt, R4),
        R4.sign_statement(aborted_leaf(d, reason=DecisionReason.DECLINED).encode()),
        says.statement(R4),
        says.statement(R4, max_error_us=3),
    ]
    for lie in lies:
        says.hear(R4, lie, says.evidence())
    assert not transaction_of(world, "A").decided
    says.hear(R1, refusal_of(attempt, R1), b"")
    says.hear(R2, refusal_of(attempt, R2), b"")
    # Two honest refusals and the liar's: the abort is certain, and no commit can be made any more.
    row = transaction_of(world, "A")
    assert row.abort_certificate and not row.commit_certificate
    says.hear(R3, says.statement(R3), says.evidence(says.statement(R4)))
    row = transaction_of(world, "A")
    assert not row.commit_certificate


def test_an_abort_of_three_with_one_silent() -> None:
    world, attempt, _ = waiting(THREE_OF_FOUR)
    world.judges["R4"] = Judge("R4", R4, RECORDS)
    world.judges["R2"].down = True
    world.run(transaction_of(world, "P").limit_us + GUARD_US + 5 * SECOND)
    assert transaction_of(world, "P").abort_certificate
    assert ended(world) and not world.faults
    assert world.judges["R1"].outcome(attempt.commit) is Outcome.NOT_COMMITTED
