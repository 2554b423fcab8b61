"""The cheapest way to fill known tracks: which of them, in which order, each how far.

Prices are affine but for their rounding, so at some cheapest plan all parts but one fill their
tracks as far as those before leave room: orders are enough, shares need no search. Three tracks
that share lines in pairs may each have to stop half way; equal shares are tried for them.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from pathfinder.plans.track import Draft, Room, Track, merged
from proto.limits import MAX_AMOUNT

MAX_TRIALS: Final = 6_000  # shares put on a track; a tenth of a second


def share_of_each(rest: int, parts: int, unit: int) -> int:
    """The least whole number of units that the largest of so many parts has, at most `rest`."""
    return min(rest, -(-rest // (parts * unit)) * unit)


class Recombination:
    """One search over one set of tracks, depth first. Made for one use."""

    def __init__(
        self, tracks: Sequence[Track], room: Room, amount: int, max_parts: int, unit: int
    ) -> None:
        # Cheap ones first: a good plan early cuts most of the others off.
        self._tracks = sorted(tracks, key=lambda t: (self._unit_cost(t, room, amount), t.key))
        self._room, self._amount = room, amount
        self._max_parts, self._unit = max_parts, unit
        self._trials = 0
        self._best: Draft | None = None
        self._bound = 0

    @staticmethod
    def _unit_cost(track: Track, room: Room, amount: int) -> Fraction:
        share = max(1, min(amount, track.widest(room, MAX_AMOUNT)))
        return Fraction(track.cost(share), share)

    def run(self, start: Draft, below: int) -> Draft | None:
        """The best plan found that costs less than `below`."""
        self._bound = below
        self._extend(start)
        return self._best

    def _extend(self, draft: Draft) -> None:
        rest, left = self._amount - draft.share, self._max_parts - len(draft.parts)
        if rest == 0:
            whole = merged(draft)
            if whole.cost < self._bound:
                self._best, self._bound = whole, whole.cost
            return
        # Fees are never negative: what is left costs at least itself.
        if left == 0 or draft.cost + rest >= self._bound:
            return
        for track in self._tracks:
            for share in self._shares(draft, track, rest, left):
                if self._trials >= MAX_TRIALS:
                    return
                self._trials += 1
                following = draft.plus(track, share)
                if following is not None:
                    self._extend(following)

    def _shares(self, draft: Draft, track: Track, rest: int, left: int) -> list[int]:
        def room(line: int) -> int:
            return self._room(line) - draft.taken.get(line, 0)

        widest = track.widest(room, self._bound - 1 - draft.cost)
        if widest >= rest:
            return [rest]
        widest -= widest % self._unit
        if left == 1 or widest == 0:
            return []
        equal = share_of_each(rest, left, self._unit)
        return [widest, equal] if equal < widest else [widest]
