"""What a node tells of its network: the same as a file and in answers, under safe names."""

import json
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.finder import LocalFinder
from node.command.sim.cast import R1, R2, CastRegistry, make_registry, signing_key
from pathfinder.core.graph import Graph
from pathfinder.core.search import find_route
from pathfinder.files.network_parse import parse_network
from pathfinder.network import Network
from pathfinder.question import RouteQuestion
from proto.adverts import LineAdvert, NodeAdvert, RecordAdvert
from proto.fees import RegistryFee
from proto.keys import NodeId
from proto.levels import Level
from proto.limits import MAX_AMOUNT, US
from proto.money import BRAND_ID_BYTES, Brand
from proto.network_view import BadAsk, Known, RouteAsk, Viewpoint, network_file
from proto.policy import RegistryPolicy
from proto.registry_list import make_list
from runtime.network_page import Page
from tests.pathfinder.networks import case
from tests.pathfinder.test_route_cache import EXPIRES_US, NOW_US, line_advert, node_advert

VIEW = Viewpoint(NOW_US)
REGISTRIES = {name: make_registry(name) for name in ("R0", "R1", "R2", "R3")}


def identity(name: str) -> NodeId:
    return NodeId(sha256(name.encode()).digest())


def named(alias: str, number: int = 0, **more: Any) -> NodeAdvert:
    """A node of that alias; `number` tells those of one alias apart."""
    advert = node_advert(identity(f"{alias} {number}"), 1)
    return replace(advert, alias=alias, **more)


def line(promisor: NodeAdvert, promisee: NodeAdvert, brand: Brand, room: int = 1000) -> LineAdvert:
    return replace(line_advert((promisor.node, promisee.node), 1, room), brand=brand)


def record(registry: CastRegistry, name: str | None = None) -> RecordAdvert:
    called = registry.record.name if name is None else name
    return RecordAdvert(replace(registry.record, name=called, expires_at_us=EXPIRES_US))


def finder_of(*adverts: NodeAdvert | LineAdvert | RecordAdvert) -> LocalFinder:
    finder = LocalFinder()
    for advert in adverts:
        finder.observe(advert)
    return finder


def file_of(entries: Iterable[Known]) -> dict[str, Any]:
    known = list(entries)
    file = network_file(known)
    assert len(known) == sum(map(len, file.values())), "two are called the same"
    return file


def advertised(network: Network) -> tuple[LocalFinder, Viewpoint]:
    """A path finder that has heard the same from everybody, and its owner's policies."""
    finder = LocalFinder()
    ids = {name: registry.id for name, registry in REGISTRIES.items()}
    for name in network.registries:
        finder.observe(record(REGISTRIES[name], name))

    def fees(priced: Any) -> dict[bytes, RegistryFee]:
        return {ids[name]: fee for name, fee in priced.items()}

    for node in network.nodes:
        finder.observe(
            named(
                node.name,
                registries=frozenset(ids[name] for name in node.accepts),
                knows_registries=frozenset(ids.values()),
                watches_registry=node.watches_registry,
                hold_max_us=node.hold_max_us,
                fees=node.fees,
                registry_fees=fees(node.registry_fees),
            )
        )
    for one in network.lines:
        own = None if one.registry_fees is None else fees(one.registry_fees)
        ends = (identity(f"{one.promisor} 0"), identity(f"{one.promisee} 0"))
        advert = line_advert(ends, 1, one.available)
        finder.observe(replace(advert, fees=one.fees, registry_fees=own))
    policies = {
        p.name: RegistryPolicy(
            tuple(sorted(ids[m] for m in p.members)), p.qc, p.qa, p.f, p.delta_us
        )
        for p in network.policies
    }
    return finder, Viewpoint(NOW_US, policies=policies)


