"""What the path finder splits, the nodes take: every rule it keeps is the rule that they check."""

from random import Random

import pytest

from node.command.sim.cast import SECOND, SINGLE
from node.command.sim.cores.plan import (
    Attempt,
    Route,
    answered,
    assert_books_mirror,
    balance,
    create,
    dictate,
    ended,
    make_request,
    open_line,
    payment_of,
    request_of,
    terms,
)
from node.command.sim.cores.world import World
from node.core.rows import PaymentPhase, RequestPhase
from pathfinder.core.graph import Graph
from pathfinder.network import Line, Network, Node
from pathfinder.plans.parts import PartsAnswer, find_parts
from pathfinder.question import RouteQuestion
from proto.fees import Fee, FeeSet
from proto.modes import Mode
from proto.money import Rate
from proto.policy import EMPTY_POLICY

SEEDS = 120


def fees(draw: Random) -> FeeSet:
    return FeeSet(
        {
            mode: Fee(Rate.parse(f"1.{draw.choice((0, 0, 10, 50)):03}"), draw.choice((0, 0, 1, 7)))
            for mode in Mode
            if draw.random() < 0.9
        }
    )


def town(draw: Random) -> tuple[World, Graph]:
    """The same network twice: as nodes with open lines, and as the path finder knows it."""
    world, names = World(), ["P", *"ABCD"[: draw.randint(2, 4)], "Q"]
    nodes, lines = [], []
    for name in names:
        trusts = draw.random() < 0.8
        own = {
            "fees": fees(draw),
            "watches_registry": draw.random() < 0.7,
            "hold_max_us": draw.choice((60, 60, 14, 11)) * SECOND,
            **({} if trusts else {"accepts": frozenset()}),
        }
        world.add(name, lambda node, own=own: terms(node, **own))  # type: ignore[misc]
        nodes.append(
            Node(
                name,
                frozenset({"R1"} if trusts else ()),
                bool(own["watches_registry"]),
                int(own["hold_max_us"]),  # type: ignore[call-overload]
                own["fees"],  # type: ignore[arg-type]
            )
        )
    for i, one in enumerate(names):
        for other in names[i + 1 :]:
            if draw.random() < 0.6:
                limit = draw.randint(50, 300)
                open_line(world, one, other, limit)
                lines += [Line(one, other, "USD", limit), Line(other, one, "USD", limit)]
    return world, Graph.from_network(Network(("R1",), (), tuple(nodes), tuple(lines)))


def started(world: World, answer: PartsAnswer, amount: int) -> Attempt:
    request = make_request(world, "Q", amount)
    payment = create(world, "P", request)
    routes = [
        Route(
            ["P", *(hop.promisee for hop in route.hops)],
            [hop.level for hop in route.hops],
            route.hops[-1].amount,
        )
        for route in answer.routes
    ]
    policy = SINGLE if answer.routes[0].policy.members else EMPTY_POLICY
    attempt = dictate(world, payment, request, routes, policy=policy)
    assert attempt.deadline_us - world.now_us == answer.routes[0].schedule.deadline
    assert [first.amount for first in attempt.event.firsts] == [r.cost for r in answer.routes]
    answered(world.event("P", attempt.event))
    world.run(world.now_us)
    payment_row = payment_of(world, "P", attempt)
    assert payment_row.phase is PaymentPhase.COMMITTED, payment_row.because
    assert request_of(world, "Q", request).phase is RequestPhase.PAID
    return attempt


@pytest.mark.parametrize("block", range(0, SEEDS, 30))
def test_no_node_refuses_what_was_planned(block: int) -> None:
    split = 0
    for seed in range(block, block + 30):
        draw = Random(seed)
        world, graph = town(draw)
        amount = draw.randint(100, 500)
        if not graph.brands():
            continue
        question = RouteQuestion(payer="P", payee="Q", amount=amount)
        answer = find_parts(graph, question, draw.choice((2, 3, 4)))
        if len(answer.routes) < 2:
            continue
        split += 1
        started(world, answer, amount)
        assert balance(world, "Q") == amount and balance(world, "P") == -(answer.cost or 0), seed
        assert ended(world) and not world.faults and not world.incidents(), seed
        assert_books_mirror(world)
    assert split > 2
