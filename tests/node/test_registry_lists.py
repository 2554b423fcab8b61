"""A node that follows a shared list, and routes over nodes that do."""

import json
from dataclasses import replace

from node.command.sim.cast import R1, R2, R3, signing_key
from node.core.view import Caps
from node.routing import NoRoute, RouteFound
from node.terms import Book, Terms
from proto.adverts import NodeAdvert
from proto.fraud.file import FraudProof
from proto.fraud.verdict import FraudKind
from proto.limits import US
from proto.policy import single
from proto.registry_list import RegistryList, make_list
from tests.node.test_policies import ALL, MEMBERS, MIDDLE, asking, finder
from tests.pathfinder.test_route_cache import EXPIRES_US, NODES, NOW_US, node_advert

OWNER = signing_key("list owner")


def a_list(sequence: int, *registries: bytes, until_us: int = EXPIRES_US) -> RegistryList:
    return make_list(OWNER, registries, sequence, until_us)


def book() -> Book:
    made = Book(NODES[0], 0, Caps())
    for registry in (R1, R2, R3):
        made.learn(registry.record, accepted=registry is R1)
    return made


def test_the_owner_relies_on_his_own_choice_and_the_list() -> None:
    ours = book()
    assert ours.settings().usable == {R1.id}
    assert ours.follow(a_list(1, R2.id, b"x" * 32))
    assert ours.settings().usable == {R1.id, R2.id}, "without a record nothing counts"
    ours.follow(a_list(2, R3.id))
    assert ours.settings().usable == {R1.id, R3.id}
    ours.follow(None)
    assert ours.settings().usable == {R1.id}


def test_a_list_counts_until_it_expires() -> None:
    ours = book()
    ours.follow(a_list(1, R2.id, until_us=NOW_US))
    assert not ours.review(NOW_US - 1)
    assert ours.settings().usable == {R1.id, R2.id}
    assert ours.review(NOW_US) and not ours.review(NOW_US)
    assert ours.settings().usable == {R1.id}
    ours.follow(a_list(2, R2.id))
    assert ours.settings().usable == {R1.id, R2.id}, "the next edition revives it"


def test_a_cheat_is_left_out_whatever_the_list_says() -> None:
    ours = book()
    ours.follow(a_list(1, R2.id, R3.id))
    proof = FraudProof(FraudKind.EQUIVOCATION, R2.record.signed).encode()
    ours.expose(R2.id, proof)
    assert R2.id not in ours.settings().accepts
    ours.follow(a_list(2, R2.id, R3.id))
    assert ours.settings().accepts == {R1.id, R3.id}


def test_terms_keep_the_list_and_older_terms_have_none() -> None:
    terms = Terms(registry_list=a_list(1, R2.id).signed)
    assert Terms.from_json(terms.to_json()) == terms
    older = json.loads(terms.to_json())
    del older["registry_list"]
    assert Terms.from_json(json.dumps(older)).registry_list == b""


def follower(sequence: int, knows: frozenset[bytes] = MEMBERS) -> NodeAdvert:
    """The node in the middle accepts nothing but what stands on the list."""
    return replace(
        node_advert(MIDDLE, sequence),
        registries=frozenset(),
        knows_registries=knows,
        registry_list=a_list(1, R1.id).id,
        fees=ALL,
    )


async def test_routes_go_over_followers_as_their_list_says() -> None:
    made = finder()
    over_r1 = asking(single(R1.id), accepted=(single(R1.id),))
    over_r2 = asking(single(R2.id), accepted=(single(R2.id),))
    assert isinstance(await made.find(over_r1), RouteFound)
    made.observe(follower(2))
    assert isinstance(await made.find(over_r1), NoRoute), "a list that nobody has seen"
    made.observe(a_list(1, R1.id))
    assert isinstance(await made.find(over_r1), RouteFound)
    assert isinstance(await made.find(over_r2), NoRoute)
    made.observe(a_list(2, R2.id, until_us=NOW_US + 60 * US))
    assert isinstance(await made.find(over_r1), NoRoute), "taken off the list"
    assert isinstance(await made.find(over_r2), RouteFound)
    made.observe(a_list(1, R1.id))
    assert isinstance(await made.find(over_r1), NoRoute), "an old edition"
    made.observe(follower(3, knows=frozenset({R1.id})))
    assert isinstance(await made.find(over_r2), NoRoute), "it could not verify what R2 signs"
    made.observe(follower(4))
    assert isinstance(await made.find(over_r2), RouteFound)
    later = replace(over_r2, now_us=NOW_US + 60 * US)
    assert isinstance(await made.find(later), NoRoute), "expired"
