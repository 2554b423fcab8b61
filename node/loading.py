"""What a node finds in its store when it starts, and again after a write that failed."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import trio
from sqlalchemy import Connection, Engine, insert, select

from node.links import Neighbour
from node.store import load_outbox, load_table, peer, setting
from proto.keys import NodeId
from runtime.faults import StoreFailed, reading
from runtime.schema import StoreUnusable

log = logging.getLogger(__name__)

RETRY_STORE_S: Final = 1.0  # a full, locked or lost database is tried again this often
OWNER: Final = "node"  # the setting that says whose books these are


def claim_books(engine: Engine, place: str, node: NodeId) -> None:
    """Writes the owner's id into books that have none yet. StoreUnusable: they are another's.

    A file lies beside its node's key; a URL is only typed, and may be another node's.
    """
    try:
        with reading(engine) as connection:
            owner = connection.scalar(select(setting.c.value).where(setting.c.name == OWNER))
            if owner is None:
                row = {"name": OWNER, "value": node.hex(), "version": 1}
                connection.execute(insert(setting), [row])
                connection.commit()
    except StoreFailed as failure:
        raise StoreUnusable(f"{place}: {failure.kind.value}") from failure
    if owner not in (None, node.hex()):
        raise StoreUnusable(f"{place}: holds the books of another node, {owner}")


def load_neighbours(connection: Connection, only: NodeId | None = None) -> dict[NodeId, Neighbour]:
    """Every neighbour (or one) with its numbers and the messages that it has not acknowledged."""
    rows = (row for row in load_table(connection, peer) if only in (None, row["node"]))
    neighbours = {n.node: n for n in map(_neighbour, rows)}
    for node, first, envelopes in load_outbox(connection, only):
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


async def load_patiently(load: Callable[[], None]) -> None:
    """Until `load` succeeds; it raises StoreFailed while the store cannot be read."""
    while True:
        await trio.sleep(RETRY_STORE_S)
        try:
            load()
        except StoreFailed as failure:
            log.error("the store cannot be read: %s", failure.kind.value)
        else:
            return
