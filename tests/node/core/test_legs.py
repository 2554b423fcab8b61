"""Money legs of an exchange: ordinary chains, under a descriptor that is not the payment's own."""

import pytest

from node.command.sim.cast import SECOND
from node.command.sim.cores.plan import (
    Route,
    assert_books_mirror,
    balance,
    ended,
    payment_of,
    request_of,
)
from node.command.sim.cores.world import World
from node.core.rows import Ask, PaymentPhase, RequestPhase, Role
from proto.certificate import Certificate
from proto.levels import Level
from tests.node.core.leg_scenes import (
    HORIZON_US,
    PREIMAGE,
    Exchange,
    Heard,
    all_signed,
    coordinate,
    decided,
    exchange,
    heard,
    ring_world,
    role_of,
    shares_of,
    tell,
)

__all__ = ["heard"]

A, X = Level.ATOMIC, Level.PROXY


def committed(world: World, deal: Exchange) -> None:
    """Every leg was paid once, and nothing is left."""
    for leg in deal.legs:
        assert payment_of(world, leg.payer, leg.attempt).phase is PaymentPhase.COMMITTED
        assert request_of(world, leg.payee, leg.request).phase is RequestPhase.PAID
    sound(world)


def aborted(world: World, deal: Exchange) -> None:
    """Nobody was paid, and nothing is held."""
    for leg in deal.legs:
        assert payment_of(world, leg.payer, leg.attempt).phase is PaymentPhase.ROUTING
        assert request_of(world, leg.payee, leg.request).phase is RequestPhase.DECLINED
    assert all(balance(world, name) == 0 for name in world.nodes)
    sound(world)


def sound(world: World) -> None:
    assert ended(world) and not world.faults and not world.incidents()
    assert_books_mirror(world)


def one_leg(levels: tuple[Level, ...] = (A, A)) -> tuple[World, Exchange]:
    world = ring_world("PABCQ", "PA AB BC CQ AQ")
    names = "PAQ" if len(levels) == 2 else "PABCQ"
    return world, exchange(world, Route(names, levels, 1000))


def ring() -> tuple[World, Exchange]:
    """A pays B over C, B pays C over A, C pays A: each is payer, payee, and hop of another."""
    world = ring_world()
    routes = Route("ACB", (A, A), 300), Route("BAC", (A, A), 200), Route("CA", (A,), 100)
    return world, exchange(world, *routes)


@pytest.mark.parametrize("told", ["PAQ", "P", "Q", ""], ids=lambda told: told or "nobody")
def test_a_leg_is_committed_whoever_hears_of_it(heard: Heard, told: str) -> None:
    world, deal = one_leg()
    world.quiet()
    assert coordinate(world, deal, *told)
    world.run(deal.descriptor.deadline_us + HORIZON_US)
    committed(world, deal)
    assert balance(world, "Q") == 1000
    assert [role_of(world, n, deal) for n in "PAQ"] == [Role.SEAT, Role.HOP, Role.SEAT]


def test_a_leg_of_many_promises(heard: Heard) -> None:
    world, deal = one_leg((A, A, A, A))
    world.quiet()
    assert coordinate(world, deal, "Q")
    world.run(world.now_us)
    assert payment_of(world, "P", deal.legs[0].attempt).phase is PaymentPhase.COMMITTED
    world.run(deal.descriptor.deadline_us + HORIZON_US)
    committed(world, deal)


@pytest.mark.parametrize("told", ["PQ", "Q", ""], ids=lambda told: told or "nobody")
@pytest.mark.parametrize("declined", [True, False])
def test_a_leg_is_aborted_whoever_hears_of_it(heard: Heard, told: str, declined: bool) -> None:
    """By whoever holds the preimage, or because nobody submits it."""
    world, deal = one_leg()
    world.quiet()
    if declined:
        tell(world, decided(world, deal, Ask.DECLINE, PREIMAGE), *told)
    world.run(deal.descriptor.deadline_us + HORIZON_US)
    aborted(world, deal)
    decisions = [what for what, _ in heard.said if what == "on_decided"]
    assert len(decisions) == 2, "once at each seat"


def test_a_ring_in_which_everybody_is_everything(heard: Heard) -> None:
    world, deal = ring()
    world.quiet()
    assert all(role_of(world, name, deal) is Role.SEAT for name in "ABC")
    assert coordinate(world, deal, "A", "B", "C")
    world.run(world.now_us)
    assert [balance(world, name) for name in "ABC"] == [-200, 100, 100]
    world.run(deal.descriptor.deadline_us + HORIZON_US)
    committed(world, deal)


def certificate_of(world: World, deal: Exchange, *, commits: bool) -> Certificate:
    if not commits:
        return decided(world, deal, Ask.DECLINE, PREIMAGE)
    assert all_signed(world, deal)
    return decided(world, deal, Ask.SUBMIT, shares_of(deal))


@pytest.mark.parametrize("told", ["B", "AC", ""], ids=lambda told: told or "nobody")
@pytest.mark.parametrize("commits", [True, False], ids=["committed", "aborted"])
def test_a_crash_anywhere_is_only_a_delay(heard: Heard, commits: bool, told: str) -> None:
    """Of any node, before any step of the ring, before its decision or behind it."""
    world, deal = ring()
    certificate: Certificate | None = None
    crashes = 0
    while (choices := world.choices()) or certificate is None:
        for name in "ABC":
            fork = world.fork()
            fork.crash(name)
            fork.quiet()
            if certificate is None:
                tell(fork, certificate_of(fork, deal, commits=commits), *told)
            fork.run(deal.descriptor.deadline_us + HORIZON_US)
            (committed if commits else aborted)(fork, deal)
            crashes += 1
        if choices:
            world.do(choices[0])
        else:
            certificate = certificate_of(world, deal, commits=commits)
            tell(world, certificate, *told)
    assert crashes >= (15 if told else 18) and not world.faults


def test_one_unsigned_leg_aborts_all(heard: Heard) -> None:
    world = ring_world("ABC", "AB BC CA", max_pending_count=9)
    world.sever("C", "A")
    deal = exchange(world, Route("AB", (A,), 300), Route("BC", (A,), 200))
    heard.signs = False
    world.quiet()
    assert not coordinate(world, deal)
    world.now_us += SECOND
    world.run(deal.descriptor.deadline_us + HORIZON_US)
    aborted(world, deal)