@pytest.mark.parametrize("seed", range(60))
async def test_a_node_answers_as_the_file_that_it_exports(seed: int) -> None:
    net, asked = case(seed)
    network = parse_network(json.dumps(net))
    finder, view = advertised(network)
    exported = parse_network(json.dumps(file_of(finder.known(view))))
    assert sorted(exported.registries) == sorted(network.registries)
    assert {p.name: p.terms for p in exported.policies} == {
        p.name: p.terms for p in network.policies
    }
    assert {n.name: n for n in exported.nodes} == {n.name: n for n in network.nodes}
    assert {(x.promisor, x.promisee): x for x in exported.lines} == {
        (x.promisor, x.promisee): x for x in network.lines
    }
    levels = asked.get("last_levels", Level.__members__)
    common: dict[str, Any] = {
        "payer": asked["payer"],
        "payee": asked["payee"],
        "amount": asked["amount"],
        "last_levels": frozenset(Level[name] for name in levels),
        "max_hops": asked.get("max_hops", 20),
        "max_risk": asked.get("max_risk"),
    }
    registries = asked.get("registries")
    ask = RouteAsk(**common, registries=None if registries is None else tuple(registries))
    if not network.lines:
        return
    told = await finder.ask(view, ask)
    policies = None if registries is None else frozenset(registries)
    question = RouteQuestion(**common, policies=policies)
    answer = find_route(Graph.from_network(network), question)
    assert told["answer"]["found"] is answer.found
    assert told["answer"].get("cost") == answer.cost
    assert told["asked"] == {"from": asked["payer"], "to": asked["payee"], "brand": "USD"}
    assert not any(node.hex() in json.dumps(told) for node in map(identity, ("A 0", "Q 0")))


# ---------------------------------------------------------------- names


def names_of(*adverts: NodeAdvert | LineAdvert | RecordAdvert, view: Viewpoint = VIEW) -> set[str]:
    return {one.name for one in finder_of(*adverts).known(view) if one.section == "nodes"}


def test_two_nodes_of_one_alias_are_two_nodes() -> None:
    bob, other = named("Bob"), named("Bob", 1)
    assert names_of(bob, other) == {bob.node.hex(), other.node.hex()}
    assert names_of(bob) == {"Bob"}


def test_the_alias_of_a_neighbour_is_his_whoever_else_takes_it() -> None:
    bob, other = named("Bob"), named("Bob", 1)
    view = replace(VIEW, met=frozenset({bob.node}))
    assert names_of(bob, other, view=view) == {"Bob", other.node.hex()}
    finder = finder_of(bob, other)
    assert finder.name_of(view, "Bob") == "Bob"
    with pytest.raises(BadAsk, match="2 nodes match Bob"):
        finder.name_of(VIEW, "Bob")


@pytest.mark.parametrize("alias", ["", " Bob", "Bob ", "deadbeef", "0" * 64])
def test_an_alias_that_is_none_or_looks_like_an_id_is_not_used(alias: str) -> None:
    advert = named(alias)
    assert names_of(advert) == {advert.node.hex()}


def test_nobody_takes_anothers_id_for_his_alias() -> None:
    bob = named("", 1)
    thief = named(bob.node.hex())
    assert names_of(bob, thief) == {bob.node.hex(), thief.node.hex()}
    finder = finder_of(bob, thief)
    for typed in (bob.node.hex(), bob.node.hex().upper()):
        assert finder.name_of(VIEW, typed) == bob.node.hex()


def test_the_beginning_of_an_id() -> None:
    bob, carol = named("Bob"), named("Carol")
    finder = finder_of(bob, carol)
    assert finder.name_of(VIEW, bob.node.hex()[:8]) == "Bob"
    for typed in (bob.node.hex()[:7], bob.node.hex()[:8] + "x", bob.node.hex() + "0", "", "bob"):
        with pytest.raises(BadAsk, match="no node"):
            finder.name_of(VIEW, typed)


def test_an_alias_that_begins_as_anothers_id_does_is_asked_back() -> None:
    bob = named("Bob")
    thief = named(bob.node.hex()[:8])
    with pytest.raises(BadAsk, match="2 nodes match"):
        finder_of(bob, thief).name_of(VIEW, bob.node.hex()[:8])


