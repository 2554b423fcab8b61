"""Whether a split is the best one: all tracks of small networks, flows with fees in larger ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from pathfinder.core.setting import Setting
from pathfinder.plans.all_tracks import MAX_BRANCHES, all_tracks, few_paths
from pathfinder.plans.flow import priced_flow
from pathfinder.plans.packing import MAX_CORNERS, Packing
from pathfinder.plans.plan_limits import Limits
from pathfinder.plans.track import Draft

BRANCHES: Final = 2 * MAX_BRANCHES  # over all policies and kinds of last levels: a second
COLUMNS: Final = 30_000  # of all linear programmes, likewise: a second
CORNERS: Final = 4 * MAX_CORNERS  # likewise: a programme takes some ms however few its columns are


@dataclass(frozen=True, slots=True)
class Proof:
    """`plan`: the best one over all families, under `family`; None: none within the limits found.

    `bound`: no plan costs less, or delivers more; None: there is proven to be none. `exact`: the
    plan reaches the bound, or there is none.
    """

    plan: Draft | None
    family: int
    bound: int | None
    exact: bool


def prove(settings: Sequence[Setting], limits: Limits, amount: int | None) -> Proof:
    """The best plan under each setting, which has one policy and one kind of last levels each.

    `amount` None: as much as possible for `limits.max_cost`. Only what is better than everything
    before is looked for, so the plan is the best one that was found.
    """
    branches, columns, corners_left = BRANCHES, COLUMNS, CORNERS
    plan, family, bounds, exact = None, 0, [], True
    few: bool | None = None  # the same lines under all settings
    for left, (number, setting) in zip(
        range(len(settings), 0, -1), enumerate(settings), strict=True
    ):
        share = min(limits.unit, amount or limits.unit)
        few = few_paths(setting, share) if few is None else few
        tracks = all_tracks(setting, share, branches // left) if few else None
        if tracks is None:
            branches -= branches // left
            flow = _flow_bound(setting, limits, amount)
            if amount is None or flow <= limits.max_cost:
                exact = False
                bounds.append(flow)
            continue
        corners = min(MAX_CORNERS, columns // left // max(1, len(tracks)), corners_left // left)
        packed = Packing(tracks, setting.room, limits, amount, corners=corners).run()
        columns -= packed.corners * len(tracks)
        corners_left -= packed.corners
        exact = exact and packed.exact
        if packed.bound is not None:
            bounds.append(packed.bound)
        if packed.plan is not None and (plan is None or _better(packed.plan, plan, amount)):
            plan, family = packed.plan, number
            if amount is not None:
                limits = replace(limits, max_cost=plan.cost)
    if not bounds:
        return Proof(None, 0, None, exact)
    bound = max(bounds) if amount is None else min(bounds)
    if plan is not None:
        exact = exact or bound == (plan.share if amount is None else plan.cost)
    return Proof(plan, family, bound, exact)


def _better(one: Draft, other: Draft, amount: int | None) -> bool:
    if amount is None:
        return (-one.share, one.order) < (-other.share, other.order)
    return one.order < other.order


def _flow_bound(setting: Setting, limits: Limits, amount: int | None) -> int:
    flow = priced_flow(setting, amount, limits.max_cost)
    if amount is None:
        return limits.max_cost if flow is None else min(flow, limits.max_cost)
    return amount if flow is None else max(flow, amount)
