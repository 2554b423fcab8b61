"""What all lines together can do at best, in a network of any size that a payer waits for.

Three bounds, each weaker and quicker than the one before: flows that pay fees on their way (a
linear programme over lines: each intermediary takes in at least what it gives out times its lowest
price), flows without fees, and nothing. A minimum cut names the lines that stop more from flowing.
"""

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any, Final

import networkx as nx

from pathfinder.core.setting import Setting
from pathfinder.core.steps import Step
from proto.levels import Level
from proto.limits import MAX_AMOUNT

MAX_FLOW_LINES: Final = 20_000  # beyond it the answer takes longer than a payer waits
MAX_PRICED_LINES: Final = 4_000  # of a flow with fees; a second, and every policy has one


def _network(setting: Setting) -> Any:
    """Lines that may be used at all; those back to the payer or on from the payee are of no use."""
    board = setting.board
    network: Any = nx.DiGraph()
    network.add_nodes_from((setting.payer, setting.payee))
    for i in range(len(board.lines)):
        promisor, promisee = board.promisor[i], board.promisee[i]
        if promisor == setting.payee or promisee == setting.payer:
            continue
        if (room := setting.room(i)) > 0:
            network.add_edge(promisor, promisee, capacity=room, line=i)
    return network


def most_together(setting: Setting) -> int | None:
    """The maximum flow; no split delivers more. None in a network too large to tell."""
    if len(setting.board.lines) > MAX_FLOW_LINES:
        return None
    return int(nx.maximum_flow_value(_network(setting), setting.payer, setting.payee))


def ends_carry(setting: Setting, parts: int) -> int:
    """What that many chains carry at most over the lines of the payer, and over the payee's: quick
    in a network of any size, where mostly nothing else is as narrow. Each uses one of each."""
    board = setting.board
    sides = (board.outgoing[setting.payer], board.incoming[setting.payee])
    return min(sum(sorted(max(0, setting.room(i)) for i in side)[-parts:]) for side in sides)


def widest_chain(setting: Setting) -> int:
    """What the narrowest line of the widest way carries: no chain delivers more. 0: no way."""
    board, best, done = setting.board, {setting.payer: MAX_AMOUNT}, set[int]()
    heap = [(-MAX_AMOUNT, setting.payer)]
    while heap:
        room, node = heappop(heap)
        if node == setting.payee:
            return -room
        if node in done:
            continue
        done.add(node)
        for line in board.outgoing[node]:
            promisee = board.promisee[line]
            wide = min(-room, setting.room(line))
            if wide > best.get(promisee, 0):
                best[promisee] = wide
                heappush(heap, (-wide, promisee))
    return 0


@dataclass(frozen=True, slots=True)
class Bottleneck:
    """Lines, by number, that together carry the maximum flow: without more room on one of them
    nothing more flows, whatever the others have. `carries`: their sum."""

    lines: tuple[int, ...]
    carries: int


def bottleneck(setting: Setting, usable: frozenset[int] | None = None) -> Bottleneck | None:
    """A minimum cut through the usable lines (None: all); without lines where none lead to the
    payee. None: too large to tell. Of several the one nearest to the payer, who can do most there.
    """
    if len(setting.board.lines) > MAX_FLOW_LINES:
        return None
    network = _network(setting)
    if usable is not None:
        rest = [(a, b) for a, b, line in network.edges(data="line") if line not in usable]
        network.remove_edges_from(rest)
    # networkx cuts as near to the target as it can: so against the direction of the lines.
    backwards = network.reverse()
    carries, (_, near) = nx.minimum_cut(backwards, setting.payee, setting.payer)
    lines = sorted(line for a, b, line in network.edges(data="line") if a in near and b not in near)
    return Bottleneck(tuple(lines), int(carries))


def priced_flow(setting: Setting, amount: int | None, max_cost: int) -> int | None:
    """A bound on every split under the setting's one policy, fees included.

    `amount` None: no split delivers more for `max_cost`. Else: no split delivers it for less; more
    than `max_cost` where none does. None in a network too large, or where the solver gives up.
    """
    assert len(setting.policies) == 1
    from pathfinder.plans.programme import ONE, Programme

    board = setting.board
    if len(board.lines) > MAX_PRICED_LINES:
        return None
    prices = board.prices(setting.policies[0], setting.waived)
    lines, rates = [], []
    for promisor, promisee, data in _network(setting).edges(data=True):
        line, rate = data["line"], ONE
        if promisor != setting.payer:
            steps = [step for level in Level for step in prices.steps(line, level)]
            if not steps:
                continue
            rate = _least_price(steps, data["capacity"], ONE)
        lines.append((promisor, promisee, min(data["capacity"], max_cost)))
        rates.append(rate)
    first = [n for n, (promisor, _, _) in enumerate(lines) if promisor == setting.payer]
    last = [n for n, (_, promisee, _) in enumerate(lines) if promisee == setting.payee]
    goal = last if amount is None else first
    sign = -ONE if amount is None else ONE
    objective = [sign if n in set(goal) else 0 for n in range(len(lines))]
    if not lines:
        return 0 if amount is None else MAX_AMOUNT
    programme = Programme([(0, room) for _, _, room in lines], objective)
    through: dict[int, list[tuple[int, int]]] = {}
    for n, (promisor, promisee, _) in enumerate(lines):
        if promisor != setting.payer:
            through.setdefault(promisor, []).append((n, rates[n]))
        if promisee != setting.payee:
            through.setdefault(promisee, []).append((n, -ONE))
    for entries in through.values():
        programme.row(entries, 0)
    programme.row([(n, ONE) for n in first], max_cost * ONE)
    if amount is not None:
        programme.row([(n, -ONE) for n in last], -amount * ONE)
        if programme.impossible:
            return MAX_AMOUNT
    found = programme.solve()
    if found is None:
        return None
    return -found.least if amount is None else found.least


def _least_price(steps: list[Step], room: int, one: int) -> int:
    """What a unit that is given takes in at least: each part pays the flat fee, on at most `room`
    units. Rounded down."""
    rate = min(step.num * one // step.den for step in steps)
    return rate + min(step.flat for step in steps) * one // room
