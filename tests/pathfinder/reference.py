"""A second reading of protocol sections 3-6, by brute force: what the search is compared with.

Written from the text alone. It shares no code with the program: it reads the JSON form, tries every
simple path with every list of levels under every policy, and keeps the best. Times are ms. With
`waived` in the question, a set of rules' names, those rules are not looked at.
"""

import math
from collections.abc import Collection, Iterator
from fractions import Fraction
from functools import cache
from itertools import pairwise, product
from typing import Any

B, S, A, X = "BARE", "SECURED", "ATOMIC", "PROXY"
# Section 3: rows are what the node holds, columns what it gives; 9 = never used.
COLUMNS = (B, S, A, X)
RISK = {B: (3, 3, 3, 3), S: (1, 1, 0, 0), A: (2, 2, 0, 0), X: (9, 9, 3, 3)}
MODE_OF_RISK = ("ATOMIC", "SECURED", "GATEWAY", "BARE")
SAFER_FIRST = (A, S, X, B)
LATE_LEAKS = {(B, S), (B, A), (X, A)}
MARGIN = 2000  # each of the four
DECISION_TIME = 10_000
LAST_AMOUNT = 2**63 - 1


def risk(incoming: str, outgoing: str) -> int:
    return RISK[incoming][COLUMNS.index(outgoing)]


@cache
def level_lists(hops: int) -> list[tuple[str, ...]]:
    """Every list of levels that V3 leaves, with every PROXY where V2 lets one be at all."""
    return [
        levels
        for levels in product(COLUMNS, repeat=hops)
        if levels[0] != X
        and all(risk(*pair) != 9 for pair in pairwise(levels))
        and not any(pair == (B, X) for pair in pairwise(levels))
    ]


def simple_paths(
    lines: dict[tuple[str, str], Any], payer: str, payee: str, longest: int
) -> Iterator[list[str]]:
    def grow(path: list[str]) -> Iterator[list[str]]:
        if path[-1] == payee:
            yield path
        elif len(path) <= longest:
            for start, end in lines:
                if start == path[-1] and end not in path:
                    yield from grow([*path, end])

    yield from grow([payer])


def expiries(levels: tuple[str, ...], deadline: int, limit: int, margin: int) -> list[int | None]:
    """The table of section 5 for one D, payee first in the making, payer first in the answer."""
    last = levels[-1]
    made: list[int | None] = [{B: margin, S: margin, X: limit + MARGIN, A: None}[last]]
    for level, following in reversed(list(pairwise(levels))):
        after = made[-1]
        if level == A:
            made.append(None)
        elif level == S and following in (A, X):
            made.append(MARGIN)
        elif following in (B, X) or level == S:
            assert after is not None
            made.append(after + MARGIN)
        else:
            made.append(max(limit + 2 * MARGIN, 0 if after is None else after + MARGIN))
    return made[::-1]


@cache
def plan(
    levels: tuple[str, ...], lateness: int, margin: int, floor: int = DECISION_TIME
) -> tuple[int, tuple[int, ...]] | None:
    """The least D and the locks, or None. From below: whoever cannot stamp pushes D up."""
    deadline = floor
    if levels[-1] in (B, S):
        deadline = max(deadline, margin)
    for _ in range(100):
        limit = deadline + lateness
        ends = expiries(levels, deadline, limit, margin)
        needed = deadline
        for i in range(1, len(levels)):
            if risk(levels[i - 1], levels[i]) in (1, 2):
                end = ends[i]
                assert end is not None
                needed = max(needed, end + MARGIN)
        if needed == deadline:
            locks = []
            for level, end in zip(levels, ends, strict=True):
                locks.append(limit if end is None else max(end, limit) if level == S else end)
            return deadline, tuple(locks)
        deadline = needed
    return None


