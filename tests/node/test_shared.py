"""Several processes of one node over one PostgreSQL: they are one node to everybody else."""

import logging
from collections.abc import Sequence
from functools import partial

import pytest
import trio
import trio.lowlevel
import trio.testing

from node.command.sim.cores.plan import (
    Attempt,
    Route,
    create,
    dictate,
    ended,
    make_request,
    pay,
    request_of,
)
from node.core.events import ChangeLimit, ConfirmRequest, CreatePayment
from node.core.rows import Payment, PaymentPhase, RequestPhase, Row
from node.engine import StoreUnavailable
from node.shared.feed import prune_feed
from node.shared.reading import position_of
from node.shared.sharing import KEEPER
from node.store import peer
from proto.levels import Level
from proto.messages import LineState
from proto.request import read_request, request_hash
from runtime.write_plan import UpdateRows
from tests.cluster import Cluster
from tests.node.shared_engines import SharedEngines, shared_chain, shared_engines

pytestmark = pytest.mark.edge

A, S, B = Level.ATOMIC, Level.SECURED, Level.BARE
AMOUNT = 1000


def phase(world: SharedEngines, attempt: Attempt, payer: str = "P") -> PaymentPhase | None:
    row = world.nodes[payer].books.rows.get((Payment.table, attempt.payment, b""))
    return row.phase if isinstance(row, Payment) else None


async def test_payments_through_a_node_of_two_processes(
    server: Cluster, autojump_clock: trio.testing.MockClock
) -> None:
    async with shared_engines(server) as world:
        await shared_chain(world)
        assert world.holder("X", "P") == [0] and world.holder("X", "Q") == [1]
        for levels in [(A, A), (S, S), (B, B), (B, A)]:
            attempt = pay(world, [Route("PXQ", levels, AMOUNT)])
            await world.rest()
            assert phase(world, attempt) is PaymentPhase.COMMITTED, levels
        assert ended(world) and not world.incidents()
        world.audit()


