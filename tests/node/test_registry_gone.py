"""The registry answers nobody for a minute, before the deadline or after it. What is kept: no
promise under it ends before it has spoken, and then all end alike, whatever it says."""

import pytest
import trio
import trio.testing

from node.command.sim.cores.plan import Route, ended, make_request, pay, request_of
from node.core.events import ConfirmRequest
from node.core.rows import Ask, PaymentPhase, PromisePhase, RequestPhase
from proto.levels import Level
from tests.node.engines import Engines, chain, engines
from tests.node.test_engine import phase

A, S, B, X = Level.ATOMIC, Level.SECURED, Level.BARE, Level.PROXY
NAMES = "PABQ"


def all_judges(world: Engines, *, down: bool) -> None:
    for judge in world.judges.values():
        judge.down = down


def pending(world: Engines) -> int:
    return sum(p.pending for name in NAMES for p in world.promises(name))


@pytest.mark.parametrize("levels", [(A, A, A), (S, S, A)])
async def test_gone_when_the_payee_submits_and_back_in_time(
    autojump_clock: trio.testing.MockClock, levels: tuple[Level, ...]
) -> None:
    async with engines() as world:
        await chain(world)
        all_judges(world, down=True)
        attempt = pay(world, [Route(NAMES, levels, 1000)])
        await trio.sleep(6)
        assert phase(world, attempt) is PaymentPhase.PROMISED
        all_judges(world, down=False)
        await trio.sleep(1.5)
        assert phase(world, attempt) is PaymentPhase.COMMITTED, "asked again within a second"
        assert ended(world) and not world.incidents()
        world.audit()


async def test_gone_from_before_the_deadline_until_long_after_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The commit never reached it: it says so, late, and everybody is free. Credit was locked."""
    async with engines() as world:
        await chain(world)
        all_judges(world, down=True)
        request = make_request(world, "Q", 1000)
        attempt = pay(world, [Route(NAMES, (A, A, A), 1000)], request)
        await trio.sleep(70)
        assert phase(world, attempt) is PaymentPhase.PROMISED
        assert pending(world) == 6, "silence frees no ATOMIC promise"
        all_judges(world, down=False)
        await trio.sleep(31)  # the slowest pace of asking
        assert phase(world, attempt) is PaymentPhase.ROUTING
        assert request_of(world, "Q", request).phase is not RequestPhase.PAID
        phases = {p.phase for name in NAMES for p in world.promises(name)}
        assert phases <= {PromisePhase.ABORTED, PromisePhase.RELEASED}
        assert ended(world) and not world.incidents()
        world.audit()


async def test_gone_after_it_has_decided(autojump_clock: trio.testing.MockClock) -> None:
    """One node has the certificate; it is enough for all of them."""
    async with engines() as world:
        await chain(world)
        request = make_request(world, "Q", 1000, manual=True)
        attempt = pay(world, [Route(NAMES, (A, A, A), 1000)], request)
        await world.rest()
        world.network.cut(world.nodes["A"].id, world.nodes["B"].id)
        world.event("Q", ConfirmRequest(world.now_us, request.id))
        await world.rest()
        assert request_of(world, "Q", request).phase is RequestPhase.PAID
        all_judges(world, down=True)
        await trio.sleep(70)
        assert phase(world, attempt) is PaymentPhase.PROMISED
        world.network.restore(world.nodes["A"].id, world.nodes["B"].id)
        await trio.sleep(1)
        assert phase(world, attempt) is PaymentPhase.COMMITTED
        assert ended(world) and not world.incidents()
        world.audit()


async def test_payments_that_need_no_registry_do_not_notice(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with engines() as world:
        await chain(world)
        all_judges(world, down=True)
        bare = pay(world, [Route(NAMES, (B, B, B), 1000)])
        stuck = pay(world, [Route(NAMES, (A, A, A), 1000)])
        await world.rest()
        assert phase(world, bare) is PaymentPhase.COMMITTED
        assert phase(world, stuck) is PaymentPhase.PROMISED


async def test_a_registry_that_is_gone_is_not_hammered(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with engines() as world:
        await chain(world)
        all_judges(world, down=True)
        pay(world, [Route(NAMES, (A, A, A), 1000)])
        await trio.sleep(20)
        before = len(world.asked)
        await trio.sleep(600)
        asked = [ask for _, ask in world.asked[before:]]
        members = len(world.judges)
        assert len(asked) <= members * 4 * (600 / 30 + 8), "every half minute, by each node"
        assert set(asked) <= {Ask.QUERY, Ask.SUBMIT}
