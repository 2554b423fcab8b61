"""Two stores compared over a link, by turns: who drives, and who answers. Pure: no clock, no wire.

The driver looks at what differs, part by part, tells what the other lacks and asks for what it
lacks itself. A turn is bounded on both sides, and the next one follows the answer, so a neighbour
that reads slowly slows the comparison down and nothing piles up. The answering side keeps nothing.
Both may change meanwhile: what is new is spread anyway, and a comparison that ends has found
everything that differed throughout.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from proto.gossip_summary import MAX_PREFIX, NOTHING, parts
from proto.gossip_sync import LIST_MAX, MAX_LOOKS, MAX_WANTS, Answer, Ask, Look, Sight
from proto.wire import WireFault
from runtime.gossip_store import Store

TURN_BYTES: Final = 1 << 19  # of adverts, each way in a turn: as much as one frame of the past
GIVE_MAX: Final = 1024  # adverts of a part that may be given unseen: beyond it, it is divided
# Of one comparison. A whole network of 200,000 adverts takes a few hundred; a neighbour that makes
# up differences is not followed for ever.
MAX_TURNS: Final = 4096


@dataclass(frozen=True, slots=True)
class Turn:
    """What the driver says: adverts first, then its question. None: the comparison is over."""

    adverts: list[bytes]
    ask: Ask | None


def answer(store: Store, ask: Ask, now_us: int) -> tuple[list[bytes], Answer]:
    """What to say to a turn: adverts first, then the answer.

    Where the wanted adverts fill a turn it answers fewer looks than there are.
    """
    store.forget_expired(now_us)
    given: list[bytes] = []
    room = TURN_BYTES
    served = 0
    for item in ask.wants:
        held = store.by_id(item)
        if held is not None:
            if given and len(held.data) > room:
                break
            given.append(held.data)
            room -= len(held.data)
        served += 1
    sights: list[Sight] = []
    for look in ask.looks:
        if room <= 0:
            break
        gift = _gift(store, look) if look.give and not ask.full else None
        size = sum(map(len, gift)) if gift is not None else 0
        if gift is not None and size <= room:
            given += gift
            room -= size
            sights.append(Sight())
        elif gift is not None and room < TURN_BYTES:
            break  # the next turn has room for it
        else:
            sights.append(_sight(store, look))
    return given, Answer(ask.turn, tuple(sights), served, store.full)


def _gift(store: Store, look: Look) -> list[bytes] | None:
    """All of a part that the asker has nothing of; None: it is too much."""
    if store.summary.count(look.prefix) > GIVE_MAX:
        return None
    return list(_data(store, store.summary.items(look.prefix)))


def _sight(store: Store, look: Look) -> Sight:
    summary = store.summary
    if look.digest and look.digest == summary.digest(look.prefix):
        return Sight()
    if summary.count(look.prefix) <= LIST_MAX or len(look.prefix) == MAX_PREFIX:
        return Sight(items=summary.items(look.prefix))
    return Sight(summary.children(look.prefix))


def _data(store: Store, items: dict[bytes, bytes]) -> Iterator[bytes]:
    return (held.data for item in items if (held := store.by_id(item)) is not None)


class Drive:
    """One comparison, from its first turn on. Owned by whoever gossips."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = 0
        self._looks = [self._first()]  # a stack: one branch to its end, so that few are open
        self._wants: deque[bytes] = deque()
        self._tell: deque[bytes] = deque()  # ids of what the other lacks
        self._asked = Ask(0)

    def _first(self) -> Look:
        ours = self._store.summary.digest("")
        return Look("", ours, give=ours == NOTHING)

    def next_turn(self, now_us: int) -> Turn:
        """At the start, and after each answer that was `heard`."""
        self._store.forget_expired(now_us)
        adverts: list[bytes] = []
        room = TURN_BYTES
        while self._tell and room > 0:
            held = self._store.by_id(self._tell.popleft())
            if held is not None:
                adverts.append(held.data)
                room -= len(held.data)
        self._turn += 1
        over = not (self._looks or self._wants or self._tell) or self._turn > MAX_TURNS
        if over:
            return Turn(adverts, None)
        wants = tuple(self._wants.popleft() for _ in range(min(MAX_WANTS, len(self._wants))))
        looks: list[Look] = []
        # What is known to differ first: it frees memory, looks take some.
        while self._looks and len(looks) < MAX_LOOKS and not self._wants and not self._tell:
            looks.append(self._looks.pop())
        self._asked = Ask(self._turn, tuple(looks), wants, self._store.full)
        return Turn(adverts, self._asked)

    def heard(self, said: Answer) -> bool:
        """Whether it answers our last turn and the next one is due. WireFault where it cannot be
        an answer to what we asked."""
        asked, self._asked = self._asked, Ask(0)
        if said.turn != asked.turn or not asked.turn:
            self._asked = asked
            return False
        if len(said.sights) > len(asked.looks) or said.served > len(asked.wants):
            raise WireFault("an answer about adverts that nobody asked about")
        if not said.sights and not said.served and (asked.looks or asked.wants):
            raise WireFault("an answer about adverts that says nothing")
        self._wants.extendleft(reversed(asked.wants[said.served :]))
        self._looks.extend(asked.looks[len(said.sights) :])
        for look, sight in zip(asked.looks, said.sights, strict=False):
            if sight.items is not None:
                self._compare(look.prefix, dict(sight.items), full=said.full)
            elif sight.children:
                self._divide(look.prefix, sight.children, full=said.full)
        return True

    def _compare(self, prefix: str, theirs: dict[bytes, bytes], *, full: bool) -> None:
        if not all(item.hex().startswith(prefix) for item in theirs):
            raise WireFault("a list of adverts that lie elsewhere")
        ours = self._store.summary.items(prefix)
        for item, version in ours.items():
            if (item in theirs and version > theirs[item]) or (item not in theirs and not full):
                self._tell.append(item)
        for item, version in theirs.items():
            if (item in ours and version > ours[item]) or (
                item not in ours and not self._store.full
            ):
                self._wants.append(item)

    def _divide(self, prefix: str, theirs: tuple[bytes, ...], *, full: bool) -> None:
        if len(prefix) >= MAX_PREFIX:
            raise WireFault("a part that nobody can divide")
        ours = self._store.summary.children(prefix)
        for part, one, other in zip(parts(prefix), ours, theirs, strict=True):
            if one == other:
                continue
            if other == NOTHING:
                if not full:
                    self._tell.extend(self._store.summary.items(part))
            elif one == NOTHING:
                if not self._store.full:
                    self._looks.append(Look(part, give=True))
            else:
                self._looks.append(Look(part))
