"""Settled payments leave for the archive; whatever is said about them later finds them there."""

from collections.abc import Sequence

import pytest
import trio.testing

from node.command.sim.cast import SECOND
from node.command.sim.cores.plan import Route, make_request, pay
from node.control.settled import Settled
from node.core.rows import (
    Payment,
    PaymentPhase,
    PromisePhase,
)
from node.core.rows import Settled as SettledRow
from node.engine import StoreUnavailable
from proto.descriptor import transaction_uuid
from proto.envelope import Envelope
from proto.levels import Level
from proto.messages import LineState, Redeemed, decode
from tests.node.engines import chain, engines
from tests.node.settled_world import (
    AMOUNT,
    LEVELS,
    LONG,
    SHORT,
    A,
    B,
    archive,
    line_of,
    live,
    paid,
    say,
)


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


async def test_many_that_wait_do_not_keep_the_settled_ones(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One scan sees four rows, and eleven that cannot leave stand before the others."""
    monkeypatch.setattr("node.archiving.SCAN", 4)
    monkeypatch.setattr("node.archiving.BATCH", 3)
    async with engines() as world:
        await chain(world)
        for _ in range(11):
            request = make_request(world, "Q", AMOUNT, manual=True)
            pay(world, [Route("PABQ", (A, A, A), AMOUNT)], request)
        await world.rest()
        for _ in range(6):
            await paid(world, (A, A, A))
        archiver = world.running("A").archiver
        await archiver.round()
        assert len(world.engine("A").memory.ageing) == 17
        world.judges["R1"].down = True
        world.clock.step(SHORT)
        await trio.sleep(2)
        await archiver.round()
        assert len(world.engine("A").memory.ageing) == 11
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
        assert running.archive.counts() == {PaymentPhase.COMMITTED: 0, PaymentPhase.ABORTED: 0}
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
        for named in (digits, digits[:8], str(transaction_uuid(attempt.commit))):
            assert payer.payments(named) == owned, named
        assert payer.payments("00000000") == payer.payments("nonsense") == payer.payments("") == []
        assert payer.newest_payments(5) == [payer.payment(attempt.payment)] == owned
        found = payer.transaction(attempt.commit)
        assert found is not None and found.commit_certificate
        assert [p.phase for p in payer.promises(attempt.commit)] == [PromisePhase.REDEEMED]
        (asked,) = payee.requests(request.id.hex()[:8])
        assert asked.id == request.id and sum(p.amount for p in payee.promises(asked.commit))
        counts = world.running("P").archive.counts()
        assert counts == {PaymentPhase.COMMITTED: 1, PaymentPhase.ABORTED: 0}


async def test_a_store_that_refuses_takes_nothing_away(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The whole group rolls back: tables, memory, sums and archive are as before, and it leaves
    once the store takes it."""
    async with engines() as world:
        await chain(world)
        attempt = await paid(world, (A, A, A))
        before = {row.key: row for row in live(world, "A")}
        world.clock.step(SHORT)
        database = world.hosts["A"].database
        with database.begin() as connection:
            connection.exec_driver_sql(
                "CREATE TRIGGER refuse BEFORE DELETE ON promise BEGIN SELECT RAISE(ABORT, ''); END"
            )
        with pytest.raises(StoreUnavailable):
            await world.running("A").archiver.batch(patient=False)
        with database.begin() as connection:
            connection.exec_driver_sql("DROP TRIGGER refuse")
        await trio.sleep(5)
        await world.rest()
        assert {row.key: row for row in live(world, "A")} == before
        assert world.running("A").archive.transaction(attempt.commit) is None
        assert not any(isinstance(r, SettledRow) for r in world.stored("A"))
        world.audit()
        assert await archive(world, "A") == 1
        world.audit()
