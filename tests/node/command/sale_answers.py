"""What a node really says about sales: answers of its verbs, over the cores at the table."""

from functools import cache
from typing import Any

import trio

from tests.node.control.sale_nodes import Sales


@cache
def answers() -> dict[str, dict[str, Any]]:
    """By name: what the buyer is shown before he offers, and the sale at several points."""
    return trio.run(_course)


async def _course() -> dict[str, dict[str, Any]]:
    table, told = Sales(), dict[str, dict[str, Any]]()
    told["dry"] = await table.opens(dry_run=True)
    told["opened"] = await table.opens()
    told["offers"] = await table("sally", "sale.list", mine=True)
    told["before"] = await table("sally", "sale.bid", dry_run=True)
    told["answered"] = await table("sally", "sale.bid", agents=["ned"])
    told["cases"] = await table("ned", "agent.cases")
    told["taken"] = await table("ned", "sale.take")
    told["agreed"] = await table("sally", "sale.show")
    told["given"] = await table("sally", "sale.give", credential="c2VjcmV0")
    told["passed"] = await table("ned", "sale.pass_on", credential="Y2hhbmdlZA==")
    told["locked"] = await table("bob", "sale.show")
    told["locked_ned"] = await table("ned", "sale.show")
    told["list"] = await table("bob", "sale.list")
    told["control"] = await table("bob", "sale.control", send=True)
    told["control_ned"] = await table("ned", "sale.control")
    told["attested"] = await table("ned", "sale.attest", proof=told["control"]["line"])
    told["split"] = await table("bob", "sale.show")
    await table("bob", "sale.vote", success=True)
    await table("sally", "sale.vote", success=True)
    told["ended"] = await table("bob", "sale.show")
    closed = Sales()
    await closed.opens()
    told["closed"] = await closed("bob", "sale.close")
    return told
