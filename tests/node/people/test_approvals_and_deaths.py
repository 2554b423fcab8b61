"""A bank that dies at any of its commits while a person approves: nothing is lost, nothing doubled.

Whole engines over a real SQLite file. The person and the payer's task say each word again until
the disk shows it, as clients do that heard no answer.
"""

from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing

from node.command.sim.cast import SECOND
from node.command.sim.cores.plan import make_request
from node.core.people.rows import ConfirmationPhase, EntryKind, Purse
from node.core.rows import Request
from proto.request import request_hash
from proto.request_parts import MandateTerms
from tests.node.core.people_table import ANN, BOB
from tests.node.engines import chain, engines
from tests.node.people.bank_engines import BankEngines, Insisting, plain_descriptor

P = ConfirmationPhase
TERMS = MandateTerms(2000, 3600 * SECOND, 10**9, 10**9, 10**16)


def next_request(the: BankEngines, kind: str, under: bytes) -> Insisting:
    """Of the kind, and what it takes to have it paid."""
    world = the.world
    tell = partial(world.event, "P")
    if kind == "in-house":
        request = make_request(world, "P", 400, person=BOB)
        return Insisting(the, request, tell, plain_descriptor(the, request))
    if kind == "mandate":
        return Insisting(the, make_request(world, "Q", 400, under=under), tell, under=under)
    return Insisting(the, make_request(world, "Q", 400), tell)


async def granted(the: BankEngines) -> Request:
    request = make_request(the.world, "Q", 100, mandate=TERMS)
    await the.world.rest()
    assert await Insisting(the, request, partial(the.world.event, "P")).run() is P.COMMITTED
    return request


@pytest.mark.parametrize("kind", ["outgoing", "in-house", "mandate"])
async def test_a_death_at_any_commit_of_an_approval(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, kind: str
) -> None:
    async with engines(tmp_path) as world:
        await chain(world, "PAQ")
        the = BankEngines(world)
        await the.open()
        under = request_hash((await granted(the)).signed) if kind == "mandate" else b""
        deaths, spent = 0, 0
        for number in range(1, 40):
            died = False
            for after in (False, True):
                insisting = next_request(the, kind, under)
                await world.rest()
                disk = world.running("P").writer
                disk.die(number, after=after)
                assert await insisting.run() is P.COMMITTED, (number, after)
                died = world.running("P").writer is not disk
                deaths += died
                disk.deadly = None
                (entry,) = the.entries(insisting.request)
                assert entry.kind is (EntryKind.IN_HOUSE if kind == "in-house" else EntryKind.PAID)
                row = the.confirmation(insisting.request)
                assert row is not None and (row.debited, row.reserved) == (entry.amount, 0)
                spent += entry.amount
                the.audit()
            if not died:
                break
        assert deaths >= (6 if kind == "in-house" else 8)
        (ann,) = [p for p in the.on_disk(Purse) if isinstance(p, Purse) and p.person == ANN]
        (first,) = the.entries(insisting.request)
        assert first.giver == ANN and ann.balance == -spent - 100 * bool(under)
        assert not world.incidents()
