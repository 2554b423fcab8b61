"""What a payer wants of chains, from what is kept with a payment to what is asked of the finder."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio

from node.command.sim.cores.plan import make_request
from node.control.avoided import take_avoided
from node.control.failure import Arguments, ControlFailure
from node.pay_options import MAX_RISK, PayOptions
from pathfinder.by_id import most, question_of
from pathfinder.core.graph import Graph
from pathfinder.network import Line, Network, Node
from proto.fees import Fee, FeeSet
from proto.keys import NodeId
from proto.levels import Level
from proto.limits import DECISION_TIME_US, MAX_HOPS
from proto.modes import Mode
from proto.route import RouteQuery
from tests.node.test_paying import AMOUNT, stage

A, B, C = (NodeId(bytes([digit]) * 32) for digit in (0xA1, 0xB2, 0xC3))
WISHES = PayOptions(max_risk=0, avoid_nodes=frozenset({A}), avoid_lines=frozenset({(A, B), (B, C)}))


def test_wishes_are_kept_with_the_payment() -> None:
    assert PayOptions.from_json(WISHES.to_json()) == WISHES


def test_payments_from_before_there_were_wishes_have_none() -> None:
    older = json.loads(WISHES.to_json())
    for name in ("max_risk", "avoid_nodes", "avoid_lines"):
        del older[name]
    assert PayOptions.from_json(json.dumps(older)) == PayOptions()


def test_the_greatest_risk_is_that_of_the_longest_chain() -> None:
    assert (MAX_HOPS - 1) * Mode.BARE.risk == MAX_RISK


async def test_the_finder_is_asked_with_them(autojump_clock: trio.testing.MockClock) -> None:
    async with stage("PAQ") as (world, house):
        ids = {name: node.id for name, node in world.nodes.items()}
        await house.pay(
            make_request(world, "Q", AMOUNT),
            max_risk=3,
            avoid_nodes=frozenset({ids["B"]}),
            avoid_lines=frozenset({(ids["P"], ids["B"])}),
        )
        await trio.sleep(1)
        asked = house.finder.asked[0]
        assert (asked.max_risk, asked.avoid_nodes) == (3, {ids["B"]})
        assert asked.avoid_lines == {(ids["P"], ids["B"])}


# ------------------------------------------------------------ names


def context(**aliases: NodeId) -> Any:
    known = {node: SimpleNamespace(alias=alias) for alias, node in aliases.items()}
    return SimpleNamespace(
        identity=SimpleNamespace(key=SimpleNamespace(node_id=A)),
        gossip=SimpleNamespace(adverts=()),
        engine=SimpleNamespace(links=SimpleNamespace(neighbours=known)),
        alias_of=lambda node: known[node].alias if node in known else "me",
    )


def taken(*texts: str) -> tuple[frozenset[bytes], frozenset[tuple[bytes, bytes]]]:
    arguments = Arguments({"avoid": list(texts)})
    found = take_avoided(cast(Any, context(Ben=B, Carol=C)), arguments)
    arguments.done()
    return found.nodes, found.lines


def test_names_and_ids_become_nodes_and_lines() -> None:
    assert taken() == (frozenset(), frozenset())
    assert taken("Ben", "c3c3c3c3") == ({B, C}, frozenset())
    assert taken("me→Ben", "b2b2B2b2b->Carol") == (frozenset(), {(A, B), (B, C)})


def test_lines_by_their_ends() -> None:
    arguments = Arguments({"avoid_lines": [["me", "Ben"], ["Ben", "c3c3c3c3"]]})
    found = take_avoided(cast(Any, context(Ben=B, Carol=C)), arguments)
    assert (found.nodes, found.lines) == (frozenset(), {(A, B), (B, C)})


@pytest.mark.parametrize("given", [[["me", "Zoe"]], [["me"]], ["me→Ben"], [["me", 7]]])
def test_lines_that_cannot_be_avoided(given: list[Any]) -> None:
    with pytest.raises(ControlFailure, match="avoid_lines: ") as failure:
        take_avoided(cast(Any, context(Ben=B)), Arguments({"avoid_lines": given}))
    assert failure.value.code == "BAD_ARGUMENT"


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("Zoe", "no node Zoe"),
        ("me", "this node pays"),
        ("a1a1a1a1", "this node pays"),
        ("a1a1", "no"),
        ("b2", "no"),
    ],
)
def test_names_that_cannot_be_avoided(text: str, cause: str) -> None:
    with pytest.raises(ControlFailure, match=cause) as failure:
        taken(text)
    assert failure.value.code == "BAD_ARGUMENT"


# ------------------------------------------------------------ what can be sent, by ids

BRAND = bytes(16)
FREE = FeeSet({Mode.BARE: Fee()})


def query(**more: Any) -> RouteQuery:
    asked: dict[str, Any] = {
        "payer": A,
        "payee": C,
        "brand": BRAND,
        "amount": 1,
        "candidates": (),
        "accepted": None,
        "levels": frozenset(Level),
        "last_levels": frozenset(Level),
        "payee_margin_us": 2_000_000,
        "latest_deadline": DECISION_TIME_US,
        "now_us": 0,
    }
    return RouteQuery(**asked | more)


def graph() -> Graph:
    lines = [(A, B, 70), (B, C, 60), (A, C, 30)]
    return Graph.from_network(
        Network(
            nodes=tuple(Node(node.hex(), fees=FREE) for node in (A, B, C)),
            lines=tuple(Line(f.hex(), t.hex(), BRAND.hex(), room) for f, t, room in lines),
        )
    )


def test_the_most_by_ids() -> None:
    found = most(graph(), query(max_parts=2))
    assert (found.amount, found.at_most, found.cut) == (90, 90, 90)
    assert found.bottleneck == (((A, C), 30), ((B, C), 60))
    assert found.found is not None
    assert [[hop.promisee for hop in part.hops] for part in found.found.parts] == [[B, C], [C]]


def test_what_this_node_knows_of_its_lines_counts() -> None:
    assert most(graph(), query(learned={(A, B): 5})).amount == 30
    assert most(graph(), query(learned={(A, B): 0}, avoid_lines=frozenset({(A, C)}))).amount == 0
    assert most(graph(), query(avoid_nodes=frozenset({B}), max_parts=2)).amount == 30


def test_nobody_known_by_that_id() -> None:
    with pytest.raises(KeyError):
        most(graph(), query(payee=NodeId(bytes(32))))


def test_first_levels_and_no_request_reach_the_question() -> None:
    asked = question_of(query(first_levels=frozenset({Level.BARE})), graph())
    assert asked.first_levels == {Level.BARE} and asked.accepted is None
