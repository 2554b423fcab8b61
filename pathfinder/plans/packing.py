"""The best plan over given tracks: the least cost of an amount, or the most for a budget, proven.

Branch and bound: `relaxed` bounds what the boxes of a corner can do at best; its shares, rounded
and filled up, make plans. A corner splits where a fraction of a part was used (it is a part, or it
is not), then where only rounding is in the way (at some share). Corners leave a queue with the most
promising first; when the best plan reaches the bound of all that are left, it is proven.

Bounded by a number of corners: then the bound of what is left is what no plan can beat.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import permutations
from typing import Final

from pathfinder.plans.plan_limits import Limits
from pathfinder.plans.programme import ONE
from pathfinder.plans.relaxed import Box, Relaxed, Unsolved, ray_of, relaxed_plan, used_shares
from pathfinder.plans.rounding import plan_of
from pathfinder.plans.track import Draft, Room, Track
from proto.limits import MAX_AMOUNT

MAX_CORNERS: Final = 160  # about half a second: each solves a linear programme
ALL_ORDERS: Final = 4  # of so many parts all orders are tried to fill them up; of more, rotations
ROTATIONS: Final = 4

Corner = tuple[tuple[Box, ...], tuple[float, ...]]
"""Boxes, and the shares that the programme chose in them."""


@dataclass(frozen=True, slots=True)
class Packed:
    """The best plan, if any, and what no plan over these tracks can beat: a cost or an amount.

    `bound` None: there is no plan at all, proven. `exact`: the plan reaches the bound, or there is
    proven to be none. `corners`: linear programmes that it took.
    """

    plan: Draft | None
    bound: int | None
    exact: bool
    corners: int = 0


class Packing:
    """One search over one set of tracks. Made for one use.

    `amount` None: as much as possible.
    """

    def __init__(
        self,
        tracks: Iterable[Track],
        room: Room,
        limits: Limits,
        amount: int | None,
        *,
        corners: int = MAX_CORNERS,
    ) -> None:
        self._tracks, self._room, self._limits = list(tracks), room, limits
        self._amount = amount
        self._best: Draft | None = None
        self._corners = corners
        self._queue: list[tuple[int, int, Corner]] = []
        self._met = self._looked_at = 0
        self._stuck: list[int] = []  # values of corners about which solver and proof disagree

    def run(self) -> Packed:
        for group in self._groups():
            self._enter(tuple(self._boxes(group)), -MAX_AMOUNT)
        while self._queue and self._corners > 0:
            value, _, corner = heappop(self._queue)
            if not self._hopeful(value):
                self._queue.clear()
                break
            for boxes in self._split(*corner):
                self._enter(boxes, value)
        waiting = [*self._stuck, *(value for value, _, _ in self._queue)]
        left = [value for value in waiting if self._hopeful(value)]
        values = [*left, self._value(self._best)] if self._best is not None else left
        bound = min(values) if values else None
        if bound is not None:
            bound = max(bound, self._amount) if self._amount is not None else -bound
        return Packed(self._best, bound, not left, self._looked_at)

    # ------------------------------------------------------------------ values: less is better

    def _value(self, plan: Draft) -> int:
        return plan.cost if self._amount is not None else -plan.share

    def _hopeful(self, value: int) -> bool:
        """Whether something of that value would be allowed, and better than the best plan."""
        if self._amount is not None and value > self._limits.max_cost:
            return False
        return self._best is None or value < self._value(self._best)

    # ------------------------------------------------------------------ corners

    def _groups(self) -> list[list[Track]]:
        """Tracks that all bear one D; each largest such set. Every plan lies within one."""
        limits, found = self._limits, []
        for deadline in sorted({max(limits.floor, track.least) for track in self._tracks}):
            if deadline > limits.latest:
                continue
            group = {t.key: t for t in self._tracks if t.least <= deadline <= t.most}
            found.append(group)
        largest = [g for i, g in enumerate(found) if not any(
            g.keys() < o.keys() or (g.keys() == o.keys() and j < i) for j, o in enumerate(found)
        )]  # fmt: skip
        return [list(group.values()) for group in largest]

    def _boxes(self, group: Sequence[Track]) -> Iterable[Box]:
        for track in group:
            high = track.widest(self._room, self._limits.max_cost)
            if self._amount is not None:
                high = min(high, self._amount)
            else:
                high -= high % self._limits.unit
            if high > 0:
                yield Box(ray_of(track), 0, high, False)

    def _enter(self, boxes: tuple[Box, ...], value_before: int) -> None:
        """Bounds a corner, makes plans from it, and keeps it where it could hold a better one."""
        used = sum(box.used for box in boxes)
        if used > self._limits.parts:
            return
        if used == self._limits.parts:
            boxes = tuple(box for box in boxes if box.used)
        if not boxes:
            return
        self._corners -= 1
        self._looked_at += 1
        found = self._relaxed(boxes, self._amount)
        if found is Unsolved.IMPOSSIBLE:
            return
        if isinstance(found, Unsolved):
            if not self._delivers_less(boxes):
                self._stuck.append(value_before)
            return
        value = found.bound
        if self._amount is None:
            value = found.bound % self._limits.unit - found.bound
        value = max(value, value_before)
        if self._hopeful(value):
            self._make_plans(boxes, found.shares)
        if self._hopeful(value):
            self._met += 1
            heappush(self._queue, (value, self._met, (boxes, found.shares)))

    def _relaxed(self, boxes: Sequence[Box], amount: int | None) -> Relaxed | Unsolved:
        limits = self._limits
        # A cost that is sought needs no row of its own: what is over it is of no use anyway.
        max_cost = limits.max_cost if amount is None else MAX_AMOUNT
        return relaxed_plan(boxes, self._room, limits.parts, max_cost, amount)

    def _delivers_less(self, boxes: Sequence[Box]) -> bool:
        """Whether it is proven that these boxes cannot deliver the amount at all."""
        if self._amount is None:
            return False
        most = self._relaxed(boxes, None)
        return isinstance(most, Relaxed) and most.bound < self._amount

    def _split(
        self, boxes: tuple[Box, ...], shares: tuple[float, ...]
    ) -> Iterator[tuple[Box, ...]]:
        """Corners that together hold every plan of this one."""
        support = used_shares(boxes, shares)
        part = self._fraction_of_a_part(boxes, support)
        if part is None:
            yield from self._split_share(boxes, shares, support)
            return
        box = boxes[part]
        yield _with(boxes, part, replace(box, low=max(1, box.low), used=True))
        yield _with(boxes, part, None)

    def _fraction_of_a_part(
        self, boxes: tuple[Box, ...], support: Mapping[int, float]
    ) -> int | None:
        """The box of which it is least clear whether it is a part; None where that is clear."""
        too_many = len({*support, *(i for i, b in enumerate(boxes) if b.used)}) > self._limits.parts
        doubts = []
        for i, share in support.items():
            fraction = share / boxes[i].high
            if not boxes[i].used and fraction < 1 and (too_many or boxes[i].ray.flat):
                doubts.append((abs(fraction - 0.5), i))
        return min(doubts)[1] if doubts else None

    @staticmethod
    def _split_share(
        boxes: tuple[Box, ...], shares: tuple[float, ...], support: Mapping[int, float]
    ) -> Iterator[tuple[Box, ...]]:
        """Only rounding is in the way: below, at, and above the share that was chosen."""
        open_ones = [i for i in support if boxes[i].low < boxes[i].high]
        if not open_ones:
            rest = [i for i, box in enumerate(boxes) if box.low < box.high]
            if rest:
                yield _with(boxes, rest[0], replace(boxes[rest[0]], low=1, used=True))
                yield _with(boxes, rest[0], None)
            return
        # Where rounding costs the most, between the shares at which the fee changes. Of those
        # whose fee does not change the narrowest: it is soonest at one share.
        losses = [(-_rounding(boxes[i], shares[i]), boxes[i].high - boxes[i].low, i)
                  for i in open_ones]  # fmt: skip
        chosen = min(losses)[2]
        box = boxes[chosen]
        at = min(box.high, max(1, box.low, round(shares[chosen])))
        first, last = _same_fee(box, at)
        if (first, last) == (box.low, box.high):
            first = last = at
        for low, high in ((box.low, first - 1), (first, last), (last + 1, box.high)):
            if low <= high:
                within = replace(box, low=low, high=high, used=low > 0) if high else None
                yield _with(boxes, chosen, within)

    # ------------------------------------------------------------------ plans

    def _make_plans(self, boxes: tuple[Box, ...], shares: tuple[float, ...]) -> None:
        """Whole shares from those of the programme, topped up in several orders."""
        ranks = sorted(range(len(boxes)), key=lambda i: (not boxes[i].used, -shares[i], i))
        chosen = [i for i in ranks if boxes[i].used or shares[i] > 0][: self._limits.parts]
        unit = self._limits.unit
        wished: dict[object, int] = {}
        for i in chosen:
            wish = min(boxes[i].high, int(shares[i] + 1e-6))
            wished[boxes[i].ray.track.key] = wish - wish % unit
        tracks = [boxes[i].ray.track for i in chosen]
        for order in _orders(tracks):
            for start in (wished, {}):
                self._offer(_Filling(self._room, self._limits, self._amount).fill(order, start))

    def _offer(self, plan: Draft | None) -> None:
        if plan is not None and (
            self._best is None or (self._value(plan), plan.order) < (
                self._value(self._best), self._best.order)
        ):  # fmt: skip
            self._best = plan


def _rounding(box: Box, share: float) -> int:
    """What rounding adds to a part's cost at that share, in 2^-SCALE; 0: its fee is constant."""
    at = min(box.high, max(box.low, round(share)))
    if box.ray.track.fee(box.low) == box.ray.track.fee(box.high):
        return 0
    rate, constant = box.ray.amounts[0]
    return box.ray.track.cost(at) * ONE - rate * at - constant


