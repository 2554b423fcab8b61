"""Searches for tracks that together carry an amount, under one policy and one set of last levels.

Some part of a plan is at least the rest divided by the number of parts that are left. So the
largest part is looked for first: the cheapest chain for that share, wider ones, and ones that
avoid a line of those; each is filled, and what is left is split in the same way on what the lines
still carry. The tracks met on the way are then recombined (`recombine`), and each part of the best
plan is routed anew beside the others.

Not exact: the tracks that were not met may make a cheaper plan. Exact is a no where even the least
share of the largest part finds no chain.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from pathfinder.core.search import cheapest
from pathfinder.core.setting import Setting
from pathfinder.plans.recombine import Recombination, share_of_each
from pathfinder.plans.track import Draft, Part, Track, merged, track_of
from proto.limits import MAX_AMOUNT

MAX_SEARCHES: Final = 250  # chains looked for under one policy: a second in a town of fifty
TREE_LABELS: Final = 25  # that a search pays for its tree, which some searches share
MAX_POOL: Final = 16  # tracks that are recombined
WIDTH: Final = (6, 4, 3)  # tracks tried for the first, second and any later part
WIDER: Final = 3  # of them at most so many because they carry more than those before
ROUNDS: Final = 3  # of routing anew: later ones hardly ever find anything
_NO_LINES: Final = frozenset[int]()


class Splitter:
    """One policy, one set of last levels. Made for one use.

    `setting`: its question has the whole amount, its policies are one, its distances hold for any
    share. `best` is the cheapest plan so far; `impossible`: exactly proven that there is none;
    `labels`: taken so far, of the `budget` for all searches together.
    """

    def __init__(self, setting: Setting, max_parts: int, unit: int, budget: int) -> None:
        self._setting, self._question = setting, setting.question
        self._max_parts, self._unit, self._budget = max_parts, unit, budget
        self._searches = self.labels = 0
        self._pool: dict[object, Track] = {}
        self.best: Draft | None = None
        self.impossible = False

    def run(self, start: Draft, below: int) -> Draft | None:
        """The best plan that costs less than `below` and whose D fits `start`."""
        self._bound = below
        least = share_of_each(self._question.amount, self._max_parts, self._unit)
        track, self.impossible = self._find(start, least)
        if track is None:
            return None
        self.impossible = False
        self._explore(start)
        self._small_shares(start)
        for _ in range(ROUNDS):
            before_cost = self._bound
            self._recombine(start)
            self._route_anew(start)
            if self._bound == before_cost:
                break
        return self.best

    # ------------------------------------------------------------------ one chain

    @property
    def _spent(self) -> bool:
        return self._searches >= MAX_SEARCHES or self.labels >= self._budget

    def _find(
        self, draft: Draft, share: int, avoid: frozenset[int] = _NO_LINES
    ) -> tuple[Track | None, bool]:
        """The cheapest chain for one more part of a draft, and whether that is exact."""
        if self._spent:
            return None, False
        self._searches += 1
        question, setting = self._question, self._setting
        rest_after = question.amount - draft.share - share
        most_cost = min(self._bound - 1, question.max_cost) - draft.cost - rest_after
        asked = replace(
            question,
            amount=share,
            max_cost=min(most_cost, MAX_AMOUNT),
            deadline_floor=draft.least,
            latest_deadline=draft.most,
        )
        room = {line: setting.room(line) - used for line, used in draft.taken.items()}
        room.update(dict.fromkeys(avoid, -1))
        narrowed = setting.narrowed(asked, room)
        budget = self._budget - self.labels
        found = cheapest(narrowed, budget, budget // 4)
        self.labels += found.labels + (TREE_LABELS if setting.has_trees else 0)
        if found.label is None:
            return None, found.exact
        track = track_of(narrowed, found.label)
        if len(self._pool) < MAX_POOL:
            self._pool.setdefault(track.key, track)
        return track, found.exact

    def _widest(self, draft: Draft, track: Track, rest: int) -> int:
        most_cost = min(self._bound - 1, self._question.max_cost) - draft.cost
        widest = track.widest(
            lambda line: self._setting.room(line) - draft.taken.get(line, 0), most_cost
        )
        return rest if widest >= rest else widest - widest % self._unit

    # ------------------------------------------------------------------ plans

    def _explore(self, draft: Draft) -> None:
        rest, depth = self._question.amount - draft.share, len(draft.parts)
        if rest == 0:
            self._offer(draft)
            return
        left = self._max_parts - depth
        if left == 0 or draft.cost + rest >= self._bound or self._spent:
            return
        if depth:  # one chain for all is what a search before this one was about
            whole, _ = self._find(draft, rest)
            if whole is not None and (done := draft.plus(whole, rest)):
                self._offer(done)
        if left == 1:
            return
        width = WIDTH[min(depth, len(WIDTH) - 1)]
        # All of them first: what is found below tightens the bound and would hide some.
        for track in list(self._tracks(draft, share_of_each(rest, left, self._unit), width)):
            share = self._widest(draft, track, rest)
            if share and (following := draft.plus(track, share)):
                self._explore(following)

    def _tracks(self, draft: Draft, share: int, width: int) -> Iterator[Track]:
        """Different tracks for at least that share: the cheapest, wider ones, then detours."""
        rest = self._question.amount - draft.share
        seen: dict[object, Track] = {}
        for _ in range(min(WIDER, width)):
            track, _ = self._find(draft, share)
            if track is None:
                break
            if track.key not in seen:
                seen[track.key] = track
                yield track
            share = self._widest(draft, track, rest) + self._unit
            if share > rest:
                break
        share = share_of_each(rest, self._max_parts - len(draft.parts), self._unit)
        queue = [(track, _NO_LINES) for track in seen.values()]
        while queue and len(seen) < width:
            known, avoided = queue.pop(0)
            for line in known.lines:
                avoid = avoided | {line}
                track, _ = self._find(draft, share, avoid)
                if track is None or track.key in seen:
                    continue
                seen[track.key] = track
                queue.append((track, avoid))
                yield track
                if len(seen) >= width:
                    return

    def _small_shares(self, start: Draft) -> None:
        """A narrow line may be the cheapest one: tracks for a fraction, and for a unit."""
        amount, unit = self._question.amount, self._unit
        for fraction in (2, 4, 8, 16):
            self._find(start, share_of_each(amount, self._max_parts * fraction, unit))
        self._find(start, min(amount, unit))

    def _offer(self, draft: Draft) -> None:
        whole = merged(draft)
        cheaper = whole.cost < self._bound
        if cheaper or (self.best is not None and whole.order < self.best.order):
            self.best, self._bound = whole, min(whole.cost, self._bound)

    def _recombine(self, start: Draft) -> None:
        tracks, amount = list(self._pool.values()), self._question.amount
        search = Recombination(tracks, self._setting.room, amount, self._max_parts, self._unit)
        found = search.run(start, min(self._bound, self._question.max_cost + 1))
        if found is not None:
            self._offer(found)

    def _route_anew(self, start: Draft) -> None:
        """Each part of the best plan once more, beside the others as they are."""
        for part in self.best.parts if self.best is not None else ():
            assert self.best is not None
            others = [p for p in self.best.parts if p != part]
            if len(others) == len(self.best.parts):
                continue  # an improvement has replaced it
            beside = _together(start, others)
            track, _ = self._find(beside, self._question.amount - beside.share)
            if track is not None and (done := beside.plus(track, part.share)):
                self._offer(done)


def _together(start: Draft, parts: list[Part]) -> Draft:
    made = start
    for part in parts:
        following = made.plus(part.track, part.share)
        assert following is not None  # they stood beside each other before
        made = following
    return made
