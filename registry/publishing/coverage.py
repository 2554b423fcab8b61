"""What is covered by a cosigned checkpoint by now, and since when something is not.

The publisher's thread writes it; the deciding thread reads whether to go on, trio waits for what is
still to be covered.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from types import MappingProxyType

from proto.checkpoint import Checkpoint
from runtime.clock import Clock


@dataclass(frozen=True, slots=True)
class Covered:
    """The newest checkpoint with enough cosignatures, its note, and when that was (µs UTC)."""

    checkpoint: Checkpoint
    note: bytes
    at_us: int


Changed = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Begun:
    """A look at a shard before its size is read: how many entries had been told, and when."""

    told: int
    at_us: int


class Coverage:
    """`limit_us`: so long may an entry be without a covering checkpoint; None: for ever."""

    def __init__(self, clock: Clock, limit_us: int | None) -> None:
        self._clock = clock
        self._limit_us = limit_us
        self._lock = Lock()
        self._covered: Mapping[int, Covered] = MappingProxyType({})  # by shard; replaced whole
        self._since_us: dict[int, int] = {}  # by shard: since when something waits, monotonic
        self._told: dict[int, int] = {}  # by shard: how often an entry was told
        self._checked = False
        self.changed: Changed = lambda: None  # set once, before the threads begin

    # ------------------------------------------------------------ read by anybody

    @property
    def covered(self) -> Mapping[int, Covered]:
        """By shard."""
        return self._covered

    def size(self, shard: int) -> int:
        """How many entries of the shard are covered."""
        found = self._covered.get(shard)
        return 0 if found is None else found.checkpoint.size

    @property
    def checked(self) -> bool:
        """Whether we were not set back, by what is published and by enough witnesses."""
        return self._checked

    def waiting_us(self) -> int:
        """For how long the oldest entry has not been covered; 0 where all are."""
        with self._lock:
            since_us = min(self._since_us.values(), default=None)
        return 0 if since_us is None else max(0, self._clock.monotonic_us() - since_us)

    def stalled(self) -> bool:
        """Whether nothing may be decided: the log does not move (LOG_STALLED)."""
        if not self._checked:
            return True
        return self._limit_us is not None and self.waiting_us() > self._limit_us

    # ------------------------------------------------------------ told by those who know

    def entered(self, shard: int) -> None:
        """There is an entry that nothing may cover yet."""
        with self._lock:
            if shard not in self._since_us:
                self._since_us[shard] = self._clock.monotonic_us()
            self._told[shard] = self._told.get(shard, 0) + 1

    def begin(self, shard: int) -> Begun:
        """To be taken before the shard's size is read: what is told later may not be in it."""
        with self._lock:
            return Begun(self._told.get(shard, 0), self._clock.monotonic_us())

    def found_uncovered(self, shard: int, begun: Begun) -> None:
        """An entry was found that nobody had told of: of a run or a replica before us."""
        with self._lock:
            self._since_us.setdefault(shard, begun.at_us)

    def cover(self, shard: int, covered: Covered, begun: Begun) -> None:
        """What was there at `begun` is covered now."""
        with self._lock:
            self._covered = MappingProxyType({**self._covered, shard: covered})
        self.all_covered(shard, begun)
        self.changed()

    def improve(self, shard: int, covered: Covered) -> None:
        """The same checkpoint with more cosignatures."""
        with self._lock:
            self._covered = MappingProxyType({**self._covered, shard: covered})

    def all_covered(self, shard: int, begun: Begun) -> None:
        """What was there at `begun` is covered; what was told since may be covered or not."""
        with self._lock:
            if self._told.get(shard, 0) == begun.told:
                self._since_us.pop(shard, None)
            elif shard in self._since_us:
                self._since_us[shard] = max(self._since_us[shard], begun.at_us)

    def confirm(self) -> None:
        """Nothing that was published is missing here, and no witness knows more than we do."""
        self._checked = True
        self.changed()

    def withdraw(self) -> None:
        """Something that was published turned out to be missing here."""
        self._checked = False