def _same_fee(box: Box, share: int) -> tuple[int, int]:
    """The first and the last share of the box whose fee is that of `share`."""
    track = box.ray.track
    fee = track.fee(share)
    shares = range(max(1, box.low), box.high + 1)
    first = bisect_left(shares, fee, key=track.fee)
    last = bisect_right(shares, fee, key=track.fee)
    return shares[first], shares[last - 1]


def _orders(tracks: list[Track]) -> Iterable[Sequence[Track]]:
    if len(tracks) <= ALL_ORDERS:
        return permutations(tracks)
    steps = range(0, len(tracks), -(-len(tracks) // ROTATIONS))
    return [tracks[::-1], *([*tracks[i:], *tracks[:i]] for i in steps)]


def _with(boxes: tuple[Box, ...], place: int, box: Box | None) -> tuple[Box, ...]:
    between = () if box is None else (box,)
    return (*boxes[:place], *between, *boxes[place + 1 :])


class _Filling:
    """Whole shares on a few tracks, one after the other. Made for one use."""

    def __init__(self, room: Room, limits: Limits, amount: int | None) -> None:
        self._room, self._limits = room, limits
        self._rest = MAX_AMOUNT if amount is None else amount
        self._wanted = amount
        self._shares: dict[Track, int] = {}
        self._taken: dict[int, int] = {}
        self._cost = 0

    def fill(self, order: Sequence[Track], start: Mapping[object, int]) -> Draft | None:
        """First what each should have, then as much more as fits; None: not the whole amount."""
        for track in order:
            self._raise(track, min(self._rest, start.get(track.key, 0)))
        for track in order:
            self._raise(track, self._rest)
        if self._wanted is not None and self._rest:
            return None
        shares = {track: share for track, share in self._shares.items() if share}
        return plan_of(shares, self._room, self._limits) if shares else None

    def _raise(self, track: Track, more: int) -> None:
        """Gives a track so much more, or as much of that as its lines and the cost allow."""
        had = self._shares.get(track, 0)
        own = track.amounts(had) if had else (0,) * len(track.lines)
        for line, amount in zip(track.lines, own, strict=True):
            self._taken[line] = self._taken.get(line, 0) - amount
        self._cost -= own[0]
        widest = track.widest(
            lambda line: self._room(line) - self._taken.get(line, 0),
            self._limits.max_cost - self._cost,
        )
        share = had + more
        if widest < share:
            share = max(had, widest - widest % self._limits.unit)
        self._rest -= share - had
        self._shares[track] = share
        amounts = track.amounts(share) if share else own
        for line, amount in zip(track.lines, amounts, strict=True):
            self._taken[line] += amount
        self._cost += amounts[0]
