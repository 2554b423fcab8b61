"""What an owner is shown of legs of one exchange: each with its own promises."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from node.command.sim.cast import SECOND
from node.command.sim.cores.plan import (
    Route,
    answered,
    dictate,
    held_by,
    payment_of,
    request_of,
)
from node.command.sim.cores.world import World
from node.control.payments import payment_json
from node.control.requests import request_json
from node.core.rows import Transaction, replace
from proto.levels import Level
from tests.node.core.leg_scenes import Heard, coordinate, exchange, heard, ring_world

__all__ = ["heard"]

A = Level.ATOMIC


def seen_by(world: World, name: str) -> Any:
    """As a control call of this node sees it."""
    books = world.nodes[name].books

    def transaction(commit: bytes) -> Transaction | None:
        row = books.row((Transaction.table, commit, b""))
        return row if isinstance(row, Transaction) else None

    return SimpleNamespace(
        settled=SimpleNamespace(promises=books.promises_of, transaction=transaction),
        engine=SimpleNamespace(memory=books),
        clock=SimpleNamespace(now_us=lambda: world.now_us),
        policy_name=lambda policy: "R1",
        alias_of=lambda node: node.hex()[:8],
    )


def test_each_leg_is_shown_with_its_own_promises(heard: Heard) -> None:
    """A is paid 200, pays 300, and passes on 50 that are neither."""
    world = ring_world()
    routes = Route("AB", (A,), 300), Route("BCA", (A, A), 200), Route("CAB", (A, A), 50)
    deal = exchange(world, *routes)
    world.quiet()
    paying, paid, _ = deal.legs
    assert sorted(p.amount for p in held_by(world, "A")) == [50, 200]
    shown = request_json(seen_by(world, "A"), request_of(world, "A", paid.request))
    assert (shown["phase"], shown["held"], shown["received"]) == ("SIGNED", 200, 0)
    waits = _shown(world, paying.attempt)["waits_for"]
    assert "parts" not in waits["what"], waits
    assert coordinate(world, deal, *"ABC")
    world.run(world.now_us + 2 * SECOND)
    shown = request_json(seen_by(world, "A"), request_of(world, "A", paid.request))
    assert (shown["phase"], shown["held"], shown["received"]) == ("PAID", 0, 200)
    assert _shown(world, paying.attempt)["paid"] == 300


def _shown(world: World, attempt: Any) -> dict[str, Any]:
    """The chains of a world of cores have no hops to be named."""
    row = payment_of(world, "A", attempt)
    (first,) = attempt.event.firsts
    route = json.dumps({"parts": [{"promise": first.promise.hex()}]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("node.control.payments.route_shown", lambda context, route: {})
        return payment_json(seen_by(world, "A"), replace(row, route=route))


def test_a_refused_attempt_of_a_leg_costs_nothing(heard: Heard) -> None:
    """Though its promise lies under the same commit_id as the one that was redeemed."""
    world = ring_world("ABQ", "AB BQ")
    world.sever("B", "Q")
    deal = exchange(world, Route("ABQ", (A, A), 1000))
    (leg,) = deal.legs
    world.quiet()
    world.heal("B", "Q")
    again = dictate(
        world, leg.attempt.payment, leg.request, [leg.route], attempt=2, bound=deal.descriptor
    )
    answered(world.event("A", again.event))
    world.quiet()
    assert coordinate(world, deal, "Q")
    world.run(world.now_us)
    shown = _shown(world, again)
    assert (shown["phase"], shown["paid"]) == ("COMMITTED", 1000)
