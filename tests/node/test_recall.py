"""A late word about a settled payment finds it in the archive, and brings it back."""

from collections.abc import Sequence
from functools import partial

import pytest
import trio.testing

from node.command.sim.cores.plan import Attempt, Route, dictate, held_by, make_request, pay
from node.core.events import AbandonPayment, ConfirmRequest, CreatePayment, GiveUpPayment
from node.core.invariants import check
from node.core.rows import (
    Payment,
    PaymentPhase,
    PromisePhase,
    Request,
    Transaction,
)
from proto import messages
from proto.levels import Level
from proto.messages import Redeemed
from proto.reason import Reason, Refusal
from proto.request import read_request, request_hash
from tests.node.engines import Engines, chain, engines
from tests.node.settled_world import (
    AMOUNT,
    SHORT,
    A,
    B,
    S,
    archive,
    faults_of,
    line_of,
    paid,
    promise_ids,
    say,
)


@pytest.mark.parametrize("back_us", [0, SHORT])
@pytest.mark.parametrize("levels", [(A, A, A), (S, S, S), (B, B, B)])
async def test_a_replayed_promise_is_never_taken_anew(
    autojump_clock: trio.testing.MockClock, levels: Sequence[Level], back_us: int
) -> None:
    """The same promise under a new number, also where the clock was set back by then."""
    async with engines() as world:
        await chain(world)
        attempt = await paid(world, levels)
        first = attempt.event.firsts[0]
        again = messages.Promise(
            first.promise,
            first.line,
            attempt.event.descriptor_bytes,
            first.amount,
            first.level,
            first.expires_at_us if first.level.has_expiry else 0,
            first.packet,
            attempt.event.admitted,
        )
        world.clock.step(SHORT)
        await archive(world)
        before = line_of(world, "A", "P")
        world.clock.step(-back_us)
        await say(world, "P", "A", again)
        assert line_of(world, "A", "P") == before
        assert not any(p.pending for p in promise_ids(world, "A", attempt.commit))
        assert not faults_of(world, "A", "P"), "a repeated message is no fault"
        world.audit()


