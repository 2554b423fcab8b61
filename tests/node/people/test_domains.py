"""Look-ups of domains: what holds, how long it is remembered, and that nobody is flooded."""

import pytest
import trio
import trio.testing
from trio.testing import wait_all_tasks_blocked

from node.people.domains import (
    KEPT_US,
    MAX_AT_ONCE,
    MAX_KNOWN,
    MAX_UNDER_WAY,
    MAX_WAITING,
    PATIENCE_S,
    RETRY_US,
    DomainProofs,
    Known,
    ShortMemory,
    well_known_url,
)
from proto.domain import domain_document, sign_domain_proof
from proto.keys import NodeId, SigningKey
from runtime.clock import FakeClock
from runtime.web_client import Answer, Failed
from runtime.web_exchange import Failure
from tests.node.people.scripted_web import ScriptedWeb

NOW_US = 10**15
SHOP, OTHER = SigningKey(b"s" * 32), SigningKey(b"o" * 32)
PAYEE = SHOP.node_id
DOMAIN = "shop.example"
URL = well_known_url(DOMAIN)


def shows(*proofs: bytes) -> Answer:
    return Answer(200, domain_document(proofs).encode())


def proof(until_us: int = 2 * NOW_US, key: SigningKey = SHOP, domain: str = DOMAIN) -> bytes:
    return sign_domain_proof(key, domain, until_us)


class World:
    def __init__(self, said: Answer | Failed | None = None) -> None:
        self.web = ScriptedWeb({} if said is None else {URL: said})
        self.clock = FakeClock(NOW_US)
        self.memory = ShortMemory()
        self.proofs = DomainProofs(self.web, self.clock, self.memory)


CASES: tuple[tuple[str, Answer | Failed, bool], ...] = (
    ("shown", shows(proof()), True),
    ("beside others", shows(proof(key=OTHER), b"broken", proof()), True),
    ("renewed beside the old", shows(proof(NOW_US - 1), proof()), True),
    ("ended", shows(proof(NOW_US)), False),
    ("of another node", shows(proof(key=OTHER)), False),
    ("of another domain", shows(proof(domain="sh0p.example")), False),
    ("empty", shows(), False),
    ("no such page", Failed(Failure.BAD_STATUS, 404), False),
    ("moved", Failed(Failure.REDIRECTED, 301), False),
    ("private", Failed(Failure.PRIVATE_ADDRESS), False),
    ("a page for people", Answer(200, b"<html>"), False),
)


