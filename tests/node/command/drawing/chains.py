"""Networks that are one chain with neighbours beside it, and the route along it."""

from itertools import pairwise
from random import Random

from pathfinder.answer import Route
from pathfinder.core.graph import Graph
from pathfinder.core.search import find_route
from pathfinder.network import Line, Network, Node
from pathfinder.question import RouteQuestion
from proto.fees import Fee, FeeSet
from proto.levels import Level
from proto.modes import Mode
from proto.money import Rate

FEES = FeeSet(
    {
        Mode.ATOMIC: Fee(Rate.parse("1.0005"), 1),
        Mode.SECURED: Fee(Rate.parse("1.001")),
        Mode.GATEWAY: Fee(Rate.parse("1.003"), 2),
        Mode.BARE: Fee(Rate.parse("1.006"), 5),
    }
)


def chain_network(
    hops: int,
    beside: int = 0,
    *,
    names: list[str] | None = None,
    brand: str = "USD",
    strangers: frozenset[int] = frozenset(),
) -> Network:
    """`strangers`: places of the nodes that accept no registry."""
    rng = Random(1)
    names = names or [f"node {i}" for i in range(hops + 1)]
    accepts = [frozenset() if i in strangers else frozenset({"R1"}) for i in range(len(names))]
    nodes = [
        Node(name, accepts=of, watches_registry=True, fees=FEES)
        for name, of in zip(names, accepts, strict=True)
    ]
    lines = [Line(a, b, brand, 10**15) for a, b in pairwise(names)]
    for i in range(beside):
        nodes.append(Node(f"extra {i}"))
        for name in rng.sample(names, rng.choice((1, 1, 2))):
            lines.append(Line(f"extra {i}", name, brand, 10))
    return Network(("R1",), (), tuple(nodes), tuple(lines))


def found(
    network: Network,
    payer: str = "",
    payee: str = "",
    *,
    amount: int = 100_000,
    brand: str = "USD",
    first: frozenset[Level] = frozenset(Level),
    last: frozenset[Level] = frozenset(Level),
) -> Route:
    """From the first to the last node that has fees, where nobody is named."""
    ends = [node.name for node in network.nodes if node.fees.fees]
    question = RouteQuestion(
        payer or ends[0],
        payee or ends[-1],
        amount,
        brand=brand,
        first_levels=first,
        last_levels=last,
    )
    answer = find_route(Graph.from_network(network), question)
    assert answer.route is not None
    return answer.route
