"""A request that was paid, let go of and archived: brought again it is the one that was paid."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing

from node.command.sim.cast import SECOND
from node.command.sim.cores.plan import Route, create, dictate, make_request
from node.core.events import CreatePayment
from node.core.people.events import PresentRequest
from node.core.people.rows import Confirmation, ConfirmationPhase, Entry
from node.core.rows import Payment, Promise, PromisePhase, Request
from node.people.forgetting import SHOWN_US, Forgetter
from proto.levels import Level
from proto.messages import Redeemed
from proto.reason import Reason, Refusal
from proto.request import request_hash
from tests.node.core.people_table import (
    ANN,
    BOB,
    approval,
    approval_id,
    approving,
    brought,
    read,
)
from tests.node.engines import chain, engines
from tests.node.people.bank_engines import BankEngines, Insisting, plain_descriptor
from tests.node.settled_world import SHORT, archive, line_of, say

P = ConfirmationPhase


async def forgotten(the: BankEngines, *, restarts: bool) -> None:
    """Everything that is over has left memory, and what leaves for the archive has left too."""
    world = the.world
    world.clock.step(SHOWN_US + 600 * SECOND)
    await archive(world, "PAQ")
    if restarts:
        world.crash("P")
        await world.rest()
    else:
        engine = world.engine("P")
        await engine.work(Forgetter(engine, world.clock).let_go)
    rows = world.engine("P").memory.rows.values()
    assert not [r for r in rows if isinstance(r, Confirmation | Payment | Request)]


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("kind", ["outgoing", "in-house"])
async def test_what_was_paid_long_ago_is_not_paid_again(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, kind: str, restarts: bool
) -> None:
    async with engines(tmp_path) as world:
        await chain(world, "PAQ")
        the = BankEngines(world)
        await the.open()
        hours = {"expires_at_us": world.now_us + 10 * SHOWN_US}  # it lives longer than memory
        if kind == "in-house":
            request = make_request(world, "P", 400, person=BOB, **hours)
        else:
            request = make_request(world, "Q", 400, **hours)
        await world.rest()
        descriptor = plain_descriptor(the, request)
        tell = partial(world.event, "P")
        assert await Insisting(the, request, tell, descriptor).run() is P.COMMITTED
        await forgotten(the, restarts=restarts)
        entries = the.on_disk(Entry)
        # At once, by who does not ask first whether it is there: nobody knows it.
        said = approval(the.the, request, valid_until_us=world.now_us + SHOWN_US)
        event = approving(the.the, request, said, descriptor=descriptor)
        assert await the.ask(event) == Refusal(Reason.CONFIRMATION_UNKNOWN)
        # Brought by the same or by another it is the same; nobody may approve it once more.
        for person in (BOB, ANN):
            assert await the.ask(brought(world, request, person)) is None
        row = the.confirmation(request)
        assert row is not None and row.phase is P.COMMITTED and row.person == ANN
        known = approval_id(request)
        look = PresentRequest(world.now_us, known, BOB)
        assert await the.ask(look) == Refusal(Reason.CONFIRMATION_UNKNOWN)
        assert await the.ask(event) == Refusal(Reason.CONFIRMATION_ENDED)
        if kind == "outgoing":
            mine = CreatePayment(
                world.now_us, bytes(16), request_hash(request.signed), request.signed,
                read(request), "{}",
            )  # fmt: skip
            assert await the.ask(mine) == Refusal(Reason.PAYMENT_DONE)
        assert the.on_disk(Entry) == entries and len(entries) == 1
        the.audit()


async def test_who_has_lost_the_confirmation_still_has_the_payment(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """The second guard by itself: another confirmation of the same request pays nothing."""
    async with engines(tmp_path) as world:
        await chain(world, "PAQ")
        the = BankEngines(world)
        await the.open()
        request = make_request(world, "Q", 400, expires_at_us=world.now_us + 10 * SHOWN_US)
        await world.rest()
        assert await Insisting(the, request, partial(world.event, "P")).run() is P.COMMITTED
        await forgotten(the, restarts=True)
        other = bytes(15) + b"2"
        event = brought(world, request)
        event = replace(event, row=replace(event.row, id=other))
        assert await the.ask(event) is None
        assert await the.ask(PresentRequest(world.now_us, other, ANN)) is None
        until = world.now_us + SHOWN_US
        said = approval(the.the, request, valid_until_us=until, approval_id=other)
        again = replace(approving(the.the, request, said), confirmation=other)
        assert await the.ask(again) == Refusal(Reason.PAYMENT_DONE)
        assert len(the.on_disk(Entry)) == 1


async def test_what_comes_late_for_a_person_fills_the_purse(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """Of two attempts neither was claimed in time, all of it has left for the archive, and then the
    neighbour books the first one after all: its word is debt, and the request was Bob's."""
    async with engines(tmp_path) as world:
        await chain(world, "PAQ")
        the = BankEngines(world)
        await the.open()
        request = make_request(
            world, "P", 400, person=BOB, manual=True, expires_at_us=world.now_us + SHOWN_US
        )
        await world.rest()
        payment, tried = create(world, "Q", request), []
        for number in (1, 2):
            route = Route(("Q", "A", "P"), (Level.BARE, Level.BARE), 400)
            tried.append(dictate(world, payment, request, [route], attempt=number))
            world.event("Q", tried[-1].event)
            await world.rest()
            world.clock.step(SHORT)
            await trio.sleep(2)
        rows = world.engine("P").memory.rows.values()
        (first,) = [r for r in rows if isinstance(r, Promise) and r.commit == tried[0].commit]
        assert first.phase is PromisePhase.EXPIRED and first.owner == request.id
        await forgotten(the, restarts=True)
        line = line_of(world, "P", "A")
        await say(world, "A", "P", Redeemed(first.id, line.id, line.sequence_in + 1, first.amount))
        assert line_of(world, "P", "A").booked_in == first.amount
        (entry,) = the.on_disk(Entry)
        assert isinstance(entry, Entry)
        assert (entry.taker, entry.amount, entry.reference) == (BOB, first.amount, request.id)
        the.audit()
