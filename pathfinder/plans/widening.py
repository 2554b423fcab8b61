"""Plans that deliver much, in networks too large to know all their tracks.

The widest chain is looked for by halving amounts, then the widest one beside it, and so on. All
tracks met on the way are then packed as well as they can be. Not exact: others may deliver more.
"""

from dataclasses import replace
from typing import Final

from pathfinder.core.search import cheapest
from pathfinder.core.setting import Setting
from pathfinder.plans.packing import Packing
from pathfinder.plans.plan_limits import Limits
from pathfinder.plans.track import Draft, Track, track_of

MAX_WIDENED: Final = 24  # tracks that are packed
PRECISION: Final = 32  # a chain is as wide as the widest when a 32nd part more finds none
LABELS_EACH: Final = 1_500  # of one search: a twentieth of a second
LABELS_WITH_TREES: Final = 500  # of one search where trees guide it: as long
PACKED_CORNERS: Final = 24


class Widening:
    """One policy, one kind of last levels. Made for one use.

    `searches`: how many are left, for all settings together.
    """

    def __init__(self, setting: Setting, limits: Limits, searches: int) -> None:
        self._setting, self._limits, self.searches = setting, limits, searches
        self._pool: dict[object, Track] = {}

    def most(self, high: int) -> Draft | None:
        """A plan of much; no chain carries more than `high`."""
        limits = self._limits
        draft = Draft(limits.floor, limits.latest)
        while len(draft.parts) < limits.parts and self.searches > 0:
            track, share = self._widest(draft, high)
            following = None if track is None else draft.plus(track, share)
            if following is None:
                break
            draft, high = following, share
        packed = self._packed(limits, None)
        if packed is None or (draft.share, -draft.cost) > (packed.share, -packed.cost):
            return draft if draft.parts else None
        return packed

    def cheapest(self, amount: int) -> Draft | None:
        """The cheapest plan for an amount over the tracks that were met."""
        return self._packed(self._limits, amount)

    def _packed(self, limits: Limits, amount: int | None) -> Draft | None:
        tracks = self._pool.values()
        return (
            Packing(tracks, self._setting.room, limits, amount, corners=PACKED_CORNERS).run().plan
        )

    def _widest(self, draft: Draft, high: int) -> tuple[Track | None, int]:
        """A chain beside the draft's, and what it carries there: nearly as much as any."""
        limits, setting = self._limits, self._setting
        budget = limits.max_cost - draft.cost
        room = {line: setting.room(line) - used for line, used in draft.taken.items()}
        labels = LABELS_WITH_TREES if setting.has_trees else LABELS_EACH
        low, best = 0, None
        probe = high = min(high, budget) // limits.unit
        while low < high and self.searches > 0:
            self.searches -= 1
            asked = replace(
                setting.question,
                amount=probe * limits.unit,
                max_cost=budget,
                deadline_floor=draft.least,
                latest_deadline=draft.most,
            )
            narrowed = setting.narrowed(asked, room)
            label = cheapest(narrowed, labels, labels // 4).label
            if label is None:
                high = probe - 1
            else:
                best = track_of(narrowed, label)
                low = max(probe, best.widest(narrowed.room, budget) // limits.unit)
                if len(self._pool) < MAX_WIDENED:
                    self._pool.setdefault(best.key, best)
            if high - low <= low // PRECISION:
                break
            probe = (low + high + 1) // 2
        return best, low * limits.unit
