"""What all lines together could carry from payer to payee, whatever the rules and the fees say."""

from typing import Any, Final

import networkx as nx

from pathfinder.setting import Setting

MAX_FLOW_LINES: Final = 20_000  # beyond it the answer takes longer than a payer waits


def most_together(setting: Setting) -> int | None:
    """The maximum flow; no split delivers more. None in a network too large to tell."""
    board = setting.board
    if len(board.lines) > MAX_FLOW_LINES:
        return None
    network: Any = nx.DiGraph()
    network.add_nodes_from((setting.payer, setting.payee))
    for i in range(len(board.lines)):
        if (room := setting.room(i)) > 0:
            network.add_edge(board.promisor[i], board.promisee[i], capacity=room)
    return int(nx.maximum_flow_value(network, setting.payer, setting.payee))
