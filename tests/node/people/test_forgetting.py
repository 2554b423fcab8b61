"""What memory lets go of and what leaves the disk; what is a record stays."""

from pathlib import Path

import trio.testing

from node.command.sim.cores.plan import make_request
from node.core.escrow.events import KeepRow
from node.core.people.events import DenyRequest, PresentRequest
from node.core.people.rows import (
    Confirmation,
    ConfirmationPhase,
    Invitation,
    Notice,
    Purse,
    RecoveryCode,
    Session,
)
from node.core.rows import Request
from node.people.forgetting import MONTH_US, SESSION_US, SHOWN_US, UNSEEN_US, Forgetter
from proto.request_parts import Requester
from tests.node.core.people_table import ANN, BOB, approval_id, brought, registered
from tests.node.engines import chain, engines
from tests.node.people.bank_engines import BankEngines

SHOP, STRANGER = b"s" * 32, b"x" * 32
HOOK = "https://shop.example/told"


async def swept(the: BankEngines) -> None:
    """A round of what the daemon does every minute."""
    forgetter = Forgetter(the.world.engine("P"), the.world.clock)
    await the.world.engine("P").work(forgetter.let_go)
    while await forgetter.once():
        pass


def in_memory(the: BankEngines, request: Request) -> bool:
    key = (Confirmation.table, approval_id(request), b"")
    return the.world.engine("P").memory.row(key) is not None


async def asked(the: BankEngines, person: bytes, by: bytes, **terms: object) -> Request:
    """Brought by this requester, for a minute."""
    world = the.world
    until_us = world.now_us + 60_000_000
    request = make_request(world, "Q", 100, expires_at_us=until_us, **terms)
    await world.rest()
    assert await the.ask(brought(world, request, person, by)) is None
    return request


async def test_what_a_stranger_asked_and_nobody_saw_leaves_the_disk(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """A shop's request, one that was looked at and one that was denied stay: they are records."""
    async with engines(tmp_path) as world:
        await chain(world, "PAQ")
        the = BankEngines(world)
        await the.open()
        await world.tell("P", registered(world, SHOP, f"notify {HOOK}"))
        unseen = [await asked(the, person, STRANGER) for person in (b"", ANN, BOB)]
        of_shop = await asked(the, b"", SHOP, requester=Requester(SHOP, "Shop", HOOK))
        looked_at = await asked(the, ANN, STRANGER)
        denied = await asked(the, ANN, STRANGER)
        now_us = world.now_us
        assert await the.ask(PresentRequest(now_us, approval_id(looked_at), ANN)) is None
        assert await the.ask(DenyRequest(now_us, approval_id(denied), ANN)) is None
        records = [of_shop, looked_at, denied]
        await swept(the)
        assert all(in_memory(the, request) for request in (*unseen, *records))
        world.clock.step(61_000_000)
        await trio.sleep(6)
        row = the.confirmation(unseen[0])
        assert row is not None and row.phase is ConfirmationPhase.EXPIRED
        await swept(the)
        assert all(in_memory(the, request) for request in unseen), "it may still be asked about"
        world.clock.step(UNSEEN_US)
        await swept(the)
        for request in unseen:
            assert not in_memory(the, request) and the.confirmation(request) is None
        assert all(in_memory(the, request) for request in records)
        world.clock.step(SHOWN_US)
        await swept(the)
        for request in records:
            assert not in_memory(the, request) and the.confirmation(request) is not None
        assert len(the.on_disk(Notice)) == 1
        the.audit()
        world.crash("P")
        await world.rest()
        the.audit()


async def test_what_was_used_goes_after_a_while(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with engines(tmp_path) as world:
        await chain(world, "PAQ")
        the = BankEngines(world)
        await the.open()
        session = Session(bytes(32), ANN, b"passkey", world.now_us, world.now_us)
        await world.tell("P", KeepRow(world.now_us, session))
        await swept(the)
        kinds = (Session, Invitation, RecoveryCode, Purse)
        assert [len(the.on_disk(kind)) for kind in kinds] == [1, 2, 4, 2]
        world.clock.step(SESSION_US)
        await swept(the)
        assert [len(the.on_disk(kind)) for kind in kinds] == [0, 2, 4, 2]
        world.clock.step(MONTH_US)
        await swept(the)
        assert [len(the.on_disk(kind)) for kind in kinds] == [0, 0, 4, 2]
        the.audit()
