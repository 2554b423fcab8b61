"""All that a network file may be asked a node is asked, with the same answer."""

import json

import pytest

from pathfinder.asking import ask_all
from pathfinder.core.graph import Graph
from pathfinder.files.network_parse import parse_network
from pathfinder.question import RouteQuestion
from proto.levels import Level
from proto.network_view import RouteAsk
from tests.node.test_known_network import advertised, case


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("more", [{"parts": 3}, {"alternatives": 3}], ids=str)
async def test_a_node_is_asked_all_that_a_file_is(seed: int, more: dict[str, int]) -> None:
    net, asked = case(seed)
    network = parse_network(json.dumps(net))
    if not network.lines:
        return
    finder, view = advertised(network)
    payer, payee = asked["payer"], asked["payee"]
    between = sorted(n.name for n in network.nodes if n.name not in (payer, payee))
    line = network.lines[seed % len(network.lines)]
    levels = frozenset(Level) - {Level(seed % 4)}
    ask = RouteAsk(
        payer,
        payee,
        asked["amount"],
        levels=levels,
        first_levels=frozenset(Level) - {Level((seed + 1) % 4)},
        avoid=(*between[:1], f"{line.promisor}→{line.promisee}"),
        avoid_lines=((line.promisor, line.promisee),),
        **more,
    )
    told = (await finder.ask(view, ask))["answer"]
    question = RouteQuestion(
        payer,
        payee,
        asked["amount"],
        levels=levels,
        first_levels=ask.first_levels,
        avoid_nodes=frozenset(between[:1]),
        avoid_lines=frozenset({(line.promisor, line.promisee)}),
    )
    whole = ask_all(Graph.from_network(network), question, **more)
    expected = whole.as_json(with_reasons=False)
    assert told.keys() == expected.keys()
    assert told.get("cost") == expected.get("cost") and told["exact"] == expected["exact"]
    for name in ("alternatives", "parts"):
        assert [one["cost"] for one in told.get(name, ())] == [
            one["cost"] for one in expected.get(name, ())
        ]