def policies(net: dict[str, Any], asked: dict[str, Any]) -> list[tuple[str, list[str], int]]:
    """Name, members and L − D of every candidate."""
    found: list[tuple[str, list[str], int]] = [] if asked.get("declines") else [("", [], 0)]
    names = asked.get("registries")
    for name in net["registries"]:
        if names is None or name in names:
            found.append((name, [name], 0))
    for name, policy in net.get("policies", {}).items():
        complementary = policy["qc"] + policy["qa"] == len(policy["members"]) + 1
        if (names is None or name in names) and (complementary or not asked.get("declines")):
            late = (policy.get("f", 0) + 1) * policy.get("delta_ms", 0)
            found.append((name, policy["members"], late))
    return found


def trusts(node: dict[str, Any], members: list[str]) -> bool:
    return bool(members) and all(m in node.get("accepts", []) for m in members)


def same_as(net: dict[str, Any], names: list[str]) -> set[str]:
    """A request lists policies, not names: whatever has the same terms is accepted too."""

    def terms(name: str) -> Any:
        if name in net["registries"]:
            return [name], 1, 1, 0, 0
        policy = net["policies"][name]
        rest = policy["qc"], policy["qa"], policy.get("f", 0), policy.get("delta_ms", 0)
        return sorted(policy["members"]), *rest

    accepted = [terms(name) for name in names]
    everything = [*net["registries"], *net.get("policies", {})]
    return {name for name in everything if terms(name) in accepted}


def viable(
    net: dict[str, Any],
    nodes: list[dict[str, Any]],
    levels: tuple[str, ...],
    policy: tuple[str, list[str], int],
    asked: dict[str, Any],
) -> bool:
    """V1, V2, V4 to V8 and V12 as far as they do not ask about lines."""
    name, members, lateness = policy
    waived = asked.get("waived", ())
    if set(levels) == {B}:
        if members:
            return False
    elif not members:
        return False
    for i, level in enumerate(levels):
        promisor = nodes[i]
        if level in (S, A) and not trusts(promisor, members) and "V1" not in waived:
            return False
        if level == X and trusts(promisor, members) and "V2" not in waived:
            return False
        if level not in asked.get("levels", COLUMNS):
            return False
    if levels[0] not in asked.get("first_levels", COLUMNS):
        return False
    if levels[-1] not in asked.get("last_levels", COLUMNS):
        return False
    if levels[-1] in (A, X):
        accepted = asked.get("accepted")
        if not (trusts(nodes[-1], members) if accepted is None else name in same_as(net, accepted)):
            return False
    for i in range(1, len(levels)):
        pair, node = (levels[i - 1], levels[i]), nodes[i]
        if risk(*pair) in (1, 2):
            if asked.get("declines") and "V12" not in waived:
                return False
            if not trusts(node, members) and "V6" not in waived:
                return False
        if pair in LATE_LEAKS and not node.get("watches_registry", False) and "V7" not in waived:
            return False
    if "V8" in waived:
        return True
    fixed = asked.get("deadline_ms")  # by others: then D is this, or there is no chain
    floor = DECISION_TIME if fixed is None else fixed
    schedule = plan(levels, lateness, asked.get("payee_margin_ms", MARGIN), floor)
    if schedule is None:
        return False
    deadline, locks = schedule
    if deadline > asked.get("latest_deadline_ms", deadline) or deadline != (fixed or deadline):
        return False
    return all(
        lock <= node.get("hold_max_ms", 60_000) for lock, node in zip(locks, nodes, strict=False)
    )


