"""Settled payments leave for the archive; whatever is said about them later finds them there."""

from collections.abc import Sequence
from functools import partial

import pytest
import trio.testing

from node.control.settled import Settled
from node.core.events import CreatePayment
from node.core.invariants import check
from node.core.rows import (
    Line,
    Payment,
    PaymentPhase,
    Promise,
    PromisePhase,
    Request,
    Row,
    Transaction,
)
from node.core.rows import Settled as SettledRow
from proto import messages
from proto.descriptor import transaction_uuid
from proto.envelope import Envelope
from proto.levels import Level
from proto.messages import LineState, Redeemed, decode
from proto.reason import Reason, Refusal
from proto.request import read_request, request_hash
from tests.node.engines import Engines, chain, engines
from tests.node.plan import Attempt, Route, dictate, held_by, make_request, pay
from tests.proto.build import SECOND

A, S, B = Level.ATOMIC, Level.SECURED, Level.BARE
LEVELS = [(A, A, A), (S, S, S), (B, B, B), (B, A, A)]
AMOUNT = 1000
LONG = 4000 * SECOND  # beyond every deadline, and beyond the hour that a request lives
SHORT = 200 * SECOND  # beyond every deadline, while the request lives
GONE = (Promise, Transaction, Payment, Request)


def live(world: Engines, name: str) -> list[Row]:
    return [r for r in world.engine(name).memory.rows.values() if isinstance(r, GONE)]


async def archive(world: Engines, names: str = "PABQ") -> int:
    """How many bundles leave when everybody archives what is settled."""
    left = 0
    for name in names:
        left += await world.running(name).archiver.batch(patient=False)
    await world.rest()
    return left


async def say(world: Engines, sender: str, receiver: str, body: messages.Body) -> None:
    """A node says something that it has no reason to say, in a message that is its own."""
    to = world.nodes[receiver].id
    await world.engine(sender).work(lambda group: group.sends.append((to, body)))
    await world.rest()


def line_of(world: Engines, name: str, other: str) -> Line:
    (line,) = world.engine(name).memory.lines_with(world.nodes[other].id)
    return line


def faults_of(world: Engines, name: str, other: str) -> bool:
    return world.neighbour(name, other).link is None


async def paid(world: Engines, levels: Sequence[Level]) -> Attempt:
    attempt = pay(world, [Route("PABQ", levels, AMOUNT)])
    await world.rest()
    return attempt


def promise_ids(world: Engines, name: str, commit: bytes) -> list[Promise]:
    return list(world.engine(name).memory.promises_of(commit))


@pytest.mark.parametrize("levels", LEVELS)
async def test_a_settled_payment_leaves_memory_and_tables(
    autojump_clock: trio.testing.MockClock, levels: Sequence[Level]
) -> None:
    async with engines() as world:
        await chain(world, watches_registry=True)
        attempt = await paid(world, levels)
        before = {n: {r.key: r for r in live(world, n)} for n in "PABQ"}
        assert await archive(world) == 0, "nothing leaves before its time"
        world.clock.step(SHORT)
        assert await archive(world) == 4
        for name in "PABQ":
            assert not live(world, name)
            found = world.running(name).archive.transaction(attempt.commit)
            assert found is not None
            kept = {row.key: row for row in found.bundle.rows}
            assert kept.keys() == before[name].keys()
            for key, row in kept.items():
                was = before[name][key]
                for field in row.__dict__.keys() - {"evidence"}:
                    assert getattr(row, field) == getattr(was, field)
        world.audit()
        for name in "PABQ":
            world.crash(name)
        await world.rest()
        world.audit()
        assert not any(live(world, n) for n in "PABQ")


