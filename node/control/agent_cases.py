"""Verbs of an agent's work: which cases his node takes by itself, and the cases that he has."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final

import trio

from node.control.contacts import contacts
from node.control.context import Context
from node.control.failure import Arguments, ControlFailure
from node.control.sale_names import all_sales
from node.control.sale_view import sale_json
from node.core.rows import Row, Transaction
from node.core.sale.events import KeepAgent
from node.core.sale.reading import JUDGES
from node.core.sale.rows import KnownAgent, Sale
from node.sale.entering import AgentRule

MAX_CASES: Final = 1000
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


async def agent_rule(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Which cases this node takes by itself. `take` none at all: only say what is set."""
    take = arguments.flag("take", None)
    price_max = arguments.number("price_max", 0)
    arguments.done()
    row = context.engine.memory.row((KnownAgent.table, context.identity.node, b""))
    if not isinstance(row, KnownAgent) or not row.own:
        raise ControlFailure(
            "NO_OFFER",
            "this node does not offer to judge sales",
            "`pledgeway agent offer --bond-max N` makes an offer, which you give to others",
        )
    rule = AgentRule.from_json(row.rule)
    if take is not None:
        rule = AgentRule(take, price_max)
        new = KnownAgent(row.agent, row.offer, row.learned_at_us, own=True, rule=rule.to_json())
        await context.do(partial(KeepAgent, row=new))
    return {"take": rule.take, "price_max": rule.price_max}


def _cases(context: Context, limit: int) -> list[dict[str, Any]]:
    rows = [row for row in all_sales(context) if row.role in JUDGES and not row.phase.final]
    met = contacts(context)
    return [sale_json(context, row, met=met) for row in rows[:limit]]


async def cases(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Sales that this node judges and that are not over, the newest first."""
    limit = arguments.number("limit", 50, 1, MAX_CASES)
    arguments.done()
    return {"cases": _cases(context, limit)}


async def watch(context: Context, arguments: Arguments, send: Send) -> None:
    """The same, at every change, without end."""
    limit = arguments.number("limit", 50, 1, MAX_CASES)
    arguments.done()
    bells = [trio.Event()]

    def heard(rows: Iterable[Row]) -> None:
        # A new case has no row yet that could be waited for: any sale, any decision will do.
        if any(isinstance(row, Sale | Transaction) for row in rows):
            bells[0].set()

    last: list[dict[str, Any]] | None = None
    deaf = context.engine.listen(heard)
    try:
        while True:
            bells[0] = trio.Event()
            shown = _cases(context, limit)
            if shown != last:
                last = shown
                await send({"cases": shown})
            await bells[0].wait()
    finally:
        deaf()


VERBS: Final = {"agent.rule": agent_rule, "agent.cases": cases}
"""By name, for the table of all."""
TALES: Final = {"agent.cases": watch}
