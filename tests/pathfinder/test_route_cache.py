"""An answer that is given again is the one that a search would find: random news and questions."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest

from node.command.finder import LocalFinder
from pathfinder.by_id import find
from proto.adverts import Advert, LineAdvert, NodeAdvert
from proto.fees import Fee, FeeSet
from proto.keys import NodeId
from proto.levels import Level
from proto.limits import US
from proto.modes import Mode
from proto.money import Brand, Rate
from proto.route import RouteFound, RouteQuery

BRAND = Brand(bytes(16), "USD", 1)
NOW_US = 1_000_000 * US
EXPIRES_US = NOW_US + 3600 * US
NODES = [NodeId(bytes([i + 1]) * 32) for i in range(6)]
PAYER, PAYEE = NODES[0], NODES[-1]
# No line from payer to payee: every chain has somebody in the middle, and lines that matter.
ENDS = [(a, b) for a in NODES for b in NODES if a != b and (a, b) != (PAYER, PAYEE)]
AMOUNT = 1000


def node_advert(node: NodeId, sequence: int, flat: int = 5) -> NodeAdvert:
    return NodeAdvert(
        node=node,
        alias="",
        sequence=sequence,
        expires_at_us=EXPIRES_US + sequence,
        seal_key=bytes(32),
        seal_certificate=b"",
        registries=frozenset(),
        knows_registries=frozenset(),
        watches_registry=False,
        hold_max_us=60 * US,
        registry_fees={},
        fees=FeeSet({Mode.BARE: Fee(Rate.parse("1.01"), flat)}),
    )


def line_advert(ends: tuple[NodeId, NodeId], sequence: int, available: int) -> LineAdvert:
    return LineAdvert(
        promisor=ends[0],
        promisee=ends[1],
        brand=BRAND,
        sequence=sequence,
        expires_at_us=EXPIRES_US + sequence,
        available=available,
    )


def question(**more: object) -> RouteQuery:
    query = RouteQuery(
        payer=PAYER,
        payee=PAYEE,
        brand=BRAND.guid,
        amount=AMOUNT,
        candidates=(),
        accepted=(),
        levels=frozenset({Level.BARE}),
        last_levels=frozenset({Level.BARE}),
        payee_margin_us=2 * US,
        latest_deadline=60 * US,
        now_us=NOW_US,
    )
    return replace(query, **more)  # type: ignore[arg-type]


def room(random: Random) -> int:
    """Mostly around what a chain of such amounts costs, where it makes a difference."""
    return random.choice((0, 900, 1000, 1015, 1031, 1047, 10**6, 10**9))


def news(random: Random, sequence: int) -> Advert:
    if random.random() < 0.05:
        return node_advert(random.choice(NODES), sequence, random.choice((5, 5, 9)))
    if random.random() < 0.05:
        return replace(line_advert(random.choice(ENDS), sequence, 1000), closed=True)
    return line_advert(random.choice(ENDS), sequence, room(random))


def some_question(random: Random) -> RouteQuery:
    own = {ends: room(random) for ends in ENDS if ends[0] == PAYER and random.random() < 0.95}
    if random.random() < 0.3:
        own[random.choice(ENDS)] = 900  # what an attempt before has taught
    return question(
        learned=own,
        latest_deadline=random.choice((5, 11, 13, 60, 3600)) * US,
        max_cost=random.choice((1020, 1050, 10**9, 10**9)),
        now_us=NOW_US + random.choice((0, 1, 3600 * US + 3)),
        amount=random.choice((AMOUNT, AMOUNT, 990)),
        explained=len(own) % 2 == 0,
    )


@pytest.mark.parametrize("seed", range(4))
async def test_what_is_remembered_is_what_a_search_finds(seed: int) -> None:
    random = Random(seed)
    finder = LocalFinder()
    for node in NODES:
        finder.observe(node_advert(node, 1))
    for ends in ENDS:
        finder.observe(line_advert(ends, 1, room(random)))
    hits = 0
    for sequence in range(2, 1500):
        if random.random() < 0.3:
            finder.observe(news(random, sequence))
        query = some_question(random)
        remembered = finder.recall(query)
        searched = find(finder._feed.graph, query)
        if remembered is not None:
            hits += 1
            assert remembered == searched, (seed, sequence)
        else:
            assert await finder.find(query) == searched, (seed, sequence)
    assert hits > 20, "a cache that never answers proves nothing"


def ample(finder: LocalFinder) -> None:
    for node in NODES[:2] + NODES[-1:]:
        finder.observe(node_advert(node, 1))
    for ends in ((PAYER, NODES[1]), (NODES[1], PAYEE)):
        finder.observe(line_advert(ends, 1, 10**9))


async def test_payments_and_adverts_of_a_busy_line_need_no_search() -> None:
    """Own lines fill and empty, adverts follow: as long as there is room, one search serves all."""
    finder = LocalFinder()
    ample(finder)
    for i in range(50):
        finder.observe(line_advert((NODES[1], PAYEE), 2 + i, 10**9 - 1000 * i))
        query = question(learned={(PAYER, NODES[1]): 10**6 - i}, now_us=NOW_US + i)
        assert isinstance(await finder.find(query), RouteFound)
    assert (finder.searches, finder.remembered) == (1, 49)


def changes() -> Iterator[tuple[str, Advert]]:
    yield "a fee", node_advert(NODES[1], 2, 6)
    yield "a closed line", replace(line_advert((NODES[1], PAYEE), 2, 10**9), closed=True)
    yield "a line that became too small", line_advert((NODES[1], PAYEE), 2, 999)
    yield "a new line", line_advert((PAYER, PAYEE), 2, 10**9)
    yield "an earlier expiry", replace(node_advert(NODES[1], 2), expires_at_us=EXPIRES_US)


@pytest.mark.parametrize(("what", "advert"), list(changes()), ids=lambda x: str(x)[:30])
async def test_what_makes_a_difference_is_searched_anew(what: str, advert: Advert) -> None:
    finder = LocalFinder()
    ample(finder)
    query = question(learned={(PAYER, NODES[1]): 10**6})
    await finder.find(query)
    assert finder.recall(query) is not None
    finder.observe(advert)
    assert finder.recall(query) is None, what


async def test_an_inner_line_that_gained_room_may_lead_to_a_better_chain() -> None:
    finder = LocalFinder()
    ample(finder)
    finder.observe(node_advert(NODES[2], 1, flat=3))
    finder.observe(line_advert((PAYER, NODES[2]), 1, 10**9))
    finder.observe(line_advert((NODES[2], PAYEE), 1, 999))
    query = question(learned={(PAYER, NODES[1]): 10**6, (PAYER, NODES[2]): 10**6})
    found = await finder.find(query)
    assert isinstance(found, RouteFound) and found.cost == 1015
    finder.observe(line_advert((NODES[2], PAYEE), 2, 1000))
    assert finder.recall(query) is None
    found = await finder.find(query)
    assert isinstance(found, RouteFound) and found.cost == 1013


async def test_a_later_deadline_may_admit_more_unless_none_needs_it() -> None:
    finder = LocalFinder()
    ample(finder)
    soon = question(learned={(PAYER, NODES[1]): 10**6}, latest_deadline=11 * US)
    await finder.find(soon)
    assert finder.recall(replace(soon, latest_deadline=13 * US)) is None
    late = replace(soon, latest_deadline=60 * US)
    await finder.find(late)
    assert finder.recall(replace(late, latest_deadline=3600 * US)) is not None
    assert finder.recall(replace(late, latest_deadline=11 * US)) is not None
    assert finder.recall(replace(late, latest_deadline=9 * US)) is None  # D is ten seconds


async def test_an_answer_above_the_highest_cost_is_none() -> None:
    finder = LocalFinder()
    ample(finder)
    query = question(learned={(PAYER, NODES[1]): 10**6})
    await finder.find(query)
    assert finder.recall(replace(query, max_cost=1015)) is not None
    assert finder.recall(replace(query, max_cost=1014)) is None


async def test_an_own_line_that_gained_room_may_be_the_better_one() -> None:
    finder = LocalFinder()
    ample(finder)
    finder.observe(line_advert((PAYER, PAYEE), 2, 10**9))
    small = {(PAYER, NODES[1]): 10**6, (PAYER, PAYEE): 999}
    found = await finder.find(question(learned=small))
    assert isinstance(found, RouteFound) and len(found.hops) == 2
    grown = question(learned={**small, (PAYER, PAYEE): 1000})
    assert finder.recall(grown) is None
    found = await finder.find(grown)
    assert isinstance(found, RouteFound) and len(found.hops) == 1
