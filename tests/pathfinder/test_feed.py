"""Adverts that come, are renewed and go: the graph is that of what is there, and no more."""

from dataclasses import replace
from random import Random

import pytest

from node.command.sim.cast import NOW_US, R1, R2, R3
from pathfinder.by_id import find
from pathfinder.core.graph import Upsert
from pathfinder.serving.feed import MAX_POLICIES, Feed
from proto.adverts import Advert, LineAdvert, NodeAdvert, RecordAdvert, read_advert
from proto.limits import US
from proto.policy import RegistryPolicy
from proto.registry_list import make_list
from proto.route import RouteQuery
from tests.pathfinder.advertised import (
    BOTH,
    LATER_US,
    OWNER,
    line_advert,
    node_advert,
    random_town,
    signed,
    town,
)

NAMES = "PABCQ"


def fed(adverts: list[Advert]) -> Feed:
    made = Feed()
    for advert in adverts:
        assert made.take(advert)[0] is Upsert.APPLIED
    return made


def answer(made: Feed, query: RouteQuery) -> object:
    made.set_policies(query.candidates)
    return find(made.graph, query)


@pytest.mark.parametrize("seed", range(4))
def test_what_was_forgotten_was_never_there(seed: int) -> None:
    random = Random(seed)
    _, query = random_town(random)
    live: dict[tuple[str, bytes], Advert] = {}
    made = Feed()
    for sequence in range(1, 500):
        advert = some_advert(random, sequence)
        if random.random() < 0.3 and live:
            gone = live.pop(random.choice(list(live)))
            assert made.forget(gone)
            assert not made.forget(gone), "once"
        else:
            taken, old = made.take(advert, b"signed")
            assert taken is Upsert.APPLIED and old == live.get(advert.key)
            live[advert.key] = advert
        if sequence % 25 == 0:
            fresh = fed(list(live.values()))
            assert made.size() == fresh.size()
            assert answer(made, query) == answer(fresh, query), (seed, sequence)
            assert made.tables() == fresh.tables()
            assert made.signed.keys() == live.keys()
    for advert in live.values():
        made.forget(advert)
    assert made.size() == (0, 0) and not made.signed
    assert not list(made.graph._graph), "not even their names are kept"


def some_advert(random: Random, sequence: int) -> Advert:
    """Newer than whatever was there."""
    kind = random.random()
    if kind < 0.1:
        record = random.choice((R1, R2, R3)).record
        return RecordAdvert(replace(record, sequence=sequence, expires_at_us=LATER_US))
    if kind < 0.15:
        return make_list(OWNER, [R1.id, R2.id][: random.randint(1, 2)], sequence, LATER_US)
    if kind < 0.4:
        advert = node_advert(random.choice(NAMES), sequence=sequence)
        followed = make_list(OWNER, [R1.id], 1, LATER_US).id
        return replace(advert, registry_list=random.choice((b"", followed)))
    promisor, promisee = random.sample(NAMES, 2)
    available = random.choice((50, 500, 5000))
    return line_advert(promisor, promisee, available, sequence=sequence)


def test_a_newer_advert_survives_the_end_of_the_older() -> None:
    old, new = node_advert("A"), node_advert("A", sequence=2)
    made = fed([old])
    made.take(new)
    assert not made.forget(old)
    assert made.size() == (1, 0)
    # What was forgotten may come again, with the same sequence: a neighbour still has it.
    assert made.forget(new)
    assert made.take(new)[0] is Upsert.APPLIED


def test_the_adverts_of_a_route_are_those_that_were_received() -> None:
    made = town()
    query = made.query("P", "Q", 1000)
    adverts = made.answer(query).adverts
    subjects = {(type(a), a.key) for a in (read_advert(data, NOW_US) for data in adverts)}
    lines = [line_advert("A", "B", 0), line_advert("B", "Q", 0)]
    nodes = [node_advert(name) for name in "ABQ"]
    assert subjects == {
        *((LineAdvert, line.key) for line in lines),
        *((NodeAdvert, node.key) for node in nodes),
    }
    assert signed("A", node_advert("A")) in adverts
    found = made.find(query)
    made.feed.take(node_advert("B", sequence=2))  # without its bytes
    del made.feed.signed[node_advert("B").key]
    with pytest.raises(LookupError):
        made.feed.adverts_of(found, query.brand)  # type: ignore[arg-type]


def collective(number: int) -> RegistryPolicy:
    return replace(BOTH, delta_us=2 * US + number)


def test_collectives_that_questions_name_are_bounded() -> None:
    made = town().feed
    often = collective(0)
    assert made.unknown_policies((often, often)) == 2
    for number in range(2 * MAX_POLICIES):
        made.set_policies((often, collective(number)))
    assert made.unknown_policies((often, collective(2 * MAX_POLICIES - 1))) == 0
    assert made.unknown_policies((collective(1),)) == 1, "who is not asked for is forgotten"
    assert len(made.graph.candidates(NOW_US)) == 3 + MAX_POLICIES


def test_a_collective_of_strangers_is_not_kept() -> None:
    made = town().feed
    before = made.graph.candidates(NOW_US)
    nobody = RegistryPolicy((b"n" * 32, b"o" * 32), 2, 1, 0, 2 * US)
    assert not made.set_policies((nobody,)) and not made.unknown_policies((nobody,))
    assert made.graph.candidates(NOW_US) == before
