"""Whose letter is said next, so that nobody who does not answer keeps the others waiting (pure).

A call to a dead address, or to somebody who takes his time, lasts until it times out. Anybody may
make us write to such places: by an invitation that we refuse, by a dossier with sixteen seats.
"""

from collections import deque
from enum import Enum, unique
from typing import Final

from proto.keys import NodeId


@unique
class Lane(Enum):
    """Each has room of its own; the value says how much: calls under way at a time."""

    ANSWERS = 64  # to who answered when it was last written to
    OURS = 48  # to others, of what we proposed or joined; a socket each while they time out
    OTHERS = 32  # what strangers make us say


MAX_TO_ONE: Final = 8  # a registrar puts what comes together into one transaction anyway
MAX_ANSWERING: Final = 4096  # receivers remembered; one that is forgotten is asked as a new one


class Turns:
    """Letters by id, each either waiting or under way. Receivers of a lane take turns."""

    def __init__(self) -> None:
        self._lanes: dict[Lane, dict[NodeId, deque[bytes]]] = {lane: {} for lane in Lane}
        self._busy = dict.fromkeys(Lane, 0)
        self._calls: dict[NodeId, int] = {}
        self._known: dict[bytes, tuple[Lane, NodeId]] = {}
        self._answering: dict[NodeId, None] = {}

    def add(self, letter: bytes, receiver: NodeId, ours: bool) -> None:
        """It waits from now on; again is nothing."""
        if letter in self._known:
            return
        lane = Lane.OURS if ours else Lane.OTHERS
        if receiver in self._answering:
            lane = Lane.ANSWERS
        self._known[letter] = lane, receiver
        self._lanes[lane].setdefault(receiver, deque()).append(letter)

    def begin(self) -> list[bytes]:
        """What may be said now; each is under way until it is `done`."""
        begun = []
        for lane in Lane:
            while self._busy[lane] < lane.value:
                letter = self._next(lane)
                if letter is None:
                    break
                begun.append(letter)
        return begun

    def _next(self, lane: Lane) -> bytes | None:
        waiting, calls = self._lanes[lane], self._calls
        # Few are passed over: there are only so many calls.
        receiver = next((r for r in waiting if calls.get(r, 0) < MAX_TO_ONE), None)
        if receiver is None:
            return None
        letters = waiting.pop(receiver)
        letter = letters.popleft()
        if letters:
            waiting[receiver] = letters  # to the end: the others first
        self._busy[lane] += 1
        calls[receiver] = calls.get(receiver, 0) + 1
        return letter

    def done(self, letter: bytes, *, answered: bool) -> None:
        """It is not under way any more. `answered`: whether its receiver said anything."""
        lane, receiver = self._known.pop(letter)
        self._busy[lane] -= 1
        self._calls[receiver] -= 1
        if not self._calls[receiver]:
            del self._calls[receiver]
        self._answering.pop(receiver, None)
        if answered:
            self._answering[receiver] = None
            if len(self._answering) > MAX_ANSWERING:
                del self._answering[next(iter(self._answering))]
