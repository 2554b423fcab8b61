"""What the owner asks for is found without a look at the promises of others."""

import pytest
import trio
import trio.testing

from node.command.sim.cores.plan import Route, make_request, pay
from node.control.context import Context
from node.control.failure import ControlFailure
from node.core.events import ConfirmRequest
from node.core.invariants import checks
from node.core.rows import Incident, Payment, Request
from proto.descriptor import transaction_uuid
from proto.levels import Level
from tests.node.engines import Engines, chain, engines
from tests.node.settled_world import SHORT, archive

KINDS = (Payment, Request, Incident)
ROUTE = Route("PABQ", (Level.ATOMIC,) * 3, 1000)


def owner(world: Engines, name: str) -> Context:
    """As far as its look-ups go."""
    context = object.__new__(Context)
    context.engine = world.engine(name)
    context.archive = world.running(name).archive
    return context


def require_all_found(world: Engines) -> None:
    for name in "PABQ":
        memory = world.engine(name).memory
        for kind in KINDS:
            scanned = [row for row in memory.rows.values() if isinstance(row, kind)]
            assert memory.owned(kind) == scanned, (name, kind)


async def test_memory_knows_what_is_the_owners(autojump_clock: trio.testing.MockClock) -> None:
    async with engines() as world:
        await chain(world)
        kept = make_request(world, "Q", 1000, manual=True)
        pay(world, [ROUTE], kept)
        for _ in range(3):
            pay(world, [ROUTE])
        await world.rest()
        assert len(world.engine("P").memory.owned(Payment)) == 4
        assert len(world.engine("Q").memory.owned(Request)) == 4
        require_all_found(world)
        world.event("Q", ConfirmRequest(world.now_us, kept.id))
        await world.rest()
        world.clock.step(SHORT)
        assert await archive(world) > 0
        assert world.engine("P").memory.owned(Payment) == []
        require_all_found(world)
        world.stop("Q")
        world.start("Q")
        await world.rest()
        require_all_found(world)


async def test_payments_and_requests_by_what_people_say(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with engines() as world:
        await chain(world)
        request = make_request(world, "Q", 1000)
        attempt = pay(world, [ROUTE], request)
        for _ in range(40):
            pay(world, [ROUTE])
        await world.rest()
        payer, payee = owner(world, "P"), owner(world, "Q")
        digits = attempt.payment.hex()
        for named in (
            digits,
            digits[:9],
            digits[:12].upper(),
            str(transaction_uuid(attempt.commit)),
        ):
            assert payer.find_payment(named).id == attempt.payment, named
        assert payee.find_request(request.id.hex()).id == request.id
        assert payee.find_request(request.id.hex()[:11]).id == request.id
        for named in (digits + "0", digits[:3], "", "nobody", digits[:11] + "-"):
            with pytest.raises(ControlFailure) as no:
                payer.find_payment(named)
            assert no.value.code == "NOT_FOUND"


async def test_an_audit_is_made_of_small_pieces(autojump_clock: trio.testing.MockClock) -> None:
    """One for each row at least, so that whoever audits serves its neighbours between them."""
    async with engines() as world:
        await chain(world)
        for _ in range(5):
            pay(world, [ROUTE])
        await world.rest()
        for name in "PABQ":
            rows = dict(world.engine(name).memory.rows)
            assert sum(1 for _ in checks(rows)) >= len(rows) > 5