async def test_many_at_once_in_both_directions(
    server: Cluster, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Both processes write both lines all the time: whoever is overtaken applies the same again."""
    caplog.set_level(logging.DEBUG)
    async with shared_engines(server) as world:
        await shared_chain(world)
        routes = [Route(names, (A, A), AMOUNT) for names in ("PXQ", "QXP")] * 40
        wanted = [make_request(world, route.names[-1], AMOUNT) for route in routes]
        await world.rest()
        attempts = []
        for route, request in zip(routes, wanted, strict=True):
            attempts.append((route.names[0], pay(world, [route], request)))
            if len(attempts) % 10 == 0:
                await trio.lowlevel.checkpoint()
        await world.rest()
        phases = [phase(world, attempt, payer) for payer, attempt in attempts]
        assert phases == [PaymentPhase.COMMITTED] * len(attempts)
        assert "comes before" in caplog.text, "they never met"
        sequences = [(line.sequence_out, line.sequence_in) for line in world.lines("X")]
        assert sequences == [(40, 40), (40, 40)]
        assert ended(world) and not world.incidents()
        world.audit()


async def test_one_request_is_not_paid_twice(
    server: Cluster, autojump_clock: trio.testing.MockClock
) -> None:
    """Asked at both processes at once, under ids of their own: no row of the two is the same."""
    async with shared_engines(server) as world:
        await shared_chain(world, "XQ")
        request = make_request(world, "Q", AMOUNT)
        await world.rest()
        read = read_request(request.signed, world.now_us)
        digest = request_hash(request.signed)
        answers: list[object] = []
        for process in world.processes["X"]:
            process.deaf = True

        async def ask(at: int) -> None:
            event = CreatePayment(world.now_us, bytes([at] * 16), digest, request.signed, read, "")
            answers.append(await world.shared_engine("X", at).ask(lambda _: event))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, 0)
            nursery.start_soon(ask, 1)
        assert answers.count(None) == 1, answers
        paid = [row for row in world.stored("X") if isinstance(row, Payment)]
        assert len(paid) == 1


async def test_a_wish_asked_at_one_is_watched_at_the_other(
    server: Cluster, autojump_clock: trio.testing.MockClock
) -> None:
    async with shared_engines(server) as world:
        await shared_chain(world, "XQ")
        request = make_request(world, "Q", AMOUNT)
        payment = create(world, "X", request)
        await world.rest()
        other = world.shared_engine("X", 1)
        told: list[Row] = []
        other.listen(told.extend)
        key = (Payment.table, payment, b"")
        changed = other.next_change(key)
        attempt = dictate(world, payment, request, [Route("XQ", (A,), AMOUNT)])
        world.event("X", attempt.event)
        await changed.wait()
        await world.rest()
        seen = [row.phase for row in told if isinstance(row, Payment)]
        assert seen[0] is PaymentPhase.PROMISED and seen[-1] is PaymentPhase.COMMITTED
        world.audit()


async def deaths(world: SharedEngines, names: str, victim: int, levels: Sequence[Level]) -> int:
    """As tests.node.test_engine.deaths, of one process of X. Another takes its place each time."""
    killed = 0
    payer, payee = names[0], names[-1]
    for number in range(1, 20):
        for after in (False, True):
            request = make_request(world, payee, AMOUNT)
            await world.rest()
            process = world.process("X", victim)
            process.writer.die(number, after=after)
            attempt = pay(world, [Route(names, levels, AMOUNT)], request)
            await world.rest()
            died = process not in world.processes["X"]
            killed += died
            await trio.sleep(8)  # what only one may do is taken over; questions are asked again
            expected = {PaymentPhase.COMMITTED}
            if died and payer == "X" and victim == 0:
                expected |= {None, PaymentPhase.ROUTING}  # the wishes died with it
            assert phase(world, attempt, payer) in expected, (number, after)
            paid = request_of(world, payee, request).phase is RequestPhase.PAID
            assert paid == (phase(world, attempt, payer) is PaymentPhase.COMMITTED)
            process.writer.deadly = None
            if not died:
                return killed
            world.audit()
            world.join("X")
            others = names.replace("X", "")
            for other, at in zip(others, (0, 1) if len(others) > 1 else (victim,), strict=True):
                world.move("X", other, at)
            await trio.sleep(2)
    raise AssertionError("it never came to an end")


@pytest.mark.parametrize(
    ("names", "victim"), [("PXQ", 0), ("PXQ", 1), ("XQ", 0), ("XQ", 1), ("PX", 0)]
)
async def test_a_death_at_any_commit(
    server: Cluster, autojump_clock: trio.testing.MockClock, names: str, victim: int
) -> None:
    """Of a hop, a payer, a payee: the others end what it had begun."""
    async with shared_engines(server) as world:
        await shared_chain(world, names)
        levels = (A,) * (len(names) - 1)
        assert await deaths(world, names, victim, levels) >= 2
        assert not world.incidents()
        world.audit()


async def test_who_sees_to_what_waits_for_a_time_has_an_heir(
    server: Cluster, autojump_clock: trio.testing.MockClock
) -> None:
    """Promises in the air, and the process dies whose duty it was to ask the registry."""
    async with shared_engines(server) as world:
        await shared_chain(world)
        request = make_request(world, "Q", AMOUNT, manual=True)
        await world.rest()
        attempt = pay(world, [Route("PXQ", (S, S), AMOUNT)], request)
        await world.rest()
        assert phase(world, attempt) is PaymentPhase.PROMISED
        keeper, heir = sorted(world.processes["X"], key=lambda p: not p.sharing.holds(KEEPER))
        world.asked.clear()
        world.kill(keeper)
        await trio.sleep(30)
        assert heir.sharing.holds(KEEPER)
        assert "X" in {name for name, _ in world.asked}
        assert ended(world)
        world.audit()


async def test_who_does_not_hear_is_overtaken_and_learns_of_it(
    server: Cluster, autojump_clock: trio.testing.MockClock
) -> None:
    """The neighbour has dialled again and reached the other process; the first knows nothing."""
    async with shared_engines(server) as world:
        await shared_chain(world)
        first = world.process("X", 0)
        first.deaf = True
        world.move("X", "P", 1)
        for _ in range(3):
            attempt = pay(world, [Route("PXQ", (A, A), AMOUNT)])
            await world.rest()
            assert phase(world, attempt) is PaymentPhase.COMMITTED
        assert world.holder("X", "P") == [0, 1]
        (line,) = world.lines("P")
        engine = world.shared_engine("X", 0)
        assert await engine.ask(partial(ChangeLimit, line=line.id, limit=5_000_000)) is None
        await world.rest()
        assert world.holder("X", "P") == [1]
        assert [line.limit_out for line in world.lines("P")] == [5_000_000]
        world.audit()


async def test_a_stream_that_was_lost_takes_nothing_back(
    server: Cluster, autojump_clock: trio.testing.MockClock
) -> None:
    """Its last group reaches the store after the next holder has gone further. The words in it
    change no row, so that nothing but the stream itself is fought for."""
    async with shared_engines(server) as world:
        await shared_chain(world)
        node, (line,) = world.nodes["X"].id, world.lines("P")

        async def say_nothing() -> None:
            word = (node, LineState(line.id, 0, 0, b""))
            await world.engine("P").work(lambda group: group.sends.append(word))
            await world.rest()

        def position() -> tuple[int, int]:
            return position_of(world.hosts["X"].database, world.nodes["P"].id)

        disk, held = world.process("X", 0).writer, list[object]()
        world.process("X", 0).deaf = True
        soon, disk._schedule = disk._schedule, held.append
        await say_nothing()
        assert held
        world.move("X", "P", 1)
        await world.rest()
        await say_nothing()
        before = position()
        assert before[0] == world.neighbour("P", "X").sent
        disk._schedule = soon
        disk.flush()
        await world.rest()
        assert position() == before
        assert world.holder("X", "P") == [1]


async def test_what_was_forgotten_is_read_anew(
    server: Cluster,
    autojump_clock: trio.testing.MockClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A process that heard nothing for so long that the changes are not kept any more."""
    monkeypatch.setattr("node.shared.feed.KEPT", 3)
    async with shared_engines(server) as world:
        await shared_chain(world)
        second = world.process("X", 1)
        world.move("X", "Q", 0)
        await world.rest()
        second.deaf = True
        for _ in range(3):
            pay(world, [Route("PXQ", (A, A), AMOUNT)])
            await world.rest()
        with world.hosts["X"].database.begin() as connection:
            prune_feed(connection)
        caplog.clear()
        second.deaf = False
        world.shared_engine("X", 1).hear()
        await trio.sleep(3)
        assert "too far behind" in caplog.text
        world.audit()
        world.move("X", "Q", 1)
        await world.rest()
        attempt = pay(world, [Route("PXQ", (A, A), AMOUNT)])
        await world.rest()
        assert phase(world, attempt) is PaymentPhase.COMMITTED
        world.audit()


async def test_who_was_taken_for_dead_writes_no_more(
    server: Cluster, autojump_clock: trio.testing.MockClock
) -> None:
    """It stood still: its beats stop, and it hears nothing, until it wants to go on."""
    async with shared_engines(server) as world:
        await shared_chain(world)
        still, other = sorted(world.processes["X"], key=lambda p: not p.sharing.holds(KEEPER))
        still.deaf = True
        still.beating.cancel()
        await trio.sleep(8)
        assert other.sharing.holds(KEEPER) and other.sharing.holds(world.nodes["P"].id)
        (line,) = [line for line in world.lines("X") if line.peer == world.nodes["P"].id]
        before = world.stored("X")
        with trio.move_on_after(1):
            await still.engine.ask(partial(ChangeLimit, line=line.id, limit=7))
            raise AssertionError("it was answered")
        assert still.sharing.expelled.is_set()
        assert world.stored("X") == before


async def test_every_session_is_ended_under_way(
    server: Cluster, autojump_clock: trio.testing.MockClock
) -> None:
    """As by a restart of the server: nobody is taken for dead, nothing is lost."""
    async with shared_engines(server) as world:
        await shared_chain(world)
        request = make_request(world, "Q", AMOUNT, manual=True)
        await world.rest()
        attempt = pay(world, [Route("PXQ", (A, A), AMOUNT)], request)
        await world.rest()
        server.cast_out()
        world.event("Q", ConfirmRequest(world.now_us, request.id))
        for _ in range(12):
            for peer in "PQ":
                if world.neighbour(peer, "X").link is None:
                    world.network.restore(world.nodes[peer].id, world.nodes["X"].id)
            await trio.sleep(1)
        assert phase(world, attempt) is PaymentPhase.COMMITTED
        assert len(world.processes["X"]) == 2
        assert not any(p.sharing.expelled.is_set() for p in world.processes["X"])
        world.audit()


async def test_of_two_owners_one_looks_again(
    server: Cluster, autojump_clock: trio.testing.MockClock
) -> None:
    """Both change what the owner says of one neighbour, from the same row."""
    async with shared_engines(server) as world:
        await shared_chain(world)
        answers: list[str] = []

        async def rename(at: int) -> None:
            known = world.shared_engine("X", at).links.neighbours[world.nodes["P"].id]
            row = {"node": known.node, "alias": f"by {at}", "version": known.version}
            try:
                await world.shared_engine("X", at).write([UpdateRows(peer, [row])])
                answers.append(f"by {at}")
            except StoreUnavailable:
                pass

        async with trio.open_nursery() as nursery:
            nursery.start_soon(rename, 0)
            nursery.start_soon(rename, 1)
        await world.rest()
        assert len(answers) == 1
        (loser,) = {0, 1} - {int(answers[0][-1])}
        known = world.shared_engine("X", loser).links.neighbours[world.nodes["P"].id]
        assert known.alias == answers[0]
        world.audit()
