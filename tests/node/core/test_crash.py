"""A crash of any node between any two steps changes nothing about how a payment ends."""

from itertools import pairwise

import pytest

from node.command.sim.cast import SECOND
from node.command.sim.cores.plan import (
    Route,
    assert_books_mirror,
    balance,
    chain_world,
    ended,
    make_request,
    pay,
    payment_of,
    request_of,
)
from node.command.sim.cores.world import Deliver, World
from node.core.rows import PaymentPhase, RequestPhase
from proto.levels import Level
from proto.modes import Loss, loss_of

B, S, A, X = Level.BARE, Level.SECURED, Level.ATOMIC, Level.PROXY
CHAINS = [
    (B, B, B),
    (S, S, S),
    (A, A, A),
    (A, A, X),
    (S, S, B),
    (A, X, A),
    (B, A, A),
    (B, S, A),
    (A, B, B),
    (S, X, X),
]


def name_of(levels: tuple[Level, ...]) -> str:
    return " ".join(level.name for level in levels)


@pytest.mark.parametrize("levels", CHAINS, ids=name_of)
def test_a_crash_anywhere_is_only_a_delay(levels: tuple[Level, ...]) -> None:
    world, names = chain_world(levels)
    request = make_request(world, "Q", 10_000)
    attempt = pay(world, [Route(names, levels, 10_000)], request)
    steps = 0
    while choices := world.choices():
        for name in names:
            fork = world.fork()
            fork.crash(name)
            fork.run(attempt.deadline_us + 60 * SECOND)
            where = f"crash of {name} after step {steps}: {fork.trace}"
            assert payment_of(fork, "P", attempt).phase is PaymentPhase.COMMITTED, where
            assert request_of(fork, "Q", request).phase is RequestPhase.PAID, where
            assert ended(fork) and not fork.faults and not fork.incidents(), where
            assert_books_mirror(fork)
            assert balance(fork, "Q") == 10_000
        world.do(choices[0])
        steps += 1
    assert steps > 8


@pytest.mark.parametrize("levels", CHAINS[:6], ids=name_of)
def test_every_message_may_come_twice(levels: tuple[Level, ...]) -> None:
    """After every step whatever was delivered and not yet acknowledged is delivered again."""
    world, names = chain_world(levels)
    attempt = pay(world, [Route(names, levels, 10_000)])
    repeated = 0
    while choices := world.choices():
        world.do(choices[0])
        before = {name: dict(world.nodes[name].books.rows) for name in names}
        for name in names:
            for peer, box in world.nodes[name].outbox.items():
                again = [m for m in box.messages if m[0] <= world.nodes[peer].have.get(name, 0)]
                box.sent = 0
                for _ in again:
                    world.do(Deliver(name, peer))
                    repeated += 1
        assert before == {name: world.nodes[name].books.rows for name in names}
    assert repeated > 20
    world.run(attempt.deadline_us + 60 * SECOND)
    assert payment_of(world, "P", attempt).phase is PaymentPhase.COMMITTED
    assert ended(world) and not world.faults
    assert_books_mirror(world)


def partitioned(world: World, link: tuple[str, str], heal_us: int, end_us: int) -> World:
    fork = world.fork()
    fork.sever(*link)
    fork.run(heal_us)
    fork.heal_all()
    fork.run(end_us)
    return fork


def may_lose(pair: tuple[Level, Level], upstream: str, node: str, cut: tuple[str, str]) -> bool:
    """What section 3's table allows where this one link is cut and every other works."""
    not_u, not_r = cut == (upstream, node), cut == (node, "R1")
    match loss_of(*pair):
        case Loss.NOT_U:
            return not_u
        case Loss.NOT_R:
            return not_r
        case Loss.LATE_LEAK:
            return not_u or not_r
        case _:
            return False  # NOT_U_AND_NOT_R: one cut is not enough


@pytest.mark.parametrize("levels", CHAINS, ids=name_of)
def test_a_partition_at_any_step_costs_what_the_mode_says(levels: tuple[Level, ...]) -> None:
    """One link cut, soon or late healed: everything ends, and nobody else loses."""
    world, names = chain_world(levels)
    attempt = pay(world, [Route(names, levels, 10_000)])
    links = [*pairwise(names), *((name, "R1") for name in names)]
    ends = set()
    while choices := world.choices():
        for cut in links:
            for heal_us in (world.now_us + SECOND, attempt.deadline_us + 20 * SECOND):
                fork = partitioned(world, cut, heal_us, attempt.deadline_us + 100 * SECOND)
                where = f"{cut} cut until {heal_us - world.now_us}: {fork.trace}"
                assert ended(fork) and not fork.faults, where
                assert_books_mirror(fork)
                hops = zip(names[1:], names, pairwise(levels), strict=False)
                for node, upstream, pair in hops:
                    if balance(fork, node) < 0:
                        assert may_lose(pair, upstream, node, cut), f"{node} lost: {where}"
                ends.add(payment_of(fork, "P", attempt).phase)
        world.do(choices[0])
    assert ends == {PaymentPhase.COMMITTED, PaymentPhase.ROUTING}
