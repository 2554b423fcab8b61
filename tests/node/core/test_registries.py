"""Registries that are slow, down, or several."""

from dataclasses import replace

import pytest

from node.command.sim.cast import R1, R2, R3, SECOND, TWO_OF_THREE
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
from node.core.events import RegistrySaid
from node.core.rows import Ask, PaymentPhase, PromisePhase, Transaction
from proto.certificate import CommitCertificate
from proto.envelope import sign, sign_batch
from proto.levels import Level
from proto.limits import GUARD_US
from proto.log_leaf import FenceLeaf
from proto.statement import STATEMENT_KIND, Outcome, SignedStatement, Statement
from tests.node.evidence import commit_of, committed_by, refusal_of

B, S, A, X = Level.BARE, Level.SECURED, Level.ATOMIC, Level.PROXY
AMOUNT = 10_000


def collective(levels: tuple[Level, ...], manual: bool = False) -> tuple[World, Attempt, object]:
    world, names = chain_world(levels)
    request = make_request(world, "Q", AMOUNT, policies=(TWO_OF_THREE,), manual=manual)
    attempt = pay(world, [Route(names, levels, AMOUNT)], request, policy=TWO_OF_THREE)
    return world, attempt, request


def transaction_of(world: World, name: str) -> Transaction:
    (row,) = [r for r in world.rows(name, Transaction) if isinstance(r, Transaction)]
    return row


@pytest.mark.parametrize("levels", [(A, A, A), (S, S, S), (A, A, X), (S, S, B), (B, A, A)])
@pytest.mark.parametrize("down", ["R1", "R2", "R3"])
def test_one_silent_member_does_not_matter(levels: tuple[Level, ...], down: str) -> None:
    world, attempt, _ = collective(levels)
    world.judges[down].down = True
    world.run(attempt.deadline_us)
    assert payment_of(world, "P", attempt).phase is PaymentPhase.COMMITTED
    assert ended(world) and not world.faults and not world.incidents()
    if levels[-1] is A:
        certificate = CommitCertificate.decode(transaction_of(world, "Q").commit_certificate)
        assert len(certificate.statements) == 2


@pytest.mark.parametrize("levels", [(A, A, A), (S, S, S)])
def test_an_abort_needs_its_quorum(levels: tuple[Level, ...]) -> None:
    world, attempt, _ = collective(levels, manual=True)
    world.judges["R1"].down = world.judges["R2"].down = True
    horizon_us = transaction_of(world, "P").limit_us + GUARD_US
    world.run(horizon_us + 60 * SECOND)
    assert transaction_of(world, "P").statements and not transaction_of(world, "P").decided
    assert all(p.pending for p in given_by(world, "P"))
    world.heal_all()
    world.run(world.now_us + 60 * SECOND)
    assert ended(world) and not world.faults
    assert payment_of(world, "P", attempt).phase is PaymentPhase.ROUTING


def test_the_same_answer_in_other_signatures_counts_once() -> None:
    """A registry that signs in batches signs one statement in ever new batches."""
    world, attempt, request = collective((A, A), manual=True)
    world.acknowledged()
    certificate = committed_by(attempt, request, (R1, R2))  # type: ignore[arg-type]
    evidence = certificate.commit.evidence
    one, other = certificate.statements

    def said(statement: SignedStatement, registry: bytes) -> RegistrySaid:
        return RegistrySaid(world.now_us, registry, attempt.commit, statement, evidence)

    world.event("A", said(one, R1.id))
    items = [(STATEMENT_KIND, one.statement), (STATEMENT_KIND, b"another")]
    again = replace(one, proofs=(sign_batch(R1.online, items)[0],))
    assert world.event("A", said(again, R1.id)).changes == ()
    world.event("A", said(other, R2.id))
    row = transaction_of(world, "A")
    assert CommitCertificate.decode(row.commit_certificate).statements == (one, other)


