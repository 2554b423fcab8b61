"""A crash of any node between any two steps changes nothing about how a payment ends."""

from itertools import pairwise

import pytest

from node.core.rows import PaymentPhase, RequestPhase
from proto.levels import Level
from tests.node.plan import (
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
from tests.node.world import Deliver, World
from tests.proto.build import SECOND

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


@pytest.mark.parametrize("levels", [(A, A, A), (S, A, A), (S, S, X), (S, X, X)], ids=name_of)
def test_a_partition_at_any_step_costs_mode_atomic_nothing(levels: tuple[Level, ...]) -> None:
    """And everything ends once it has healed, soon or late."""
    world, names = chain_world(levels)
    attempt = pay(world, [Route(names, levels, 10_000)])
    links = [*pairwise(names), *((name, "R1") for name in names)]
    ends = set()
    while choices := world.choices():
        for link in links:
            for heal_us in (world.now_us + SECOND, attempt.deadline_us + 20 * SECOND):
                fork = partitioned(world, link, heal_us, attempt.deadline_us + 200 * SECOND)
                where = f"{link} cut until {heal_us - world.now_us}: {fork.trace}"
                assert ended(fork) and not fork.faults, where
                assert_books_mirror(fork)
                for node, (held, given) in zip(names[1:], pairwise(levels), strict=False):
                    if held.late_ok and given.needs_stamp:
                        assert balance(fork, node) >= 0, f"{node} lost: {where}"
                ends.add(payment_of(fork, "P", attempt).phase)
        world.do(choices[0])
    assert ends == {PaymentPhase.COMMITTED, PaymentPhase.ROUTING}
