"""A retry while a SECURED first promise still lives.

P promises Q SECURED. Q declines at the registry: P holds an abort certificate, early. But SECURED
is redeemed by a bare commit until its own expiry, and nobody can take back what Q may sign.

The mend (protocol section 8): the next attempt of a request starts only when every first promise
of the one before has ended unredeemed: for SECURED with the certificate *and* the expiry passed.

Without it P, with the certificate in its hands, promises anew; Q shows the commit of the first
attempt before its expiry, and commits the second one too: P pays one request twice.
"""

from dataclasses import replace

import pytest

from node.command.sim.cores.plan import (
    Attempt,
    Route,
    answered,
    balance,
    chain_world,
    dictate,
    ended,
    given_by,
    make_request,
    pay,
    payment_of,
    refused,
)
from node.command.sim.cores.world import World
from node.core import apply as apply_room
from node.core.effects import Answer
from node.core.events import StartAttempt
from node.core.payee import decline_preimage
from node.core.payer import start_attempt
from node.core.rows import Ask, PaymentPhase, Request, RequestPhase
from node.core.view import Step
from proto.levels import Level
from proto.messages import Claim, Passed
from proto.reason import Reason, Refusal
from tests.node.evidence import aborted_by, commit_of

S = Level.SECURED
AMOUNT = 10_000


def declined() -> tuple[World, list[str], Attempt, Request]:
    """P holds the abort certificate of its attempt, seconds before its promise expires."""
    world, names = chain_world((S,))
    request = make_request(world, "Q", AMOUNT, manual=True)
    attempt = pay(world, [Route(names, (S,), AMOUNT)], request, decline=0)
    world.quiet()
    descriptor, preimage = attempt.event.descriptor_bytes, decline_preimage(request.seed, 0)
    world.judges["R1"].ask(Ask.DECLINE, descriptor, preimage, world.now_us)
    (given,) = given_by(world, "P")
    assert world.now_us < given.expires_at_us
    world.post("Q", "P", Passed(given.id, aborted_by(attempt)))
    world.quiet()
    return world, names, attempt, request


def again(world: World, names: list[str], attempt: Attempt, request: Request) -> Attempt:
    route = Route(names, (S,), AMOUNT)
    return dictate(world, attempt.payment, request, [route], attempt=2)


def bare_commit(world: World, attempt: Attempt, request: Request, promise: bytes) -> None:
    world.post("Q", "P", Claim(promise, commit_of(attempt, request)))
    world.quiet()


def test_the_certificate_alone_lets_nobody_try_again() -> None:
    world, names, attempt, request = declined()
    (given,) = given_by(world, "P")
    second = again(world, names, attempt, request)
    assert refused(world.event("P", second.event)) == Refusal(Reason.PAYMENT_LIVE)
    bare_commit(world, attempt, request, given.id)
    assert payment_of(world, "P", attempt).phase is PaymentPhase.COMMITTED
    assert balance(world, "P") == -AMOUNT and ended(world)
    assert refused(world.event("P", second.event)) == Refusal(Reason.PAYMENT_LIVE)


def test_once_the_promise_has_ended_its_commit_is_worth_nothing() -> None:
    world, names, attempt, request = declined()
    (given,) = given_by(world, "P")
    world.run(given.expires_at_us + 2_000_000)
    assert payment_of(world, "P", attempt).phase is PaymentPhase.ROUTING
    answered(world.event("P", again(world, names, attempt, request).event))
    bare_commit(world, attempt, request, given.id)
    assert balance(world, "P") == 0, "denied: it came too late, and the second one is not signed"


def test_without_the_mend_a_request_is_paid_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def on_the_certificate(step: Step, event: StartAttempt) -> Answer:
        payment = step.payment(event.payment)
        assert payment is not None
        before = step.transaction(payment.commit)
        if before is not None and before.abort_certificate:
            step.put(replace(payment, phase=PaymentPhase.ROUTING))
        return start_attempt(step, event)

    monkeypatch.setattr(apply_room, "start_attempt", on_the_certificate)
    world, names, attempt, request = declined()
    (first,) = given_by(world, "P")
    # Q forgets the first attempt, as a liar can, and takes the second one.
    row = world.nodes["Q"].books.rows[request.key]
    assert isinstance(row, Request)
    forgetful = replace(row, commit=b"", phase=RequestPhase.OPEN)
    world.nodes["Q"].books.write([forgetful])
    second = again(world, names, attempt, request)
    answered(world.event("P", second.event))
    world.quiet()
    bare_commit(world, attempt, request, first.id)
    other = next(p for p in given_by(world, "P") if p.id != first.id)
    bare_commit(world, second, request, other.id)
    assert balance(world, "P") == -2 * AMOUNT, "one request, two debts"
