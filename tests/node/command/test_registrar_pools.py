"""`pledgeway registrar pools`: what the verb says of real pools, and what people see of that."""

import json
from typing import Any

import pytest

from node.control.registrar_pools import pool_json
from node.registrar.pool_rows import PoolDecision, PoolVote
from node.registrar.pool_votes import vote_times
from proto.sale.stakes import STAKERS, Decision
from tests.node.command.conftest import FakeNode
from tests.node.registrar.pool_table import BUYER, SELLER, PoolTable

pytestmark = pytest.mark.edge


def said_of(table: PoolTable) -> dict[str, Any]:
    """What the verb answers, of rows as they are."""
    rows = table.world.view
    made = [d for d in rows.all(PoolDecision) if d.pool == table.pool.id]
    decisions = sorted(made, key=lambda d: (d.final_after_us, d.decision))
    return pool_json(table.pool, "USD at Land", table.in_pool(), decisions, rows.all(PoolVote))


def shown(fake: FakeNode, one: dict[str, Any], *args: str) -> str:
    fake.says("registrar.pools", {"json": {"pools": [one], "more": False}})
    result = fake.run("registrar", "pools", *args)
    assert result.exit_code == 0, result.output
    assert "None" not in result.stdout
    return result.stdout


def released() -> PoolTable:
    """All went well; Bob has voted, Sally has sealed hers."""
    table = PoolTable({"fee": 7, "arbitrated": True})
    table.fill()
    table.show(table.sale.committed(Decision.RELEASE))
    cast = {role: table.sale.vote(role, table.pool.deciding) for role in (BUYER, SELLER)}
    for role, vote in cast.items():
        table.world.do(table.key(role), table.seal(role, vote))
    table.world.do(table.key(BUYER), table.reveal(BUYER, cast[BUYER]))
    return table


def test_the_verb_adds_up() -> None:
    table = released()
    one = said_of(table)
    paid = sum(party["paid"] for party in one["parties"]) + one["house"]["fee"]
    assert paid + one["left"] == one["total"] == table.sale.figures.total
    assert sum(party["stake"] for party in one["parties"]) == one["total"]
    assert (one["state"], one["branch"], one["bond"]) == ("FILLED", "RELEASED", "")
    assert [p["paid"] for p in one["parties"]] == [100, 1193, 50, 0]
    assert [v["success"] for v in one["votes"]] == [True, None]
    json.dumps(one)
    table.world.now_us = vote_times(table.pool, table.sale.contract)[1]
    table.show(table.sale.aborted(Decision.SLASH))
    table.tend()
    over = said_of(table)
    assert (over["state"], over["left"], over["bond"]) == ("DONE", 0, "RETURNED")
    assert [p["paid"] for p in over["parties"]] == [110, 1193, 1060, 0]
    won = [party["paid"] - party["stake"] for party in over["parties"][:3]]
    assert won == [table.won()[role] for role in STAKERS]


def test_the_table(fake: FakeNode) -> None:
    one = said_of(released())
    text = shown(fake, one)
    assert one["pool"][:8] in text and one["sale"][:8] in text
    assert "2370 USD at Land" in text
    assert "T1 lock committed, T2 release committed" in text
    assert "buyer 100, seller 1193, agent 50, you 7" in text
    assert "buyer success, seller sealed" in text
    assert fake.heard == ("registrar.pools", {"all": False})
    fake.says("registrar.pools", {"json": {"pools": [], "more": False}})
    assert fake.run("registrar", "pools", "--all").stdout == "No pools.\n"
    assert fake.heard == ("registrar.pools", {"all": True})
    assert "--all" in fake.run("registrar", "pools").stdout, "where those are that ended"


def test_one_pool(fake: FakeNode) -> None:
    one = said_of(released())
    text = shown(fake, one, one["pool"][:8])
    assert fake.heard == ("registrar.pools", {"all": False, "pool": one["pool"][:8]})
    lines = {" ".join(line.split()) for line in text.splitlines()}
    assert "state FILLED: all stakes are in it" in lines
    assert "still in it 1020 USD at Land" in lines
    assert any(line.startswith("Ts slash nothing yet") for line in lines)
    assert any(line.startswith("seller ") and line.endswith("210 1193 sealed") for line in lines)
    raw = shown(fake, one, one["pool"][:8], "--json")
    assert json.loads(raw)["pools"] == [one]


def test_a_claim_is_seen(fake: FakeNode) -> None:
    table = PoolTable()
    table.fill()
    for decision in (Decision.RELEASE, Decision.REFUND, Decision.DELIVERED):
        table.show(table.sale.aborted(decision))
    table.show(table.sale.committed(Decision.RELEASE))
    one = said_of(table)
    assert one["claimed"]
    assert "FILLED CLAIMED" in shown(fake, one)
    text = shown(fake, one, one["pool"][:8])
    assert "aborted (and the opposite)" in text and "refunded, no tip" in text
