"""Shares that round well: a plan that costs hardly more than anything can, made a little cheaper.

Prices are rounded up at every intermediary. Two parts that exchange a few units change nothing but
what rounding adds, which is less than a unit for each of them.
"""

from collections.abc import Mapping
from itertools import permutations
from typing import Final

from pathfinder.plans.plan_limits import Limits
from pathfinder.plans.track import Draft, Room, Track

MAX_EXCHANGED: Final = 256  # units between two parts; a fiftieth of a second for each two


def plan_of(shares: Mapping[Track, int], room: Room, limits: Limits) -> Draft | None:
    """The plan with these shares, the largest first, where D, lines and cost allow it."""
    plan: Draft | None = Draft(limits.floor, limits.latest)
    for track, share in sorted(shares.items(), key=lambda item: (-item[1], item[0].key)):
        plan = plan.plus(track, share) if plan is not None else None
    if plan is None or plan.cost > limits.max_cost:
        return None
    return plan if all(used <= room(line) for line, used in plan.taken.items()) else None


def rounded_well(plan: Draft, room: Room, limits: Limits, least: int) -> Draft:
    """A plan of the same parts that costs no more; `least`: no plan costs less."""
    if plan.cost - least > sum(len(part.track.steps) for part in plan.parts):
        return plan  # more than all rounding together
    best = plan
    for one, other in permutations(plan.parts, 2):
        for exchanged in range(1, MAX_EXCHANGED + 1):
            moved = exchanged * limits.unit
            if moved >= other.share or best.cost <= least:
                break
            shares = {part.track: part.share for part in plan.parts}
            shares[one.track] += moved
            shares[other.track] -= moved
            if sum(shares[p.track] % limits.unit > 0 for p in plan.parts) > 1:
                continue
            found = plan_of(shares, room, limits)
            if found is not None and found.cost < best.cost:
                best = found
    return best
