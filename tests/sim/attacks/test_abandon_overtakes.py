"""An Abandon that overtakes a certificate.

P pays Q over A, both promises ATOMIC. Q has signed, the registry has decided COMMITTED, and Q's
certificate is on its way to A. Now P says that it no longer wants the payment: its Abandon is
sent later and arrives earlier.

The mend (protocol section 8): an Abandon is only passed on, it frees nothing. An intermediary
releases after what its promise covers has ended unredeemed, and a payee that has signed does not
release at all.

Without it A would give P's promise up on the Abandon, then be shown the certificate by Q, and owe
Q what P no longer owes A: a node in mode ATOMIC that pays and is not paid. Or Q itself would
release what the registry has already decided for it.
"""

import pytest

from node.command.sim.cores import world as world_room
from node.command.sim.cores.plan import (
    Attempt,
    Route,
    answered,
    assert_books_mirror,
    balance,
    chain_world,
    ended,
    make_request,
    pay,
    payment_of,
)
from node.command.sim.cores.world import Deliver, World
from node.core import apply as apply_room
from node.core.events import AbandonPayment
from node.core.promise import move
from node.core.rows import PaymentPhase, PromisePhase
from node.core.view import Step
from proto.keys import NodeId
from proto.levels import Level
from proto.messages import Abandon, Release
from proto.reason import Reason, Refusal

A = Level.ATOMIC
AMOUNT = 10_000


def overtaken(until: str) -> tuple[World, Attempt]:
    """The registry has decided, and the Abandon has come as far as `until` before anything else."""
    world, names = chain_world((A, A))
    request = make_request(world, "Q", AMOUNT)
    attempt = pay(world, [Route(names, (A, A), AMOUNT)], request)
    for hop in (Deliver("P", "A"), Deliver("A", "Q")):
        world.do(hop)
    (submitted,) = world.calls
    world.do(submitted)  # it is decided; the answer is on its way back to Q
    answered(world.event("P", AbandonPayment(world.now_us, attempt.payment)))
    world.do(Deliver("P", "A"))
    if until == "Q":
        world.do(Deliver("A", "Q"))
    return world, attempt


def releases_at_once(step: Step, peer: NodeId, body: Abandon) -> None:
    """What nodes would do that took the payer's word for an end."""
    promise = step.promise(peer, body.promise)
    assert promise is not None
    move(step, promise, PromisePhase.RELEASED, Refusal(Reason.ABANDONED))
    step.send(peer, Release(promise.id, Refusal(Reason.ABANDONED)))


@pytest.mark.parametrize("until", ["A", "Q"])
def test_an_abandon_takes_nothing_from_whoever_is_shown_the_certificate(until: str) -> None:
    world, attempt = overtaken(until)
    world.quiet()
    assert payment_of(world, "P", attempt).phase is PaymentPhase.COMMITTED
    assert (balance(world, "A"), balance(world, "Q")) == (0, AMOUNT)
    assert ended(world) and not world.faults and not world.incidents()
    assert_books_mirror(world)


def test_without_the_mend_the_node_in_the_middle_pays_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(apply_room, "on_abandon", releases_at_once)
    # It breaks an invariant of its own at once; here it goes on, to what it would cost.
    monkeypatch.setattr(world_room, "check", lambda rows: None)
    world, attempt = overtaken("A")
    world.quiet()
    assert payment_of(world, "P", attempt).phase is not PaymentPhase.COMMITTED
    assert (balance(world, "A"), balance(world, "Q")) == (-AMOUNT, AMOUNT)


def test_without_the_mend_the_payee_gives_its_own_money_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    honest = apply_room.on_abandon

    def only_the_payee(step: Step, peer: NodeId, body: Abandon) -> None:
        at_payee = step.settings.node == world_room_payee
        (releases_at_once if at_payee else honest)(step, peer, body)

    world, _ = chain_world((A, A))
    world_room_payee = world.nodes["Q"].id
    monkeypatch.setattr(apply_room, "on_abandon", only_the_payee)
    monkeypatch.setattr(world_room, "check", lambda rows: None)
    world, attempt = overtaken("Q")
    world.quiet()
    assert balance(world, "Q") == 0 and world.judges["R1"].rows[attempt.commit]
    assert payment_of(world, "P", attempt).phase is PaymentPhase.ROUTING, "and P tries again"
