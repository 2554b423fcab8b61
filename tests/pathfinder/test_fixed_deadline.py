"""Routes under a D that others have fixed: legs of an exchange, whose descriptor stands before."""

import random
from dataclasses import replace
from typing import Any

import pytest

from node.command.sim.cast import NOW_US, R1, digest
from node.leg_route import END_LEVELS, LEG_LEVELS, as_leg, too_late
from node.route_check import BadRoute, Lie, check_route
from pathfinder.serving.route_cache import RouteCache
from proto.descriptor import Descriptor
from proto.levels import Level
from proto.limits import BOUND_LEAD_US, US
from proto.policy import single
from proto.route import NoRoute, RouteFound
from proto.route_wire import (
    found_from_message,
    found_to_message,
    query_from_message,
    query_to_message,
)
from proto.wire import WireFault
from tests.pathfinder.advertised import Advertised, id_of, node_advert, random_town, town
from tests.pathfinder.compare import compare
from tests.pathfinder.networks import network, question

SEEDS = 200
HOLDS_S = (12, 60)  # hold_max of the nodes of a random town


def leg_case(seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A random network, and a question whose D is fixed somewhere around what its nodes bear."""
    rng = random.Random(f"leg {seed}")
    net = network(rng, rng.choice((3, 4, 5, 6)))
    asked = question(rng, net)
    for key in ("latest_deadline_ms", "declines"):
        asked.pop(key, None)
    asked |= {
        "levels": ["ATOMIC", "PROXY"],
        "first_levels": ["ATOMIC"],
        "last_levels": ["ATOMIC"],
        "deadline_ms": rng.choice((2000, 5000, 9999, 10_001, 12_000, 15_500, 30_000, 59_000)),
    }
    return net, asked


def test_the_cheapest_chain_under_a_fixed_deadline() -> None:
    """Against the reference, which tries all chains; D is the fixed one to the microsecond."""
    found = 0
    for seed in range(SEEDS):
        net, asked = leg_case(seed)
        compared = compare(net, asked)
        assert compared.same, f"seed {seed}: {compared}"
        for answer in compared.answers.values():
            if answer.route is None:
                continue
            found += 1
            plan = answer.route.schedule
            assert plan.deadline == asked["deadline_ms"] * 1000
            holds = [net["nodes"][hop.promisor]["hold_max_ms"] for hop in answer.route.hops]
            assert all(lock <= 1000 * h for lock, h in zip(plan.locks, holds, strict=True))
    assert found > SEEDS // 8, "what does not happen proves nothing"


def descriptor(lead_us: int, **changes: Any) -> Descriptor:
    made = Descriptor(
        salt=digest("salt"),
        deadline_us=NOW_US + lead_us,
        policy=single(R1.id),
        committers=(digest("one"), digest("two")),
        threshold=2,
        terms_root=digest("terms"),
    )
    return replace(made, **changes)


def test_legs_of_random_towns_hold_from_end_to_end() -> None:
    """As the payer asks, over the wire to a path finder and back, and as the payer checks it: in
    one part or in several, with D as it was fixed and no lock beyond its promisor's hold_max."""
    rng, found, split = random.Random(7), 0, 0
    for _ in range(250):
        made, query = random_town(rng)
        lead_us = rng.choice((3, 8, 11, 12, 13, 25, 59)) * US + rng.randrange(US)
        policy = rng.choice(query.candidates)
        query = as_leg(query, descriptor(lead_us, policy=policy))
        query = replace(query, accepted=(policy,), max_risk=None)
        asked = query_from_message(query_to_message(query), NOW_US)
        assert (asked.deadline, asked.levels) == (lead_us, query.levels)
        answer = made.find(asked)
        if isinstance(answer, NoRoute):
            continue
        claimed, adverts = found_from_message(
            found_to_message(answer, made.feed.adverts_of(answer, query.brand)).found, exact=True
        )
        checked = check_route(query, claimed, adverts, made.payer)
        assert checked.deadline == lead_us and checked.policy == policy
        for part in checked.parts:
            levels = {hop.level for hop in part.hops}
            assert levels <= LEG_LEVELS and part.hops[0].level in END_LEVELS
            assert part.hops[-1].level in END_LEVELS
            assert max(part.schedule.locks) <= HOLDS_S[-1] * US
            for hop, lock in zip(part.hops[1:], part.schedule.locks[1:], strict=True):
                assert lock <= checked.nodes[hop.promisor].hold_max_us
        found += 1
        split += len(checked.parts) > 1
    assert found > 20 and split, "what does not happen proves nothing"


@pytest.mark.parametrize(
    ("lead_us", "there"), [(12 * US, True), (60 * US, True), (60 * US + 1, False)]
)
def test_no_lock_is_longer_than_hold_max(lead_us: int, there: bool) -> None:
    """D does not move: a promisor that holds credit for 60 s stands on no chain beyond."""
    made = town()
    answer = made.find(as_leg(made.query("P", "Q", 1000), descriptor(lead_us)))
    assert isinstance(answer, RouteFound) is there
    if isinstance(answer, NoRoute):
        (reason,) = {(r["rule"], r["figure"]) for r in answer.reasons}
        assert reason == ("V8", 1)


def moved(made: Advertised, by_us: int) -> BadRoute:
    """Why an answer is refused that was right for a D that lay elsewhere."""
    query = as_leg(made.query("P", "Q", 1000), descriptor(20 * US))
    other = replace(query, deadline=20 * US + by_us, latest_deadline=20 * US + by_us)
    claimed, adverts = found_from_message(made.answer(other), exact=True)
    with pytest.raises(BadRoute) as told:
        check_route(query, claimed, adverts, made.payer)
    return told.value


@pytest.mark.parametrize("by_us", [-1, 1, -9 * US, 9 * US])
def test_an_answer_with_another_deadline_is_a_lie(by_us: int) -> None:
    assert moved(town(), by_us).lie is Lie.SCHEDULE


def test_levels_that_would_move_a_fixed_deadline_are_a_lie() -> None:
    """A gateway must be able to stamp; where D is too near for that there is no such chain."""
    made = town()
    levels = frozenset({Level.SECURED})
    query = made.query("P", "Q", 1000, levels=levels, last_levels=levels)
    claimed, adverts = found_from_message(made.answer(query), exact=True)
    assert check_route(query, claimed, adverts, made.payer).deadline == 10 * US
    near = replace(query, deadline=3 * US, latest_deadline=3 * US)
    assert isinstance(made.find(near), NoRoute)
    with pytest.raises(BadRoute) as told:
        check_route(near, claimed, adverts, made.payer)
    assert told.value.lie is Lie.RULE and "D cannot be moved" in str(told.value)


@pytest.mark.parametrize("lead_us", [3 * US, 9 * US, 59 * US])
def test_a_leg_in_parts_keeps_its_deadline(lead_us: int) -> None:
    """Nearer than any payment would choose it, and farther."""
    made = Advertised()
    made.hear_records()
    made.hear_nodes(*(node_advert(name) for name in "PABQ"))
    made.hear_lines(*(ends for name in "AB" for ends in (("P", name, 700), (name, "Q", 700))))
    made.own = {(id_of("P"), id_of(name)): 700 for name in "AB"}
    leg = as_leg(made.query("P", "Q", 1000, max_parts=3), descriptor(lead_us))
    found = made.find(leg)
    assert isinstance(found, RouteFound) and len(found.parts) == 2
    assert {part.schedule.deadline for part in found.parts} == {lead_us}
    claimed, adverts = found_from_message(made.answer(leg), exact=True)
    assert check_route(leg, claimed, adverts, made.payer).deadline == lead_us


def test_a_payee_that_takes_only_bare_levels_has_no_leg() -> None:
    made = town()
    query = made.query("P", "Q", 1000, last_levels=frozenset({Level.BARE, Level.SECURED}))
    leg = as_leg(query, descriptor(20 * US))
    assert not leg.last_levels
    assert isinstance(made.find(leg), NoRoute)


def test_a_route_with_a_fixed_deadline_is_not_remembered() -> None:
    """The next question has another D in any case."""
    made, cache = town(), RouteCache()
    query = made.query("P", "Q", 1000)
    leg = as_leg(query, descriptor(20 * US))
    for asked in (query, leg):
        found = made.find(asked)
        assert isinstance(found, RouteFound)
        cache.put(asked, NOW_US + 60 * US, found)
    assert cache.get(query) is not None and cache.get(leg) is None


@pytest.mark.parametrize("deadline", [0, -1, 10**13 + 1])
def test_a_strangers_deadline_is_bounded(deadline: int) -> None:
    message = query_to_message(as_leg(town().query("P", "Q", 1000), descriptor(20 * US)))
    message.deadline_us = deadline
    with pytest.raises(WireFault, match="deadline"):
        query_from_message(message, NOW_US)


def test_what_is_too_late_says_by_how_much() -> None:
    leg = descriptor(10 * US)
    last_us = leg.deadline_us - BOUND_LEAD_US
    assert too_late(leg, last_us) is None
    none = too_late(leg, last_us + 1_500_000)
    assert none is not None and none.exact
    (reason,) = none.reasons
    assert (reason["code"], reason["figure"]) == ("DEADLINE_TOO_NEAR", 1_500_000)
    assert "1.5 s later" in reason["text"]
