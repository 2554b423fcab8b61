"""How a viewer's credit is shared among all raters at once: one joint flow, in fair turns.

What holds, whatever strangers invent (tests/node/reputation/test_sybils.py):

1. All raters together weigh what flows to them together. So a crowd weighs no more than the credit
   that others granted to it, and without any exactly nothing.
2. The flow is a maximum one. So what a crowd takes from all others together is no more than that
   credit either: each unit of it cost somebody a unit of credit that he granted.
3. Raters who compete for one line share it by their claims (`entitled`), in turns of which each
   lets everybody have half as much again: so each has two thirds of his fair part at least. Where
   several lines run short one after the other, what somebody has more on one may be missing on the
   next. What a crowd may claim depends on the credit that leads into it, not on its number.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final

from node.reputation.flow import Flow
from node.reputation.trust import WHOLE, Trust, passed_on
from proto.keys import NodeId

MAX_STEPS: Final = 20  # a claim halves at each: what comes later is a millionth
# The turn in which credit runs out is the only one that is not shared exactly. Shorter steps would
# be fairer and slower: this takes seconds at most (tests/node/reputation/test_sharing.py).
TURN_NUM, TURN_DEN = 3, 2


def entitled(trust: Trust) -> dict[NodeId, int]:
    """What each node may claim where credit is short, in parts of `WHOLE`.

    Half of what comes to a node goes on to those whom it grants credit, in proportion to that. So
    all that a crowd holds together is at most twice what is granted into it, in parts of what its
    granters have to give; and who grants to an honest node adds to its claim, never takes from it.
    """
    held: dict[NodeId, int] = {}
    coming = {trust.viewer: WHOLE}
    for _ in range(MAX_STEPS):
        following: dict[NodeId, int] = {}
        for node, part in coming.items():
            for taker, passed in passed_on(part, trust.grants.get(node, {})):
                following[taker] = following.get(taker, 0) + passed
        for node, part in following.items():
            held[node] = held.get(node, 0) + part
        coming = following
    return held


def shared(trust: Trust, demands: Mapping[NodeId, int]) -> dict[NodeId, int]:
    """Units of credit from the viewer to each rater: at most his demand, jointly possible, as much
    as can be, and shared as this module says. The viewer is no rater here: he believes himself.

    Raters to whom no credit leads are not in the answer.
    """
    demands = {node: units for node, units in demands.items() if units > 0}
    useful = _useful(trust, demands)
    raters = [node for node in useful if node in demands]
    if not raters:
        return {}
    claims = entitled(trust)
    numbers = {node: i for i, node in enumerate((trust.viewer, *useful))}
    flow, source, sink = Flow(len(numbers) + 1), 0, len(numbers)
    for granter, takers in trust.grants.items():
        for taker, units in takers.items() if granter in numbers else ():
            if taker in numbers:
                flow.edge(numbers[granter], numbers[taker], units)
    edges = {node: flow.edge(numbers[node], sink, 0) for node in raters}
    _fill(flow, (source, sink), edges, demands, {n: max(1, claims.get(n, 0)) for n in raters})
    return {node: carried for node in raters if (carried := flow.carried(edges[node]))}


def _useful(trust: Trust, demands: Mapping[NodeId, int]) -> list[NodeId]:
    """Nodes over which credit comes to a rater, without the viewer, in a fixed order."""
    granters: dict[NodeId, list[NodeId]] = {}
    for granter, takers in trust.grants.items():
        for taker in takers:
            granters.setdefault(taker, []).append(granter)
    # Whoever grants here is reached from the viewer: `trust_of` takes up nobody else.
    waiting = deque(sorted(node for node in demands if node in granters and node != trust.viewer))
    found = dict.fromkeys(waiting)
    while waiting:
        for granter in granters.get(waiting.popleft(), ()):
            if granter not in found and granter != trust.viewer:
                found[granter] = None
                waiting.append(granter)
    return list(found)


def _fill(
    flow: Flow,
    ends: tuple[int, int],
    edges: Mapping[NodeId, int],
    demands: Mapping[NodeId, int],
    claims: Mapping[NodeId, int],
) -> None:
    """In turns: each rater may have what the level makes of his claim. To whom no way is left gets
    nothing more, for none ever opens again."""
    active, capped, level = dict(edges), dict.fromkeys(edges, 0), 0
    while active:
        # At least so high that one of them may have a unit more.
        least = min(-(-(capped[node] + 1) * WHOLE // claims[node]) for node in active)
        level = max(least, level * TURN_NUM // TURN_DEN)
        for node, edge in active.items():
            cap = min(demands[node], level * claims[node] // WHOLE)
            flow.widen(edge, cap - capped[node])
            capped[node] = cap
        open_ways = flow.grow(*ends)
        active = {
            node: edge
            for node, edge in active.items()
            if flow.carried(edge) < demands[node] and open_ways[flow.tail(edge)]
        }
