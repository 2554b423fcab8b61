"""The verbs about the network: pieces that fit into messages, adverts that nobody believes."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from node.command.finder import LocalFinder
from node.command.sim.cast import NOW_US, SECOND
from node.control import network
from node.control.context import Context
from node.control.failure import Arguments, ControlFailure
from node.core.rows import LinePhase
from pathfinder.files.network_parse import parse_network
from proto.adverts import LINE_KIND, NODE_KIND, Advert, LineAdvert, NodeAdvert, read_advert
from proto.envelope import Envelope
from proto.keys import SigningKey
from proto.limits import CLOCK_ERROR_MAX_US
from proto.money import Brand
from proto.route import LineEnds
from runtime import network_tale
from runtime.clock import FakeClock
from runtime.gossip import Gossip
from runtime.transport import Transport
from tests.pathfinder.test_route_cache import node_advert
from tests.proto.test_adverts import seal_certificate

HOUR_US = 3600 * SECOND
OURS, BOB, CAROL, DAVE = (SigningKey(bytes([i]) * 32) for i in range(1, 5))
NAMES = {OURS: "Alice", BOB: "Bob", CAROL: "Carol", DAVE: "Dave"}
USD = Brand(bytes(16), "USD")


class Told:
    """A transport that counts what neighbours are told, and the verb's own replies."""

    def __init__(self) -> None:
        self.gossiped: list[bytes] = []
        self.replies: list[Mapping[str, Any]] = []

    def gossip(self, peer: bytes, link: int, adverts: list[bytes]) -> None:
        self.gossiped += adverts

    async def tell(self, reply: Mapping[str, Any]) -> None:
        assert len(json.dumps(reply)) < network_tale.MAX_REPLY_CHARS
        self.replies.append(reply)

    def all(self, key: str) -> list[Any]:
        assert self.replies[-1]["end"] is True
        return [one for reply in self.replies for one in reply.get(key, ())]


def node(key: SigningKey, sequence: int = NOW_US, **more: Any) -> NodeAdvert:
    advert = node_advert(key.node_id, sequence)
    advert = replace(
        advert,
        alias=NAMES.get(key, ""),
        expires_at_us=NOW_US + HOUR_US,
        seal_certificate=seal_certificate(key),
    )
    return replace(advert, **more)


def line(a: SigningKey, b: SigningKey, room: int = 1000, sequence: int = NOW_US) -> LineAdvert:
    ends = (a.node_id, b.node_id)
    return LineAdvert(*ends, USD, sequence, NOW_US + HOUR_US, room)


def signed(key: SigningKey, advert: NodeAdvert | LineAdvert) -> bytes:
    kind = NODE_KIND if isinstance(advert, NodeAdvert) else LINE_KIND
    return Envelope.seal(key, kind, advert.encode()).encode()


def running(told: Told) -> Context:
    """Alice, as far as these verbs go: a neighbour Bob, to whom she owes up to 900."""
    finder = LocalFinder()
    transport = cast(Transport, told)

    def observe(advert: Advert) -> None:
        finder.observe(advert)

    gossip = Gossip(transport, lambda *_: None, OURS, observe)
    gossip.say([node(OURS), line(OURS, BOB)], NOW_US)
    gossip.greet(BOB.node_id, 1)
    told.gossiped.clear()

    def own_lines(guid: bytes) -> dict[LineEnds, int]:
        return {(OURS.node_id, BOB.node_id): 900} if guid == USD.guid else {}

    context = object.__new__(Context)
    context.identity = cast(Any, SimpleNamespace(key=OURS))
    own = SimpleNamespace(brand=USD, phase=LinePhase.OPEN)
    context.engine = cast(
        Any,
        SimpleNamespace(
            links=SimpleNamespace(neighbours={BOB.node_id: None}),
            memory=SimpleNamespace(lines=lambda: [own]),
        ),
    )
    context.book = cast(Any, SimpleNamespace(terms=SimpleNamespace(policies={})))
    context.payer = cast(Any, SimpleNamespace(own_lines=own_lines))
    context.clock = FakeClock(NOW_US)
    context.gossip, context.finder = gossip, finder
    return context


async def learn(context: Context, *adverts: bytes | str) -> list[dict[str, str]]:
    texts = [x if isinstance(x, str) else b64encode(x).decode() for x in adverts]
    answer = await network.learn(context, Arguments({"adverts": texts}))
    became: list[dict[str, str]] = answer["became"]
    return became


def fates(became: list[dict[str, str]]) -> list[str]:
    return [one["fate"].lower() for one in became]


OTHERS = [
    *(signed(key, node(key)) for key in (BOB, CAROL)),
    *(signed(a, line(a, b)) for a, b in ((BOB, OURS), (BOB, CAROL), (CAROL, BOB))),
]


async def test_adverts_that_the_owner_brings_are_known_and_passed_on() -> None:
    told = Told()
    context = running(told)
    assert fates(await learn(context, *OTHERS)) == ["applied"] * 5
    assert told.gossiped == OTHERS
    assert fates(await learn(context, *OTHERS)) == ["stale"] * 5
    assert told.gossiped == OTHERS, "what was known is not said again"
    assert context.finder.size() == (3, 4)


def forged() -> bytes:
    genuine = signed(BOB, node(BOB))
    return genuine[:80] + bytes([genuine[80] ^ 1]) + genuine[81:]