async def test_the_books_still_add_up_and_signed_heads_stay(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with engines() as world:
        await chain(world)
        for levels in ((A, A, A), (B, B, B), (A, A, A)):
            await paid(world, levels)
        world.clock.step(SHORT)
        await archive(world)
        settled = world.engine("A").memory.settled(line_of(world, "A", "P").id)
        line = line_of(world, "A", "P")
        assert (settled.total_in, settled.count_in) == (line.booked_in, line.sequence_in)
        booking = Envelope.decode(settled.head_in)
        body = decode(booking.payload)[2]
        assert isinstance(body, Redeemed) and booking.signer == world.nodes["P"].id
        assert (body.sequence, body.total) == (line.sequence_in, line.booked_in)
        ahead = line_of(world, "A", "B")
        head = Envelope.decode(world.engine("A").memory.settled(ahead.id).head_out)
        assert decode(head.payload)[2] == LineState(
            ahead.id, ahead.sequence_out, ahead.booked_out, b""
        )
        await paid(world, (A, A, A))  # and life goes on
        assert line_of(world, "A", "P").sequence_in == 4
        world.audit()


async def test_nothing_leaves_while_a_neighbour_has_not_acknowledged_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with engines() as world:
        await chain(world)
        await paid(world, (A, A, A))
        world.stop("B")
        lines = [line_of(world, "A", "B")]
        await say(world, "A", "B", LineState(lines[0].id, 1, 1, b""))
        world.clock.step(LONG)
        # A's last word to B waits; what was said before the payment ended is not known to be heard.
        assert await archive(world, "A") == 0
        world.start("B")
        await trio.sleep(5)
        await world.rest()
        assert await archive(world, "A") == 1
        world.audit()


async def test_pending_promises_and_open_requests_stay(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with engines() as world:
        await chain(world)
        request = make_request(world, "Q", AMOUNT, manual=True)
        await world.rest()
        pay(world, [Route("PABQ", (A, A, A), AMOUNT)], request)
        await world.rest()
        assert await archive(world) == 0
        world.judges["R1"].down = True
        world.clock.step(SHORT)  # the deadline is long past, but no registry has said so
        await trio.sleep(2)
        await world.rest()
        assert await archive(world) == 0
        world.audit()


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


@pytest.mark.parametrize("after", [False, True])
async def test_a_crash_while_it_leaves_loses_nothing(
    autojump_clock: trio.testing.MockClock, after: bool
) -> None:
    async with engines() as world:
        await chain(world)
        attempt = await paid(world, (A, A, A))
        world.clock.step(SHORT)
        world.running("A").writer.die(1, after=after)
        with trio.move_on_after(1):
            await world.running("A").archiver.batch(patient=False)
        await trio.sleep(5)
        await world.rest()
        found = world.running("A").archive.transaction(attempt.commit)
        assert (found is not None) == after
        assert bool(live(world, "A")) != after
        world.audit()


async def test_small_blocks_are_waited_for_and_written_in_the_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with engines() as world:
        await chain(world)
        await paid(world, (A, A, A))
        archiver = world.running("A").archiver
        world.clock.step(SHORT)
        assert await archiver.batch() == 0
        world.clock.step(700 * SECOND)
        assert await archiver.batch() == 1
        settled = [r for r in world.stored("A") if isinstance(r, SettledRow)]
        assert sum(s.count_in + s.count_out for s in settled) == 2
        world.audit()


async def test_the_archive_is_cut_off_by_age(autojump_clock: trio.testing.MockClock) -> None:
    async with engines() as world:
        await chain(world)
        old = await paid(world, (A, A, A))
        world.clock.step(SHORT)
        await archive(world)
        world.clock.step(40 * 86_400 * SECOND)
        new = await paid(world, (B, B, B))
        world.clock.step(SHORT)
        await archive(world)
        running = world.running("A")
        running.archiver._keep_days = 30
        await running.archiver.round()
        assert running.archive.transaction(old.commit) is None
        assert running.archive.transaction(new.commit) is not None
        assert [b.transaction.commit for b in running.archive.newest(lambda b: True)
                if b.transaction] == [new.commit]  # fmt: skip
        world.audit()


async def test_the_owner_sees_archived_payments_like_live_ones(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with engines() as world:
        await chain(world)
        request = make_request(world, "Q", AMOUNT)
        await world.rest()
        attempt = pay(world, [Route("PABQ", (A, A, A), AMOUNT)], request)
        await world.rest()
        owned = [r for r in live(world, "P") if isinstance(r, Payment)]
        world.clock.step(SHORT)
        await archive(world)
        payer, payee = (
            Settled(world.engine(n).memory, world.running(n).archive) for n in ("P", "Q")
        )
        digits = attempt.payment.hex()
        for named in (digits, digits[:4], str(transaction_uuid(attempt.commit))):
            assert payer.payments(named) == owned, named
        assert payer.payments("0000") == payer.payments("nonsense") == payer.payments("") == []
        assert payer.newest_payments(5) == [payer.payment(attempt.payment)] == owned
        found = payer.transaction(attempt.commit)
        assert found is not None and found.commit_certificate
        assert [p.phase for p in payer.promises(attempt.commit)] == [PromisePhase.REDEEMED]
        (asked,) = payee.requests(request.id.hex()[:6])
        assert asked.id == request.id and sum(p.amount for p in payee.promises(asked.commit))
        counts = world.running("P").archive.counts()
        assert counts == {PaymentPhase.COMMITTED: 1, PaymentPhase.ABORTED: 0}