def amounts(
    nodes: list[dict[str, Any]],
    lines: list[dict[str, Any]],
    levels: tuple[str, ...],
    members: list[str],
    amount: int,
    waived: Collection[str] = (),
) -> list[int] | None:
    """Section 6, with V9 and V10: payer first; None where a price is missing or a line is short."""
    made = [amount]
    for i in range(len(levels) - 1, -1, -1):
        if made[-1] > lines[i]["available"] and "V10" not in waived:
            return None
        if i == 0:
            break
        fees = lines[i].get("fees")
        if fees is None:
            fees = nodes[i].get("fees") or {}
        mode = MODE_OF_RISK[risk(levels[i - 1], levels[i])]
        if mode not in fees and "V9" not in waived:
            return None
        fee = fees.get(mode, {})
        rate = Fraction(fee.get("rate", "1"))
        flat = fee.get("flat", 0)
        registry_fees = lines[i].get("registry_fees")
        if registry_fees is None:
            registry_fees = nodes[i].get("registry_fees") or {}
        for member in members:
            fee = registry_fees.get(member, {})
            for side, level in (("in", levels[i - 1]), ("out", levels[i])):
                if level != B:
                    rate *= Fraction(fee.get(f"{side}_rate", "1"))
                    flat += fee.get(f"{side}_flat", 0)
        made.append(math.ceil(made[-1] * rate) + flat)
        if made[-1] > LAST_AMOUNT:
            return None
    return made[::-1]


Key = tuple[Any, ...]
"""Cost, promises, risk, safety, names, policy: the order of section 6. Then amounts and risks."""


def chains(net: dict[str, Any], asked: dict[str, Any]) -> Iterator[Key]:
    """Every viable chain."""
    lines = {}
    for line in net["lines"]:
        ends = (line["from"], line["to"])
        if line["brand"] != asked["brand"] or ends in asked.get("avoid", ()):
            continue
        available = asked.get("overrides", {}).get(ends, line["available"])
        lines[ends] = {**line, "available": available}
    waived = asked.get("waived", ())
    longest = 20 if "V11" in waived else asked.get("max_hops", 20)
    for path in simple_paths(lines, asked["payer"], asked["payee"], longest):
        if not set(path[1:-1]).isdisjoint(asked.get("avoid_nodes", ())):
            continue
        nodes = [net["nodes"][name] for name in path]
        used = [lines[ends] for ends in pairwise(path)]
        for policy in policies(net, asked):
            for levels in level_lists(len(used)):
                if not viable(net, nodes, levels, policy, asked):
                    continue
                made = amounts(nodes, used, levels, policy[1], asked["amount"], waived)
                if made is None or made[0] > asked.get("max_cost", LAST_AMOUNT):
                    continue
                risks = [risk(*pair) for pair in pairwise(levels)]
                if sum(risks) > asked.get("max_risk", sum(risks)):
                    continue
                safety = [SAFER_FIRST.index(level) for level in levels]
                yield made[0], len(levels), sum(risks), safety, path, policy[0], made, risks


def solve(net: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any] | None:
    """The cheapest viable chain, ties broken as section 6 says."""
    best = min(chains(net, asked), default=None)
    return None if best is None else chain_json(best)


def different(net: dict[str, Any], asked: dict[str, Any], most: int) -> list[dict[str, Any]]:
    """The cheapest chain and up to `most` others: each lacks of every one before it at least one
    intermediary, or the line where that one has none."""
    found: list[Key] = []
    for chain in sorted(chains(net, asked)):
        if all(_lacks_one(chain[4], earlier[4]) for earlier in found):
            found.append(chain)
        if len(found) > most:
            break
    return [chain_json(chain) for chain in found]


def _lacks_one(path: list[str], earlier: list[str]) -> bool:
    if len(earlier) == 2:
        return len(path) > 2
    return not set(earlier[1:-1]) <= set(path)


def chain_json(chain: Key) -> dict[str, Any]:
    """As section 10 shows it."""
    cost, _, _, safety, path, name, made, risks = chain
    rows = zip(path, path[1:], safety, made, strict=False)
    return {
        "cost": cost,
        "registry": name or None,
        "hops": [{"from": a, "to": b, "level": SAFER_FIRST[s], "amount": m} for a, b, s, m in rows],
        "modes": {n: MODE_OF_RISK[r] for n, r in zip(path[1:-1], risks, strict=True)},
    }
