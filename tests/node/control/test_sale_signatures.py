"""Signatures of a sale that are not taken: each no names its cause."""

import pytest

from node.core.sale.reading import share_at
from proto.sale.stakes import Decision, SaleRole
from tests.node.control.sale_nodes import Sales


@pytest.fixture
def table() -> Sales:
    return Sales()


async def test_a_no_to_a_signature_says_why(table: Sales) -> None:
    """Not only that the sale has gone on: its owner would not know what to do instead."""
    await table.agrees()
    assert "runs out by itself" in (await table.no("sally", "sale.close")).message
    await table("sally", "sale.give", credential="eA==")
    await table(table.agent, "sale.pass_on", credential="eQ==")
    assert "locked" in (await table.no("bob", "sale.close")).message
    early = await table.no("bob", "sale.sign", decision="REFUND")
    assert (early.code, "release (T2)" in early.message) == ("SALE_STATE", True)
    assert not table.sale("bob").shares[share_at(Decision.REFUND, SaleRole.BUYER)]
    assert (await table.no("bob", "sale.sign", decision="SLASH")).code == "NO_ARBITER"
    await table("bob", "sale.sign", decision="RELEASE")
    late = await table.no("bob", "sale.sign", decision="RELEASE")
    assert "decided already: committed" in late.message
    assert "released" in (await table.no("bob", "sale.sign", decision="REFUND")).message
