"""What a node finds in its store when it starts, and again after a write that failed."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from node.links import Neighbour
from node.store import load_outbox, load_table, peer
from proto.keys import NodeId


def load_neighbours(connection: Connection) -> dict[NodeId, Neighbour]:
    """Every neighbour with its numbers and with the messages that it has not acknowledged."""
    neighbours = {n.node: n for n in map(_neighbour, load_table(connection, peer))}
    for node, first, envelopes in load_outbox(connection):
        neighbour = neighbours[NodeId(node)]
        if not neighbour.outbox:
            neighbour.outbox_first = first
        neighbour.outbox.extend(envelopes)
        neighbour.rows.append((first, first + len(envelopes) - 1))
    return neighbours


def _neighbour(row: Mapping[str, Any]) -> Neighbour:
    return Neighbour(
        node=NodeId(row["node"]),
        alias=row["alias"],
        address=row["address"],
        certificate=row["certificate"],
        version=row["version"],
        have=row["have"],
        sent=row["sent"],
        # Nothing runs ahead of the disk yet.
        seen=row["have"],
        given=row["sent"],
        outbox_first=row["sent"] + 1,
    )