async def test_nothing_in_a_file_is_believed() -> None:
    told = Told()
    context = running(told)
    await learn(context, *OTHERS)
    told.gossiped.clear()
    late = CLOCK_ERROR_MAX_US * 3
    became = await learn(
        context,
        forged(),
        signed(CAROL, node(BOB, NOW_US + 1)),  # somebody else signs for Bob
        signed(BOB, node(BOB, NOW_US - 1)),
        signed(BOB, node(BOB, NOW_US + 1, expires_at_us=NOW_US - late)),
        signed(BOB, node(BOB, NOW_US + 1, expires_at_us=NOW_US)),
        signed(OURS, node(OURS, NOW_US + 1)),  # she knows herself better
        Envelope.seal(BOB, "pledgeway/message/v1", b"x").encode(),
        b"",
        "not base64!",
        "",
        "é",
    )
    assert fates(became) == [
        *("refused", "refused", "stale", "expired", "expired", "stale"),
        *("refused", "refused", "refused", "refused", "refused"),
    ]
    assert all(one["reason"] for one in became if one["fate"] == "REFUSED")
    assert told.gossiped == []
    assert context.finder.size() == (3, 4)


async def test_what_is_taken_away_is_what_came() -> None:
    told = Told()
    context = running(told)
    await learn(context, *OTHERS)
    await network.adverts(context, Arguments({}), told.tell)
    taken = [b64decode(text) for text in told.all("adverts")]
    assert {*OTHERS} < {*taken} and len(taken) == 7
    assert told.replies[-1] == {"end": True, "count": 7}
    assert len({read_advert(data, NOW_US).key for data in taken}) == 7
    another = running(Told())
    became = fates(await learn(another, *taken))
    assert sorted(became) == ["applied"] * 5 + ["stale"] * 2


async def test_a_file_in_pieces_is_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_tale, "PIECE_CHARS", 300)
    monkeypatch.setattr(network_tale, "ENTRIES_AT_ONCE", 2)
    told = Told()
    context = running(told)
    await learn(context, *OTHERS)
    await network.export(context, Arguments({}), told.tell)
    assert len(told.replies) > 4
    entries = told.all("entries")
    whole = await network.network(context, Arguments({}))
    nodes = {name: entry for section, name, entry in entries if section == "nodes"}
    assert nodes == whole["nodes"]
    assert [entry for section, _, entry in entries if section == "lines"] == whole["lines"]
    assert told.replies[-1] == {"end": True, "nodes": 3, "lines": 4}
    assert len(parse_network(json.dumps(whole)).lines) == 4


async def test_a_network_that_fits_into_no_message_says_where_it_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(network_tale, "MAX_REPLY_CHARS", 100)
    with pytest.raises(ControlFailure) as no:
        await network.network(running(Told()), Arguments({}))
    assert (no.value.code, "network export" in no.value.next_step) == ("TOO_LARGE", True)


async def test_rows_and_sizes() -> None:
    told = Told()
    context = running(told)
    await learn(context, *OTHERS)
    await network.show(context, Arguments({"limit": 2, "skip": 1}), told.tell)
    first = told.replies[0]
    assert first["sizes"] == {
        "registries": 0, "policies": 0, "nodes": 3, "lines": 4, "brands": {"USD": 4},
        "more_brands": 0,
    }  # fmt: skip
    assert [one["name"] for one in told.all("nodes")] == ["Bob", "Carol"]
    assert [(x["from"], x["to"]) for x in told.all("lines")] == [("Bob", "Alice"), ("Bob", "Carol")]
    assert told.all("nodes")[0]["said_us"] == NOW_US


async def test_rows_of_one_node() -> None:
    told = Told()
    context = running(told)
    await learn(context, *OTHERS)
    await network.show(context, Arguments({"node": CAROL.node_id.hex()[:8]}), told.tell)
    (carol,) = told.all("nodes")
    assert (carol["name"], carol["id"]) == ("Carol", CAROL.node_id.hex())
    assert len(told.all("lines")) == 2
    with pytest.raises(ControlFailure, match="no node Zoe"):
        await network.show(context, Arguments({"node": "Zoe"}), told.tell)


async def test_a_route_from_here() -> None:
    context = running(Told())
    await learn(context, *OTHERS)
    said = await network.route(context, Arguments({"to": "Carol", "amount": 100}))
    assert said["asked"] == {"from": "Alice", "to": "Carol", "brand": "USD"}
    assert [hop["from"] for hop in said["answer"]["hops"]] == ["Alice", "Bob"]
    # The advert says 1000, and our own line knows better.
    most = await network.route(context, Arguments({"to": "Bob", "amount": 950}))
    assert most["answer"]["found"] is False
    assert most["answer"]["reasons"][0]["text"] == "line Alice→Bob is short by 50 USD"
    there = await network.route(
        context, Arguments({"from": "Carol", "to": "Alice", "amount": 5, "explain": True})
    )
    assert there["answer"]["found"] is True and "reasons" in there["answer"]


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"to": "Bob"},
        {"to": "Bob", "amount": 0},
        {"to": "Bob", "amount": "1"},
        {"to": "Bob", "amount": 1, "max_hops": 21},
        {"to": "Bob", "amount": 1, "last_levels": ["GATEWAY"]},
        {"to": "Bob", "amount": 1, "brand": "EUR"},
        {"to": "Bob", "amount": 1, "registries": ["R"]},
        {"to": "Bob", "amount": 1, "avoid": ["Zoe"]},
        {"to": "Bob", "amount": 1, "colour": "red"},
        {"to": "Zoe", "amount": 1},
        {"to": "Alice", "amount": 1},
        {"to": "x" * 70_000, "amount": 1},
    ],
    ids=str,
)
async def test_questions_that_cannot_be_asked(given: dict[str, Any]) -> None:
    context = running(Told())
    await learn(context, *OTHERS)
    with pytest.raises(ControlFailure) as no:
        await network.route(context, Arguments(given))
    assert no.value.code == "BAD_ARGUMENT"
    assert len(no.value.message) < 300