@pytest.mark.parametrize(("said", "holds"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
async def test_what_holds(said: Answer | Failed, holds: bool) -> None:
    world = World(said)
    assert world.proofs.known(PAYEE, DOMAIN) is None
    assert await world.proofs.holds(PAYEE, DOMAIN) is holds
    assert world.proofs.known(PAYEE, DOMAIN) is holds
    assert world.web.calls == ["https://shop.example/.well-known/pledgeway"]
    assert world.memory.recall(PAYEE, DOMAIN) == Known(PAYEE, DOMAIN, NOW_US, holds)


async def test_it_is_remembered_for_a_day() -> None:
    world = World(shows(proof()))
    assert await world.proofs.holds(PAYEE, DOMAIN)
    world.web.said[URL] = shows()
    world.clock.advance(KEPT_US - 1)
    assert await world.proofs.holds(PAYEE, DOMAIN) and len(world.web.calls) == 1
    world.clock.advance(1)
    assert not await world.proofs.holds(PAYEE, DOMAIN) and len(world.web.calls) == 2


async def test_that_it_does_not_hold_for_an_hour() -> None:
    world = World()
    assert not await world.proofs.holds(PAYEE, DOMAIN)
    world.web.said[URL] = shows(proof())
    world.clock.advance(RETRY_US - 1)
    assert not await world.proofs.holds(PAYEE, DOMAIN) and len(world.web.calls) == 1
    world.clock.advance(1)
    assert await world.proofs.holds(PAYEE, DOMAIN) and len(world.web.calls) == 2


async def test_a_clock_that_was_set_back_asks_again() -> None:
    world = World(shows(proof()))
    assert await world.proofs.holds(PAYEE, DOMAIN)
    world.clock.set_now(NOW_US - 5)
    assert world.proofs.known(PAYEE, DOMAIN) is None
    assert await world.proofs.holds(PAYEE, DOMAIN) and len(world.web.calls) == 2


async def test_a_domain_is_asked_once_whatever_nodes_are_said_to_have_it() -> None:
    """Else requests of invented payees would have this node flood whomever they name."""
    world = World(shows(proof()))
    for n in range(100):
        stranger = NodeId(n.to_bytes(32, "big"))
        assert not await world.proofs.holds(stranger, DOMAIN)
    assert await world.proofs.holds(PAYEE, DOMAIN)
    assert len(world.web.calls) == 1


async def test_all_who_ask_together_wait_for_one_look_up() -> None:
    world = World(shows(proof()))
    world.web.hold()
    found: list[bool] = []

    async def ask() -> None:
        found.append(await world.proofs.holds(PAYEE, DOMAIN))

    async with trio.open_nursery() as nursery:
        for _ in range(MAX_WAITING + 5):
            nursery.start_soon(ask)
        await wait_all_tasks_blocked()
        assert found == [False] * 4  # no room to wait; one asks, the others wait
        world.web.gate.set()
    assert found.count(True) == MAX_WAITING + 1 and len(world.web.calls) == 1
    assert world.proofs.known(PAYEE, DOMAIN) is True


async def test_few_are_asked_at_once_and_too_many_not_at_all() -> None:
    world = World()
    world.web.hold()
    async with trio.open_nursery() as nursery:
        for n in range(MAX_UNDER_WAY):
            nursery.start_soon(world.proofs.holds, PAYEE, f"d{n}.example")
        await wait_all_tasks_blocked()
        assert world.web.at_once == MAX_AT_ONCE
        assert await world.proofs.holds(PAYEE, DOMAIN) is False
        assert world.proofs.known(PAYEE, DOMAIN) is None  # and that says nothing
        world.web.gate.set()
    assert world.web.most_at_once == MAX_AT_ONCE and len(world.web.calls) == MAX_UNDER_WAY
    world.web.said[URL] = shows(proof())
    assert await world.proofs.holds(PAYEE, DOMAIN)


async def test_where_who_asks_goes_away_the_next_one_asks() -> None:
    world = World(shows(proof()))
    world.web.hold()
    found: list[bool] = []

    async def ask() -> None:
        found.append(await world.proofs.holds(PAYEE, DOMAIN))

    with trio.CancelScope() as first:
        async with trio.open_nursery() as nursery, trio.open_nursery() as others:
            nursery.start_soon(world.proofs.holds, PAYEE, DOMAIN)
            await wait_all_tasks_blocked()
            others.cancel_scope.shield = True
            others.start_soon(ask)
            await wait_all_tasks_blocked()
            first.cancel()
            world.web.gate.set()
    assert found == [True] and len(world.web.calls) == 2


async def test_what_is_no_domain_is_not_asked() -> None:
    world = World()
    for text in ("", "127.0.0.1", "shop.example/x", "shop.example:80", "a@b", "Shop.example"):
        assert not await world.proofs.holds(PAYEE, text)
    assert world.web.calls == []


async def test_memory_is_bounded() -> None:
    memory = ShortMemory()
    for n in range(MAX_KNOWN + 1):
        await memory.keep(Known(PAYEE, f"d{n}", n, True))
    assert memory.recall(PAYEE, "d0") is None and memory.recall(PAYEE, "d1") is not None


async def test_a_look_up_outlives_those_who_lost_patience(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Else whoever loads a page again and again would have a slow domain asked each time."""
    world = World(shows(proof()))
    world.web.hold()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.proofs.run)
        await wait_all_tasks_blocked()
        for _ in range(3):
            before = trio.current_time()
            assert await world.proofs.shown(PAYEE, DOMAIN) is False
            assert trio.current_time() - before == pytest.approx(PATIENCE_S)
        assert len(world.web.calls) == 1
        world.web.gate.set()
        await wait_all_tasks_blocked()
        assert await world.proofs.shown(PAYEE, DOMAIN) is True
        assert len(world.web.calls) == 1
        nursery.cancel_scope.cancel()


async def test_when_it_is_stopped_whoever_asks_does_it_himself() -> None:
    world = World(shows(proof()))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.proofs.run)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert await world.proofs.holds(PAYEE, DOMAIN) and len(world.web.calls) == 1