def test_a_registry_that_took_anothers_name() -> None:
    finder = finder_of(record(R1, "Harbour"), record(R2, "Harbour"))
    assert [one.name for one in finder.known(VIEW)] == sorted([R1.id.hex(), R2.id.hex()])
    view = replace(VIEW, policies={"Harbour": RegistryPolicy((R1.id,), 1, 1)})
    sections = file_of(finder_of(record(R1, "Harbour")).known(view))
    assert [*sections["registries"]] == [R1.id.hex()]
    assert [*sections["policies"]] == ["Harbour"]


def brand(name: str, guid: int, unit: int = 1) -> Brand:
    return Brand(bytes([guid]) * BRAND_ID_BYTES, name, unit)


def test_brands_of_one_name_stay_apart() -> None:
    a, b = named("A"), named("B")
    one, two = brand("USD", 1), brand("USD", 2)
    finder = finder_of(a, b, line(a, b, one), line(a, b, two))
    brands = sorted(entry["brand"] for entry in file_of(finder.known(VIEW))["lines"])
    assert brands == [two.guid.hex(), "USD"]
    own = replace(VIEW, brands={two.guid: "USD"})
    brands = sorted(entry["brand"] for entry in file_of(finder.known(own))["lines"])
    assert brands == [one.guid.hex(), "USD"]
    parse_network(json.dumps(file_of(finder.known(own))))


async def test_the_brand_of_our_own_lines_is_meant_where_there_are_several() -> None:
    a, b = named("A"), named("B")
    one, two = brand("USD", 1), brand("EUR", 2)
    finder = finder_of(a, b, line(a, b, one, 5), line(a, b, two, 7))
    ask = RouteAsk("A", "B", 7)
    own = replace(VIEW, brands={two.guid: "EUR"})
    assert (await finder.ask(own, ask))["asked"]["brand"] == "EUR"
    with pytest.raises(BadAsk, match="several brands, name one of EUR, USD"):
        await finder.ask(VIEW, ask)
    short = await finder.ask(VIEW, replace(ask, brand=one.guid.hex()))
    assert short["answer"]["reasons"][0]["text"] == "line A→B is short by 2 USD"


@pytest.mark.parametrize(
    ("more", "argument"),
    [
        ({"payer": "X"}, "from"),
        ({"payee": "X"}, "to"),
        ({"payee": "A"}, "to"),
        ({"brand": "X"}, "brand"),
        ({"registries": ("X",)}, "registries"),
        ({"avoid": ("X",)}, "avoid"),
        ({"avoid": ("A",)}, "avoid"),
        ({"avoid": ("A→X",)}, "avoid"),
        ({"avoid_lines": (("A", "X"),)}, "avoid_lines"),
    ],
)
async def test_questions_that_cannot_be_asked(more: dict[str, Any], argument: str) -> None:
    a, b = named("A"), named("B")
    finder = finder_of(a, b, line(a, b, brand("USD", 1)))
    with pytest.raises(BadAsk) as caught:
        await finder.ask(VIEW, replace(RouteAsk("A", "B", 7), **more))
    assert caught.value.argument == argument


async def test_what_our_own_lines_carry_counts_more_than_what_was_said() -> None:
    a, b = named("A"), named("B")
    usd = brand("USD", 1)
    finder = finder_of(a, b, line(a, b, usd, 1000))
    ask = RouteAsk("A", "B", 7)
    assert (await finder.ask(VIEW, ask))["answer"]["found"] is True
    learned = {usd.guid: {(a.node, b.node): 6}}
    assert (await finder.ask(VIEW, replace(ask, learned=learned)))["answer"]["found"] is False


def test_what_has_expired_is_not_told() -> None:
    a, b = named("A"), named("B", expires_at_us=NOW_US)
    usd = brand("USD", 1)
    told = list(finder_of(a, b, line(a, b, usd), line(b, a, usd)).known(VIEW))
    assert [one.name for one in told] == ["A"]


TEXTS = st.sampled_from(("", "A", "B", " A", "A ", "deadbeef", "USD", "é", "a" * 64)) | st.text(
    st.characters(exclude_categories=("C", "Z")), max_size=64
)


