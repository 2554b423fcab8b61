"""`pledgeway route` with several chains: alternatives beside the answer, or parts that share it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from node.command.argument_types import CountType
from pathfinder.answer import Reason, Route, RouteAnswer
from pathfinder.core.graph import Graph
from pathfinder.core.search import setting_of
from pathfinder.plans.alternatives import MAX_ALTERNATIVES, Alternatives
from pathfinder.plans.flow import bottleneck
from pathfinder.plans.parts import PartsAnswer, find_parts
from pathfinder.plans.plan_json import alternatives_as_json, no_split, parts_as_json
from pathfinder.question import RouteQuestion
from proto.limits import MAX_PARTS

MAX_NAMED_LINES: Final = 8  # of a bottleneck, in one sentence

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


@dataclass(frozen=True, slots=True)
class More:
    """What stands in an answer beside its one chain. `several`: not one chain, but parts, which
    are `routes`."""

    json: dict[str, Any]
    show: Callable[[Console, ShowRoute], None]
    several: bool = False
    reasons: tuple[Reason, ...] = ()
    routes: tuple[Route, ...] = ()


def _nothing(console: Console, show: ShowRoute) -> None:
    pass


NOTHING_MORE: Final = More({}, _nothing)


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False)


# ---------------------------------------------------------------------- alternatives


def beside(found: Alternatives) -> More:
    """The alternatives of an answer."""

    def show(console: Console, table: ShowRoute) -> None:
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
            _say(
                console, "There is no other chain." if found.exact else "No other chain was found."
            )
        if not found.exact:
            _say(console, "The search for alternatives gave up early: there may be more.")

    return More(alternatives_as_json(found), show)


# ---------------------------------------------------------------------- parts


def in_parts(graph: Graph, question: RouteQuestion, most: int) -> tuple[RouteAnswer, More]:
    """The one chain of the cheapest split, if it is one, and what else there is to say."""
    split = find_parts(graph, question, most)
    one = split.routes[0] if len(split.routes) == 1 else None
    answer = RouteAnswer(split.brand, split.amount, one, split.exact)
    reasons = () if split.found else (_why_not(graph, question, split, most),)

    def show(console: Console, table: ShowRoute) -> None:
        _show_parts(console, split, question, most, table)

    return answer, More(parts_as_json(split), show, len(split.routes) > 1, reasons, split.routes)


def _why_not(graph: Graph, question: RouteQuestion, split: PartsAnswer, most: int) -> Reason:
    _, setting = setting_of(graph, question)
    cut = bottleneck(setting) if split.most is not None else None
    names = []
    for number in cut.lines if cut is not None else ():
        line = setting.board.lines[number]
        names.append(f"{line.promisor}→{line.promisee} {setting.room(number)}")
    names.sort()
    if len(names) > MAX_NAMED_LINES:
        names[MAX_NAMED_LINES:] = [f"and {len(names) - MAX_NAMED_LINES} more"]
    return no_split(split, most, cut, names)


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
        _say(console, f"\nPart {number} of {len(split.routes)}, {share} {brand} for {route.cost}:")
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


def with_reasons(answer: RouteAnswer, more: More) -> RouteAnswer:
    """The reasons of the single chain, then why several do not help either."""
    return replace(answer, reasons=(*answer.reasons, *more.reasons))
