"""Where the nodes of a whole network stand: pulled together by lines, pushed apart otherwise."""

from collections.abc import Mapping
from typing import Any, Final

import networkx as nx

from node.command.drawing.chain_layout import Box, Point
from node.command.drawing.surroundings import Core

SEED: Final = 1  # of the places that the layout begins with
ROUNDS: Final = 60
BY_RANK: Final = 0.5


def lay_out_core(core: Core, place: Box) -> Mapping[str, Point]:
    """Places by name, within `place`. The same core stands the same way each time."""
    graph: Any = nx.Graph()
    graph.add_nodes_from(core.nodes)
    graph.add_edges_from(core.pairs)
    found = nx.spring_layout(graph, seed=SEED, iterations=ROUNDS, method="force")
    across = _spread({name: float(at[0]) for name, at in found.items()})
    down = _spread({name: float(at[1]) for name, at in found.items()})
    return {
        name: (place.left + place.width * across[name], place.top + place.height * down[name])
        for name in core.nodes
    }


def _spread(values: Mapping[str, float]) -> dict[str, float]:
    """Between 0 and 1: half by value, half by rank, so that a dense middle takes more of a page."""
    order = sorted(values, key=lambda name: (values[name], name))
    least, most = values[order[0]], values[order[-1]]
    if most == least:
        return dict.fromkeys(values, 0.5)
    last = len(order) - 1
    return {
        name: (1 - BY_RANK) * (values[name] - least) / (most - least) + BY_RANK * i / last
        for i, name in enumerate(order)
    }
