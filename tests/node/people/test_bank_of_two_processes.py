"""A bank of two processes over one PostgreSQL: what people approve at both, and one that dies."""

import logging
from dataclasses import replace

import pytest
import trio
import trio.testing

from node.command.sim.cast import SECOND
from node.command.sim.cores.plan import make_request
from node.core.escrow.events import KeepRow
from node.core.events import Event
from node.core.people.events import EndPerson, PresentRequest
from node.core.people.rows import (
    Confirmation,
    ConfirmationPhase,
    Credential,
    Entry,
    Mandate,
    Person,
    PersonPhase,
    Purse,
)
from node.core.rows import Request
from proto.reason import Reason, Refusal
from proto.request import request_hash
from proto.request_parts import MandateTerms
from tests.cluster import Cluster
from tests.node.core.people_table import ANN, BOB, approval, approval_id, approving, brought
from tests.node.people.bank_engines import BankEngines, Insisting, plain_descriptor
from tests.node.shared_engines import SharedEngines, shared_chain, shared_engines

pytestmark = pytest.mark.edge

P = ConfirmationPhase
TERMS = MandateTerms(500, 3600 * SECOND, 700, 10**9, 10**16)


async def bank(world: SharedEngines, limit: int = 100_000) -> BankEngines:
    await shared_chain(world, "PAQ", shared="P")
    the = BankEngines(world)
    await the.open(limit)
    await world.rest()
    return the


async def at_once(world: SharedEngines, *events: Event) -> list[Refusal | None]:
    """Each at a process of its own, in turn; their answers in the same order."""
    answers: dict[int, Refusal | None] = {}

    async def ask(number: int, event: Event) -> None:
        engine = world.shared_engine("P", number % len(world.processes["P"]))
        answers[number] = await engine.ask(lambda _: event)

    async with trio.open_nursery() as nursery:
        for number, event in enumerate(events):
            nursery.start_soon(ask, number, event)
    await world.rest()
    return [answers[number] for number in range(len(events))]


async def shown(the: BankEngines, request: Request, person: bytes) -> None:
    world = the.world
    assert await the.ask(brought(world, request, person)) is None
    assert await the.ask(PresentRequest(world.now_us, approval_id(request), person)) is None


def check_memories(world: SharedEngines, the: BankEngines) -> None:
    """Both processes know what the disk says, and of the journal neither knows anything."""
    the.audit()
    stored = {row.key: row for row in world.stored("P")}
    for process in world.processes["P"]:
        rows = process.engine.memory.rows
        assert not any(isinstance(row, Entry) for row in rows.values())
        live = {k: r for k, r in rows.items() if not isinstance(r, Confirmation) or k in stored}
        assert live == stored