def test_a_member_that_says_both_does_not_block_the_others() -> None:
    world, attempt, request = collective((A, A), manual=True)
    world.acknowledged()
    good = committed_by(attempt, request, (R1, R2, R3))  # type: ignore[arg-type]
    evidence, now_us = good.commit.evidence, world.now_us
    refusal = refusal_of(attempt, R1)
    world.event("A", RegistrySaid(now_us, R1.id, attempt.commit, refusal))
    for registry, statement in zip((R1, R2), good.statements, strict=False):
        world.event("A", RegistrySaid(now_us, registry.id, attempt.commit, statement, evidence))
    assert transaction_of(world, "A").commit_certificate
    assert given_by(world, "A")[0].phase is PromisePhase.REDEEMED


def test_a_fence_and_a_refusal_free_a_promise() -> None:
    """A member that closed its books long after D says EPOCH: it counts as NOT_COMMITTED."""
    world, attempt, _ = collective((A, A), manual=True)
    world.acknowledged()
    now_us, d_us = world.now_us, attempt.deadline_us
    for closed_us, freed in ((d_us - 1, False), (d_us, True)):
        statement = Statement(
            R3.id, FenceLeaf(closed_us).encode(), "example.net/2026", 0, attempt.commit
        ).encode()
        signed = SignedStatement(statement, (sign(R3.online, STATEMENT_KIND, statement),))
        world.event("P", RegistrySaid(now_us, R3.id, attempt.commit, signed))
        world.event("P", RegistrySaid(now_us, R2.id, attempt.commit, refusal_of(attempt, R2)))
        assert transaction_of(world, "P").decided is freed


def test_a_watcher_uses_the_commit_of_one_member() -> None:
    """Too little for a certificate, enough for the BARE promise that it holds."""
    world, attempt, request = collective((B, A), manual=True)
    world.acknowledged()
    world.judges["R2"].down = world.judges["R3"].down = True
    commit = commit_of(attempt, request)  # type: ignore[arg-type]
    world.judges["R1"].ask(Ask.SUBMIT, commit.descriptor, commit.evidence, world.now_us)
    world.run(transaction_of(world, "A").limit_us + SECOND)
    assert held_by(world, "A")[0].phase is PromisePhase.REDEEMED
    assert given_by(world, "A")[0].pending
    world.heal_all()
    world.run(world.now_us + 120 * SECOND)
    assert ended(world) and not world.faults
    assert_books_mirror(world)


@pytest.mark.parametrize("levels", [(A, A), (S, S), (S, B), (A, B), (B, A)])
def test_a_registry_that_is_down_for_hours_delays_the_end(levels: tuple[Level, ...]) -> None:
    world, names = chain_world(levels)
    request = make_request(world, "Q", AMOUNT, manual=True)
    attempt = pay(world, [Route(names, levels, AMOUNT)], request)
    world.acknowledged()
    world.judges["R1"].down = True
    world.run(world.now_us + 3600 * SECOND)
    world.heal_all()
    world.run(world.now_us + 40 * SECOND)
    assert ended(world) and not world.faults
    assert world.judges["R1"].outcome(attempt.commit) in (Outcome.NOT_COMMITTED, None)


def test_a_payee_asks_until_it_is_answered() -> None:
    """Its submission is lost twice; the third one is in time."""
    world, names = chain_world((A, A))
    attempt = pay(world, [Route(names, (A, A), AMOUNT)])
    world.sever("Q", "R1")
    world.run(world.now_us + SECOND)
    asks = transaction_of(world, "Q").asks
    assert asks >= 3
    world.heal("Q", "R1")
    world.run(world.now_us + 2 * SECOND)
    assert payment_of(world, "P", attempt).phase is PaymentPhase.COMMITTED


def test_questions_keep_their_pace() -> None:
    """Messages that come in meanwhile do not hurry what is being asked already."""
    world, names = chain_world((A, A))
    pay(world, [Route(names, (A, A), AMOUNT)])
    world.judges["R1"].down = True
    world.run(world.now_us + 3600 * SECOND)
    assert all(transaction_of(world, name).asks < 200 for name in names)
