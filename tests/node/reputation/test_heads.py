"""What was seen of houses' lists, in the node's books: it outlives the daemon."""

from pathlib import Path

import pytest

from node.control.heads import RowHeads
from node.core.sale.agents import ListSeen
from node.core.sale.events import KeepAgent
from node.migrations import MIGRATIONS
from node.reputation.heads import Seen
from node.reputation.ratings import ListFault
from node.store import ROWS, SCHEMA_VERSION, STORE_KIND, load_rows, metadata
from runtime.store import open_store
from tests.node.reputation.agent_node import Node
from tests.node.reputation.houses import AGENT, BRAND, HOUSE, NOW_US, SUBJECT, usual

PROVEN = Seen(b"last", ListFault.REWRITTEN, (b"one", b"another"), NOW_US)


async def test_it_is_kept_as_a_row_of_the_owner() -> None:
    node = Node()
    heads = RowHeads(node.context.engine)
    assert heads.get(SUBJECT) == Seen()
    for seen in (Seen(b"last"), PROVEN):
        await heads.keep(SUBJECT, seen)
        assert heads.get(SUBJECT) == seen


async def test_a_daemon_that_starts_anew_still_knows_the_list() -> None:
    """Another Context over the same rows."""
    node, later = Node(), Node()
    for one in (node, later):
        one.context.heads = RowHeads(one.context.engine)
    later.memory.rows = node.memory.rows
    later.memory.row = node.memory.row
    node.ways.house = usual(3)
    ask = {"agent": AGENT.node_id.hex(), "brand": "deposit"}
    assert (await node("score", **ask))["list"]["state"] == "GOOD"
    later.ways.house = usual(2)
    assert (await later("score", **ask))["list"]["fault"] == "SHORTENED"


@pytest.mark.edge
def test_the_row_lies_in_a_table_of_the_store(tmp_path: Path) -> None:
    row = ListSeen(HOUSE.node_id, BRAND + AGENT.node_id, b"last", "GAP", (b"a", b"bc"), NOW_US)
    table = ROWS[ListSeen.table]
    with open_store(
        tmp_path / "n.sqlite", STORE_KIND, metadata, SCHEMA_VERSION, MIGRATIONS
    ) as store:
        with store.engine.begin() as connection:
            columns = dict(zip(table.columns, table.inserted(row, 1), strict=True))
            connection.execute(table.table.insert().values(columns))
        with store.engine.connect() as connection:
            assert list(load_rows(connection)) == [(row, 1)]
    assert KeepAgent(1, row).row == row
