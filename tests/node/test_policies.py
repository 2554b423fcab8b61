"""Policies that an owner has named: kept, read by newer programs, and all that a route may use."""

import json
from dataclasses import replace
from random import Random

import pytest

from node.command.finder import LocalFinder
from node.command.sim.cast import R1, R2, R3, SECOND, TWO_OF_THREE
from node.pay_options import PayOptions
from node.policy_json import policy_json, policy_of_json
from node.routing import NoRoute, RouteFound, RouteQuery
from node.terms import Terms
from proto.adverts import NodeAdvert, RecordAdvert
from proto.fees import Fee, FeeSet
from proto.levels import Level
from proto.limits import US
from proto.modes import Mode
from proto.policy import RegistryPolicy, single
from tests.pathfinder.test_route_cache import (
    EXPIRES_US,
    NODES,
    PAYEE,
    PAYER,
    line_advert,
    node_advert,
    question,
)

MIDDLE = NODES[1]
SLOW = replace(TWO_OF_THREE, delta_us=5 * SECOND)
MEMBERS = frozenset(TWO_OF_THREE.members)
ALL = FeeSet({mode: Fee() for mode in Mode})


def test_terms_keep_policies_and_older_terms_have_none() -> None:
    terms = Terms(policies={"harbours": TWO_OF_THREE, "slow": SLOW})
    assert Terms.from_json(terms.to_json()) == terms
    older = json.loads(terms.to_json())
    del older["policies"]
    assert Terms.from_json(json.dumps(older)).policies == {}


def test_a_payment_keeps_the_policies_it_may_use() -> None:
    options = PayOptions(policies=frozenset({TWO_OF_THREE, SLOW}))
    assert PayOptions.from_json(options.to_json()) == options
    older = json.loads(options.to_json())
    del older["policies"]
    assert PayOptions.from_json(json.dumps(older)).policies == frozenset()


def test_a_file_that_is_no_policy_is_told_from_one() -> None:
    good = policy_json(TWO_OF_THREE)
    assert policy_of_json(good) == TWO_OF_THREE
    random = Random(3)
    for _ in range(200):
        bad = dict(good)
        bad[random.choice(list(bad))] = random.choice((None, -1, True, 1.5, "x", [1], ["zz"], {}))
        with pytest.raises((KeyError, TypeError, ValueError)):
            policy_of_json(bad)
    with pytest.raises(KeyError):
        policy_of_json({})


def finder() -> LocalFinder:
    """Payer, one in the middle, payee; everybody accepts and knows three registries."""
    made = LocalFinder()
    for node in (PAYER, MIDDLE, PAYEE):
        plain: NodeAdvert = node_advert(node, 1)
        made.observe(replace(plain, registries=MEMBERS, knows_registries=MEMBERS, fees=ALL))
    for ends in ((PAYER, MIDDLE), (MIDDLE, PAYEE)):
        made.observe(line_advert(ends, 1, 10**6))
    for registry in (R1, R2, R3):
        made.observe(RecordAdvert(record=replace(registry.record, expires_at_us=EXPIRES_US)))
    return made


def asking(*candidates: RegistryPolicy, accepted: tuple[RegistryPolicy, ...]) -> RouteQuery:
    levels = frozenset({Level.ATOMIC})
    return question(
        candidates=candidates,
        accepted=accepted,
        levels=levels,
        last_levels=levels,
        latest_deadline=60 * US,
    )


async def test_a_route_uses_only_what_the_payer_may_use() -> None:
    """Earlier questions leave policies in the graph: they are no candidates of later ones."""
    made = finder()
    singles = tuple(single(r.id) for r in (R1, R2, R3))
    everything = (*singles, TWO_OF_THREE, SLOW)
    for policy in everything:
        found = await made.find(asking(policy, accepted=everything))
        assert isinstance(found, RouteFound) and found.policy == policy
    assert isinstance(await made.find(asking(accepted=everything)), NoRoute)
    found = await made.find(asking(*everything, accepted=(SLOW,)))
    assert isinstance(found, RouteFound) and found.policy == SLOW
    found = await made.find(asking(*everything, accepted=everything))
    assert isinstance(found, RouteFound) and found.policy in singles, "sooner, at the same price"
    assert isinstance(await made.find(asking(*singles, accepted=(TWO_OF_THREE,))), NoRoute)


async def test_a_collective_is_priced_and_timed_as_one() -> None:
    made = finder()
    one = await made.find(asking(single(R1.id), accepted=(single(R1.id),)))
    many = await made.find(asking(SLOW, accepted=(SLOW,)))
    assert isinstance(one, RouteFound) and isinstance(many, RouteFound)
    # ATOMIC locks until L: the collective may decide a relay step later.
    locks = [max(x.parts[0].schedule.locks) for x in (one, many)]
    assert locks[1] - locks[0] == SLOW.delta_us
