"""The picture of a route: its surroundings, what stands for what, and its chains as diagrams."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from node.command.drawing.around_layout import AroundLayout, lay_out_around
from node.command.drawing.around_picture import draw_around, route_legend
from node.command.drawing.canvas import Page, own_rules, text_width
from node.command.drawing.chain_layout import Box
from node.command.drawing.chain_picture import ChainDrawing, draw_chain, plan_chain
from node.command.drawing.legend import Entry, draw_legend, legend_height
from node.command.drawing.styles import PALE
from node.command.drawing.surroundings import Surroundings, around
from node.command.drawing.wording import many, share, short_name, units
from pathfinder.answer import Route
from pathfinder.network import Network

WIDTH: Final = 11.4  # inches of what is drawn, unless a chain needs more
MARGIN: Final = 0.4
TITLE: Final = 12.0  # points
NOTE: Final = 7.5
SPACE: Final = 0.3  # between the parts of a page


@dataclass(frozen=True, slots=True)
class _Plan:
    """All parts with their sizes, so that the page can be made."""

    title: str
    notes: str
    surroundings: Surroundings
    around: AroundLayout
    legend: tuple[Entry, ...]
    chains: tuple[ChainDrawing, ...]
    width: float


@own_rules()
def draw_route(network: Network, brand: str, routes: Sequence[Route], kind: str) -> bytes:
    """The file, of that kind (".svg" or ".png"). `routes`: the chains of one payment, at least one.

    Raises ValueError where the picture would be too large to make.
    """
    plan = _plan(network, brand, routes)
    legend = legend_height(plan.legend, plan.width)
    height = 2 * MARGIN + 0.75 + plan.around.height + legend + SPACE
    height += sum(chain.height + SPACE for chain in plan.chains)
    page = Page(plan.width + 2 * MARGIN, height, kind)
    y = MARGIN + 0.1
    page.text((MARGIN, y), plan.title, TITLE, bold=True, mark="title")
    page.text((MARGIN, y + 0.24), plan.notes, NOTE, colour=PALE, mark="notes")
    y += 0.55
    left = MARGIN + (plan.width - WIDTH) / 2
    draw_around(page, routes, plan.surroundings, plan.around, left, y)
    y += plan.around.height + 0.1
    draw_legend(page, plan.legend, Box(MARGIN, y, plan.width, legend))
    y += legend + SPACE
    for number, chain in enumerate(plan.chains, 1):
        draw_chain(page, chain, MARGIN, y, number)
        y += chain.height + SPACE
    return page.as_bytes()


def _plan(network: Network, brand: str, routes: Sequence[Route]) -> _Plan:
    surroundings = around(network, brand, routes)
    chains = tuple(
        plan_chain(route, brand, f"Chain {i} of {len(routes)}" if len(routes) > 1 else "", WIDTH)
        for i, route in enumerate(routes, 1)
    )
    title, notes = _title(routes, brand), _notes(surroundings, several=len(routes) > 1)
    widths = [WIDTH, *(chain.width for chain in chains)]
    widths += [text_width(title, TITLE, bold=True), text_width(notes, NOTE)]
    legend = route_legend(routes, neighbours=bool(surroundings.beside))
    layout = lay_out_around(routes, surroundings, WIDTH)
    return _Plan(title, notes, surroundings, layout, legend, chains, max(widths))


def _title(routes: Sequence[Route], brand: str) -> str:
    first, last = routes[0].hops[0], routes[0].hops[-1]
    cost = sum(route.cost for route in routes)
    amount = sum(route.hops[-1].amount for route in routes)
    fee = cost - amount
    fees = f"{units(fee, brand)} ({share(fee, amount)}) in fees" if fee else "without a fee"
    return (
        f"{short_name(first.promisor)} pays {units(cost, brand)} so that"
        f" {short_name(last.promisee)} receives {units(amount, brand)}: {fees}"
    )


def _notes(surroundings: Surroundings, *, several: bool) -> str:
    drawn, everyone = len(surroundings.beside), surroundings.all_beside
    text = f"With {many(everyone, 'neighbour')} of the route"
    if not everyone:
        text = "The route's nodes have no other neighbours"
    if drawn < everyone:
        text = f"With {drawn:,} of {many(everyone, 'neighbour')} of the route, the best connected"
    left_out = surroundings.all_pairs - len(surroundings.pairs)
    if left_out:
        between = "line" if left_out == 1 else "lines"
        text += f"; {left_out:,} {between} among them left out"
    number = (
        "2.1 is the first promise of chain 2" if several else "Numbers are those of the promises"
    )
    return f"{text}. {number} below."
