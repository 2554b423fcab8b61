"""Every split of a payment into chains, tried one after the other; the cheapest one.

Only the text of protocol sections 3-6 and 8, by way of `reference`: one policy, one D for all
chains, lines that carry the sum, last promises that are all redeemable when the payee shows what
it has.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.pathfinder.reference import (
    LAST_AMOUNT,
    MARGIN,
    SAFER_FIRST,
    A,
    B,
    S,
    X,
    amounts,
    expiries,
    level_lists,
    plan,
    policies,
    risk,
    simple_paths,
    viable,
)

Ends = tuple[str, str]


@dataclass(frozen=True)
class Way:
    """A path with its levels and what each share of the payment makes of its lines."""

    ends: tuple[Ends, ...]
    levels: tuple[str, ...]
    amounts: dict[int, list[int]]
    deadline: int
    locks: dict[int, bool]


def cheapest_split(net: dict[str, Any], asked: dict[str, Any], max_parts: int) -> int | None:
    """What it costs; None where no split is viable."""
    lines = {}
    for line in net["lines"]:
        ends = (line["from"], line["to"])
        if ends not in asked.get("avoid", ()):
            available = asked.get("overrides", {}).get(ends, line["available"])
            lines[ends] = {**line, "available": available}
    best = asked.get("max_cost", LAST_AMOUNT) + 1
    found = False
    for policy in policies(net, asked):
        for last_levels in ({A, S, X}, {B, S}):
            ways = list(_ways(net, asked, lines, policy, last_levels))
            for deadline in sorted({way.deadline for way in ways}):
                fit = [w for w in ways if w.deadline <= deadline and w.locks[deadline]]
                room = {ends: line["available"] for ends, line in lines.items()}
                cost = _split(_useful(fit), room, asked["amount"], max_parts, best)
                if cost < best:
                    best, found = cost, True
    return best if found else None


def _ways(
    net: dict[str, Any],
    asked: dict[str, Any],
    lines: dict[Ends, Any],
    policy: tuple[str, list[str], int],
    last_levels: set[str],
) -> Any:
    """Chains that are viable for some share; a bare one may stand under the others' policy."""
    margin, lateness = asked.get("payee_margin_ms", MARGIN), policy[2]
    deadlines = [10_000, margin, *(margin + MARGIN * n for n in range(1, 12))]
    latest = asked.get("latest_deadline_ms", 10**9)
    for path in simple_paths(lines, asked["payer"], asked["payee"], asked.get("max_hops", 20)):
        if not set(path[1:-1]).isdisjoint(asked.get("avoid_nodes", ())):
            continue
        nodes = [net["nodes"][name] for name in path]
        used = [lines[ends] for ends in pairwise(path)]
        for levels in level_lists(len(used)):
            if sum(risk(*pair) for pair in pairwise(levels)) > asked.get("max_risk", 10**9):
                continue
            terms = ("", [], 0) if set(levels) == {B} else policy
            if set(levels) == {B} and asked.get("declines") and not policy[1]:
                continue
            if levels[-1] not in last_levels or not viable(net, nodes, levels, terms, asked):
                continue
            made = {}
            for share in range(1, asked["amount"] + 1):
                one = amounts(nodes, used, levels, terms[1], share)
                if one is not None:
                    made[share] = one
            schedule = plan(levels, lateness, margin)
            if not made or schedule is None:
                continue
            fits = {d: d <= latest and _held(nodes, levels, d, lateness, margin) for d in deadlines}
            yield Way(tuple(pairwise(path)), levels, made, schedule[0], fits)


def _held(
    nodes: list[dict[str, Any]], levels: tuple[str, ...], deadline: int, lateness: int, margin: int
) -> bool:
    """V8 where D is not this chain's own, but that of all."""
    limit = deadline + lateness
    for node, level, end in zip(
        nodes, levels, expiries(levels, deadline, limit, margin), strict=False
    ):
        lock = limit if end is None else max(end, limit) if level == S else end
        if lock > node.get("hold_max_ms", 60_000):
            return False
    return True


def _useful(ways: list[Way]) -> list[Way]:
    """Without those that another one on the same path beats at every share and on every line."""
    kept: list[Way] = []
    for way in sorted(ways, key=lambda w: [SAFER_FIRST.index(level) for level in w.levels]):
        beaten = any(
            other.ends == way.ends
            and all(
                share in other.amounts
                and all(a <= b for a, b in zip(other.amounts[share], made, strict=True))
                for share, made in way.amounts.items()
            )
            for other in kept
        )
        if not beaten:
            kept.append(way)
    return kept


def _split(ways: list[Way], room: dict[Ends, int], rest: int, parts: int, bound: int) -> int:
    """The least cost below `bound`, else `bound`. Ways are used in their order, each once."""
    if rest == 0:
        return min(bound, 0)
    if parts == 0 or rest >= bound:
        return bound
    for i, way in enumerate(ways):
        for share in range(min(rest, max(way.amounts)), 0, -1):
            made = way.amounts[share]
            if any(room[ends] < a for ends, a in zip(way.ends, made, strict=True)):
                continue
            if made[0] + rest - share >= bound:
                continue
            left = dict(room)
            for ends, a in zip(way.ends, made, strict=True):
                left[ends] -= a
            others = _split(ways[i + 1 :], left, rest - share, parts - 1, bound - made[0])
            bound = min(bound, made[0] + others)
    return bound


def most_sendable(net: dict[str, Any], asked: dict[str, Any], max_parts: int, most: int) -> int:
    """The greatest amount up to `most` that some split delivers: each of them is tried."""
    for amount in range(most, 0, -1):
        if cheapest_split(net, {**asked, "amount": amount}, max_parts) is not None:
            return amount
    return 0