@given(st.data())
def test_whatever_strangers_say_the_file_can_be_read(data: st.DataObject) -> None:
    """One node, registry or brand of theirs must not spoil the file for everybody."""
    draw = data.draw
    listed = make_list(signing_key("list"), [bytes([i]) * 32 for i in range(64)], 1, EXPIRES_US)
    nodes = [
        named(
            draw(TEXTS),
            i,
            hold_max_us=draw(st.integers(0, MAX_AMOUNT)),
            registries=frozenset(draw(st.lists(st.sampled_from((R1.id, R2.id, b"x" * 32))))),
            knows_registries=listed.registries,
            registry_list=draw(st.sampled_from((b"", listed.id))),
            registry_fees={R1.id: RegistryFee(), b"y" * 32: RegistryFee()},
        )
        for i in range(4)
    ]
    finder = finder_of(*nodes, record(R1, draw(TEXTS)), record(R2, draw(TEXTS)))
    finder.observe(listed)
    for i in range(3):
        name = draw(TEXTS)[:32].strip() or "USD"
        finder.observe(line(nodes[i], nodes[i + 1], brand(name, draw(st.integers(1, 3)))))
    policy = RegistryPolicy(tuple(sorted((R1.id, R2.id))), 2, 1, 0, 2 * US)
    view = replace(VIEW, policies={draw(TEXTS): policy}, brands={bytes([1]) * 16: draw(TEXTS)})
    file = file_of(finder.known(view))
    network = parse_network(json.dumps(file))
    assert (len(network.nodes), len(network.lines), len(network.registries)) == (4, 3, 2)


def test_a_list_names_more_registries_than_an_advert_may() -> None:
    """All of them are known here, and the node that follows it accepts them all."""
    many = [make_registry(f"registry {i}") for i in range(70)]
    ids = [one.id for one in many]
    listed = make_list(signing_key("list"), ids[6:], 1, EXPIRES_US)
    own = frozenset(ids[:6])
    follower = named(
        "A", registries=own, knows_registries=listed.registries, registry_list=listed.id
    )
    finder = finder_of(follower, *(record(one) for one in many))
    finder.observe(listed)
    (node,) = parse_network(json.dumps(file_of(finder.known(VIEW)))).nodes
    assert len(node.accepts) == 70


# ---------------------------------------------------------------- pages


def paged(finder: LocalFinder, *where: Any) -> Page:
    page = Page(*where)
    for one in finder.known(VIEW):
        page.take(one)
    return page


def test_pages_together_are_everything() -> None:
    random = Random(4)
    nodes = [named(f"N{i}") for i in range(17)]
    usd = brand("USD", 1)
    lines = [line(*random.sample(nodes, 2), usd, i) for i in range(60)]
    finder = finder_of(*nodes, *lines)
    everything = paged(finder, 0, 1000)
    assert everything.sizes["nodes"] == 17
    assert everything.sizes["brands"] == {"USD": everything.sizes["lines"]}
    pages = [paged(finder, skip, 7) for skip in range(0, 70, 7)]
    assert [n["name"] for page in pages for n in page.nodes] == sorted(n.alias for n in nodes)
    assert [x for page in pages for x in page.lines] == everything.lines
    for one in everything.nodes:
        out = [x for x in everything.lines if x["from"] == one["name"]]
        assert one["lines_out"] == len(out)
        alone = paged(finder, 0, 1000, one["name"])
        assert alone.nodes == [one]
        assert alone.sizes["own_lines"] == one["lines_out"] + one["lines_in"] == len(alone.lines)


def test_when_something_was_said_is_known_where_the_sequence_is_a_time() -> None:
    now, odd = named("A", sequence=NOW_US - 5 * US), named("B", sequence=7)
    about = {one.name: one.about() for one in finder_of(now, odd).known(VIEW)}
    assert about["A"]["said_us"] is None, "in 1970 nobody said anything"
    later = replace(VIEW, now_us=1_800_000_000 * US)
    fresh = named("A", sequence=1_799_999_990 * US, expires_at_us=1_800_003_600 * US)
    (one,) = finder_of(fresh).known(later)
    assert one.about()["said_us"] == 1_799_999_990 * US
    ahead = named("A", sequence=1_900_000_000 * US, expires_at_us=1_900_000_000 * US)
    (one,) = finder_of(ahead).known(later)
    assert one.about()["said_us"] is None