async def test_two_people_approve_at_two_processes(
    server: Cluster, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Each to the other, over and over: both purses are changed at both processes at once."""
    caplog.set_level(logging.DEBUG)
    async with shared_engines(server) as world:
        the = await bank(world)
        for _ in range(12):
            pair = []
            for giver, taker in ((ANN, BOB), (BOB, ANN)):
                request = make_request(world, "P", 400, person=taker)
                await world.rest()
                await shown(the, request, giver)
                descriptor = plain_descriptor(the, request)
                pair.append(approving(the.the, request, person=giver, descriptor=descriptor))
            assert await at_once(world, *pair) == [None, None]
        assert "comes before" in caplog.text, "they never met"
        assert len(the.on_disk(Entry)) == 24
        purses = [row for row in the.on_disk(Purse) if isinstance(row, Purse)]
        assert [(p.balance, p.booked_in, p.reserved) for p in purses] == [(0, 4800, 0)] * 2
        check_memories(world, the)


async def test_a_purse_is_not_spent_at_both(
    server: Cluster, autojump_clock: trio.testing.MockClock
) -> None:
    """Two requests, each within what is there, not both: one is refused, whichever came later."""
    async with shared_engines(server) as world:
        the = await bank(world, limit=700)
        pair = [make_request(world, "Q", 500) for _ in range(2)]
        await world.rest()
        for request in pair:
            await shown(the, request, ANN)
        answers = await at_once(world, *(approving(the.the, request) for request in pair))
        assert sorted(answers, key=lambda a: a is not None) == [
            None,
            Refusal(Reason.BALANCE_SHORT, 400),
        ]
        check_memories(world, the)


async def test_one_approval_given_at_both_counts_once(
    server: Cluster, autojump_clock: trio.testing.MockClock
) -> None:
    async with shared_engines(server) as world:
        the = await bank(world)
        request = make_request(world, "P", 400, person=BOB)
        await world.rest()
        await shown(the, request, ANN)
        event = approving(the.the, request, descriptor=plain_descriptor(the, request))
        assert await at_once(world, event, replace(event)) == [None, None]
        assert len(the.on_disk(Entry)) == 1
        check_memories(world, the)


async def test_a_mandate_is_not_charged_beyond_its_caps_at_both(
    server: Cluster, autojump_clock: trio.testing.MockClock
) -> None:
    async with shared_engines(server) as world:
        the = await bank(world)
        granting = make_request(world, "Q", 100, mandate=TERMS)
        await world.rest()
        await shown(the, granting, ANN)
        assert await the.ask(approving(the.the, granting)) is None
        under = request_hash(granting.signed)
        charges = []
        for _ in range(2):
            request = make_request(world, "Q", 400, under=under)
            await world.rest()
            assert await the.ask(brought(world, request)) is None
            said = approval(the.the, request, fee_max=0)
            charges.append(approving(the.the, request, said, mandate=under))
        answers = await at_once(world, *charges)
        assert answers.count(None) == 1 and Refusal(Reason.MANDATE_EXCEEDED, 100) in answers
        (row,) = the.on_disk(Mandate)
        assert isinstance(row, Mandate) and (row.spent, row.payments) == (400, 1)
        check_memories(world, the)


async def test_an_account_is_closed_at_one_while_it_approves_at_the_other(
    server: Cluster, autojump_clock: trio.testing.MockClock
) -> None:
    """Either order is right, and nothing between: what is approved goes on, what waits is denied,
    and no standing approval outlives the account."""
    async with shared_engines(server) as world:
        the = await bank(world)
        request = make_request(world, "Q", 100, mandate=TERMS)
        await world.rest()
        await shown(the, request, ANN)
        events = (approving(the.the, request), EndPerson(world.now_us, ANN))
        answers = await at_once(world, *events)
        row = the.confirmation(request)
        assert row is not None and answers[1] is None
        assert row.phase is (P.APPROVED if answers[0] is None else P.DENIED)
        mandates = [m for m in the.on_disk(Mandate) if isinstance(m, Mandate)]
        assert len(mandates) == (answers[0] is None) and all(m.revoked_at_us for m in mandates)
        people = {p.id: p.phase for p in the.on_disk(Person) if isinstance(p, Person)}
        assert people == {ANN: PersonPhase.CLOSED, BOB: PersonPhase.ACTIVE}
        check_memories(world, the)


async def test_a_passkey_that_was_ended_at_one_approves_at_none(
    server: Cluster, autojump_clock: trio.testing.MockClock
) -> None:
    """A phone was stolen. The process that its thief reaches has not heard of its end yet."""
    async with shared_engines(server) as world:
        the = await bank(world)
        request = make_request(world, "Q", 400)
        await world.rest()
        await shown(the, request, ANN)
        process = world.process("P", 1)
        process.deaf = True
        now_us, key = world.now_us, (Credential.table, ANN, b"passkey")
        row = world.engine("P").memory.row(key)
        assert isinstance(row, Credential)
        assert await the.ask(KeepRow(now_us, replace(row, ended_at_us=now_us))) is None
        believed = process.engine.memory.rows[key]
        assert isinstance(believed, Credential) and not believed.ended_at_us
        event = approving(the.the, request)
        refusal = await process.engine.ask(lambda _: event)
        assert refusal == Refusal(Reason.APPROVAL_MISMATCH)
        process.deaf = False
        check_memories(world, the)


@pytest.mark.parametrize("kind", ["outgoing", "in-house"])
async def test_one_dies_at_any_commit_of_an_approval(
    server: Cluster, autojump_clock: trio.testing.MockClock, kind: str
) -> None:
    """The person turns to the other one, which knows all that was answered, and pays once."""
    async with shared_engines(server) as world:
        the = await bank(world)
        said = 0

        def tell(event: Event) -> None:
            """To both in turn, the one that will die first."""
            nonlocal said
            said += 1
            running = world.processes["P"]
            running[said % len(running)].wish.send_nowait(event)

        deaths = 0
        # Before and after it in turn, at the first few: of one process there is a test at each.
        for number in range(1, 6):
            in_house = kind == "in-house"
            payee = {"person": BOB} if in_house else {}
            request = make_request(world, "P" if in_house else "Q", 400, **payee)
            await world.rest()
            victim, said = world.process("P", 1), 0
            victim.writer.die(number, after=number % 2 == 0)
            descriptor = plain_descriptor(the, request)
            end = await Insisting(the, request, tell, descriptor).run()
            assert end is P.COMMITTED, number
            died = victim not in world.processes["P"]
            victim.writer.deadly = None
            assert len(the.entries(request)) == 1
            if not died:
                break
            deaths += 1
            world.join("P")
            world.move("P", "A", deaths % 2)
            await trio.sleep(2)
            check_memories(world, the)
        assert deaths >= 3
        check_memories(world, the)
        assert not world.incidents()
