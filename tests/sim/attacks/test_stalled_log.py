"""A log that stalls between downstream and upstream.

P pays Q over A, both promises ATOMIC, under a registry whose log witnesses cosign. Q shows A a
certificate while it is fresh, and A pays. Before A reaches P the log stalls: days later the
statement has still no proof that it was logged in time, and the registry could have been bribed
to sign it back in time.

The mend (registry section 8): the proof is demanded only for a promise that has *ended* by an
abort. A promise that is still pending is redeemed by a plain certificate at any time: whoever
holds an ATOMIC or SECURED promise never loses it to a slow log.

Without it two rules meet: downstream a fresh statement needs no proof, upstream an old one does.
A node in mode ATOMIC would pay on the first and be refused on the second. Whoever can stall a log,
or cut a line for a minute, could take the whole amount from it.
"""

import pytest

from node.command.sim.cast import SECOND
from node.command.sim.cores.plan import (
    Attempt,
    assert_books_mirror,
    balance,
    ended,
    given_by,
    held_by,
    payment_of,
)
from node.command.sim.cores.world import World
from node.core import claim as claim_room
from node.core.rows import PaymentPhase, Promise, PromisePhase
from node.core.view import Step
from proto.certificate import CommitCertificate
from proto.lateness import Proven, proven, rule_in
from proto.levels import Level
from proto.messages import Claim
from proto.reason import Reason, Refusal
from tests.node.core.test_lateness import certificate_of, claimed, plain, witnessed_world
from tests.proto.witnessed import W1

S, A = Level.SECURED, Level.ATOMIC
AMOUNT = 10_000
CHAINS = pytest.mark.parametrize("levels", [(A, A), (S, A)], ids=str)


def stalled(levels: tuple[Level, ...]) -> tuple[World, Attempt]:
    """A has paid Q on a fresh statement; P is reached again two MMD after the deadline, and asks
    nobody: it believes what it is shown, or it does not. There is no proof, and there will be
    none."""
    world, attempt, request = witnessed_world(*levels)
    world.judges["R1"].down = True
    world.sever("P", "A")
    said = claimed(world, certificate_of(attempt, request, plain))
    assert said and given_by(world, "A")[0].phase is PromisePhase.REDEEMED
    world.run(attempt.deadline_us + 2 * W1.record.mmd_us)
    world.heal("P", "A")
    world.run(world.now_us + SECOND)
    return world, attempt


def demands_proof(step: Step, promise: Promise, body: Claim) -> Refusal | None:
    """What a node would answer that applied the late rule to promises that are still pending."""
    refusal = HONEST(step, promise, body)
    if refusal is not None or not isinstance(body.evidence, CommitCertificate):
        return refusal
    if step.now_us <= step.the_transaction(promise.commit).deadline_us + W1.record.mmd_us:
        return None
    rule = rule_in(W1.record)
    timely = all(proven(s, W1.record, rule) is Proven.TIMELY for s in body.evidence.statements)
    return None if timely else Refusal(Reason.CLAIM_LATE)


HONEST = claim_room._check_claim


@CHAINS
def test_what_is_pending_is_redeemed_without_a_proof(levels: tuple[Level, ...]) -> None:
    world, attempt = stalled(levels)
    assert payment_of(world, "P", attempt).phase is PaymentPhase.COMMITTED
    assert (balance(world, "A"), balance(world, "Q")) == (0, AMOUNT)
    assert ended(world) and not world.faults and not world.incidents()
    assert_books_mirror(world)


@CHAINS
def test_without_the_mend_the_node_in_the_middle_waits_for_ever(
    levels: tuple[Level, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claim_room, "_check_claim", demands_proof)
    world, attempt = stalled(levels)
    assert held_by(world, "A")[0].pending
    assert payment_of(world, "P", attempt).phase is PaymentPhase.PROMISED
    assert (balance(world, "A"), balance(world, "Q")) == (-AMOUNT, AMOUNT)
