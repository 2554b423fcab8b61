"""`pledgeway route` with several chains: alternatives beside the answer, or parts that share it."""

from collections.abc import Callable
from typing import Final

import click
from rich.console import Console
from rich.table import Table

from node.command.argument_types import CountType
from pathfinder.answer import Route
from pathfinder.asking import WholeAnswer
from pathfinder.plans.alternatives import Alternatives
from pathfinder.plans.parts import PartsAnswer
from pathfinder.question import RouteQuestion
from proto.limits import MAX_ALTERNATIVES, MAX_PARTS

ShowRoute = Callable[[Route, str], Table]
"""The table of one chain whose amounts are of that brand."""

ALTERNATIVES_OPTION: Final = click.option(
    "--alternatives",
    type=CountType(0, MAX_ALTERNATIVES),
    metavar="K",
    help=f"Up to K ≤ {MAX_ALTERNATIVES} more chains, different ones, cheapest first.",
)
PARTS_OPTION: Final = click.option(
    "--parts",
    type=CountType(1, MAX_PARTS),
    metavar="N",
    help=f"Split into at most N ≤ {MAX_PARTS} chains under one commit, where that is cheaper or"
    " needed.",
)


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False)


def show_more(
    console: Console,
    found: WholeAnswer,
    asked: RouteQuestion,
    parts: int | None,
    table: ShowRoute,
) -> None:
    """What stands beside the one chain of an answer, or instead of it. `parts`: most of them."""
    if found.others is not None:
        _show_others(console, found.others, table)
    if found.split is not None:
        _show_parts(console, found.split, asked, parts or 1, table)


def _show_others(console: Console, found: Alternatives, table: ShowRoute) -> None:
    for number, one in enumerate(found.others, 1):
        if one.route is None:
            continue
        _say(console, f"\nAlternative {number}, for {one.cost} {one.brand}:")
        console.print(table(one.route, one.brand))
        if not one.exact:
            _say(console, "A cheaper one may have been missed: the search gave up early.")
    if not found.first.found:
        return
    if not found.others:
        _say(console, "There is no other chain." if found.exact else "No other chain was found.")
    if not found.exact:
        _say(console, "The search for alternatives gave up early: there may be more.")


def _show_parts(
    console: Console, split: PartsAnswer, question: RouteQuestion, most: int, table: ShowRoute
) -> None:
    brand, cost = split.brand, split.cost
    if cost is None:
        return
    rest = "" if split.at_least is None else f" None costs less than {split.at_least} {brand}."
    if len(split.routes) == 1:
        if most > 1:
            known = "costs less" if split.exact else "was found that costs less"
            _say(console, f"No split into up to {most} chains {known}." + _unless(split, rest))
        return
    for number, route in enumerate(split.routes, 1):
        share = route.hops[-1].amount
        if number > 1:
            console.print()
        _say(console, f"Part {number} of {len(split.routes)}, {share} {brand} for {route.cost}:")
        console.print(table(route, brand))
    _say(
        console,
        f"{question.payer} pays {cost} {brand} over {len(split.routes)} chains, decided as one, so"
        f" that {question.payee} receives {split.amount}: {cost - split.amount} in fees.",
    )
    if not split.exact:
        _say(console, "A cheaper split may have been missed." + rest)


def _unless(split: PartsAnswer, text: str) -> str:
    return "" if split.exact else text