async def test_another_promise_under_a_settled_id_is_a_fault(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with engines() as world:
        await chain(world)
        attempt = await paid(world, (B, B, B))
        first = attempt.event.firsts[0]
        world.clock.step(SHORT)
        await archive(world)
        other = messages.Promise(
            first.promise, first.line, attempt.event.descriptor_bytes, first.amount + 1,
            first.level, first.expires_at_us, first.packet, (),
        )  # fmt: skip
        heard = world.running("A").heard
        links = sum("LinkUp" in type(e).__name__ for e in heard)
        await say(world, "P", "A", other)
        assert faults_of(world, "A", "P") or links < sum(
            "LinkUp" in type(e).__name__ for e in heard
        )


async def test_a_promisor_that_uses_an_id_again_harms_nobody_else(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A new transaction under an id of long ago is a new promise, with another one ahead of it."""
    async with engines() as world:
        await chain(world)
        old = await paid(world, (A, A, A))
        world.clock.step(SHORT)
        await archive(world, "PA")  # B and Q keep theirs
        request = make_request(world, "Q", AMOUNT)
        await world.rest()
        new = dictate(world, b"", request, [Route("PABQ", (A, A, A), AMOUNT)])
        first = new.event.firsts[0]
        again = messages.Promise(
            old.event.firsts[0].promise, first.line, new.event.descriptor_bytes, first.amount,
            first.level, 0, first.packet, (),
        )  # fmt: skip
        await say(world, "P", "A", again)
        for name in "ABQ":
            assert any(p.commit == new.commit for p in held_by(world, name)), name
        assert not faults_of(world, "B", "A")


async def test_a_booking_that_comes_late_is_booked(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """We had let the promise go, and forgot it; its promisor owes us all the same."""
    async with engines() as world:
        await chain(world)
        request = make_request(world, "Q", AMOUNT, manual=True)
        await world.rest()
        attempt = pay(world, [Route("PABQ", (B, B, B), AMOUNT)], request)
        await world.rest()
        world.clock.step(SHORT)
        await trio.sleep(2)
        await world.rest()
        (promise,) = [
            p for p in promise_ids(world, "A", attempt.commit) if p.peer == world.nodes["P"].id
        ]
        assert promise.phase.final and promise.phase is not PromisePhase.REDEEMED
        world.clock.step(SHORT)
        assert await archive(world) > 0
        line = line_of(world, "A", "P")
        booking = Redeemed(promise.id, line.id, line.sequence_in + 1, promise.amount)
        await say(world, "P", "A", booking)
        line = line_of(world, "A", "P")
        assert (line.booked_in, line.sequence_in) == (promise.amount, 1)
        (back,) = [p for p in promise_ids(world, "A", attempt.commit) if p.id == promise.id]
        assert back.phase is PromisePhase.REDEEMED
        check(world.stored("A"))
        world.clock.step(SHORT)
        assert await archive(world, "A") == 1, "and it leaves again"
        check(world.stored("A"))
        settled = world.engine("A").memory.settled(line.id)
        assert (settled.total_in, settled.count_in) == (promise.amount, 1)


async def test_a_claim_that_comes_late_is_answered(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with engines() as world:
        await chain(world)
        attempt = await paid(world, (A, A, A))
        memory = world.engine("B").memory
        (held,) = [
            p for p in promise_ids(world, "B", attempt.commit) if p.peer == world.nodes["A"].id
        ]
        transaction = memory.row((Transaction.table, attempt.commit, b""))
        assert isinstance(transaction, Transaction)
        certificate = messages.CommitCertificate.decode(transaction.commit_certificate)
        world.clock.step(SHORT)
        await archive(world)
        before = line_of(world, "A", "B")
        await say(world, "B", "A", messages.Claim(held.id, certificate))
        assert line_of(world, "A", "B") == before, "it was paid, and is not paid twice"
        assert promise_ids(world, "A", attempt.commit), "it came back to be looked at"
        await say(world, "B", "A", messages.Claim(b"\0" * 16, certificate))
        world.audit()


async def test_a_request_is_paid_once_even_if_that_was_long_ago(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with engines() as world:
        await chain(world)
        request = make_request(world, "Q", AMOUNT)
        await world.rest()
        attempt = pay(world, [Route("PABQ", (A, A, A), AMOUNT)], request)
        await world.rest()
        world.clock.step(SHORT)
        await archive(world)
        wish = partial(
            CreatePayment,
            payment=b"another payment!",
            request_hash=request_hash(request.signed),
            signed=request.signed,
            request=read_request(request.signed, world.now_us),
            options="{}",
        )
        assert await world.engine("P").ask(wish) == Refusal(Reason.PAYMENT_DONE)
        row = world.engine("P").memory.row((Payment.table, attempt.payment, b""))
        assert isinstance(row, Payment) and row.phase is PaymentPhase.COMMITTED
        assert world.running("P").archive.owner(attempt.payment) is None, "it lies in one place"
        world.audit()


async def twice_in_one_block(world: Engines) -> tuple[Request, Attempt, Attempt]:
    """P has paid a request of Q's with its second payment, the first one was abandoned. Both have
    left in one block, and the request's hash names both."""
    request = make_request(world, "Q", AMOUNT, manual=True)
    await world.rest()
    route = Route("PABQ", (A, A, A), AMOUNT)
    first = pay(world, [route], request)
    await world.rest()
    await world.tell("P", AbandonPayment(world.now_us, first.payment))
    await world.rest()
    await world.tell("P", GiveUpPayment(world.now_us, first.payment, Refusal(Reason.ABANDONED)))
    second = pay(world, [route], request)
    await world.rest()
    await world.tell("Q", ConfirmRequest(world.now_us, request.id))
    await world.rest()
    world.clock.step(SHORT)
    await archive(world)
    return request, first, second


async def test_two_payments_of_one_request_are_both_there(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with engines() as world:
        await chain(world)
        _, first, second = await twice_in_one_block(world)
        kept = world.running("P").archive
        phases = {p.id: p.phase for p in kept.newest_payments()}
        assert phases == {
            first.payment: PaymentPhase.ABORTED,
            second.payment: PaymentPhase.COMMITTED,
        }
        assert len(list(kept.bundles())) == 2
        for made in (first, second):
            assert kept.owner(made.payment) is not None


async def test_a_paid_request_stays_paid_when_an_older_payment_of_it_comes_back(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The first hop speaks once more of the promise that was abandoned. Its payment comes back from
    the archive, and must not take along what the other one is found by."""
    async with engines() as world:
        await chain(world)
        request, first, second = await twice_in_one_block(world)
        found = world.running("P").archive.transaction(first.commit)
        assert found is not None
        (promise,) = found.bundle.promises
        await say(world, "A", "P", messages.Release(promise.id, Refusal(Reason.ABANDONED)))
        assert promise_ids(world, "P", first.commit), "it came back"
        wish = partial(
            CreatePayment,
            payment=b"another payment!",
            request_hash=request_hash(request.signed),
            signed=request.signed,
            request=read_request(request.signed, world.now_us),
            options="{}",
        )
        assert await world.engine("P").ask(wish) == Refusal(Reason.PAYMENT_DONE)
        row = world.engine("P").memory.row((Payment.table, second.payment, b""))
        assert isinstance(row, Payment) and row.phase is PaymentPhase.COMMITTED
        world.audit()
