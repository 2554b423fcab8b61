"""The loss table of protocol section 3, found by search and compared with the published one."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum, unique
from itertools import combinations, product
from types import MappingProxyType
from typing import Final

from node.command.sim.risk.search import MAX_STATES, Found, search
from node.command.sim.risk.setting import AMOUNT, BY_HAND, refusal_of, setting, with_clocks
from node.command.sim.risk.stage import Served
from proto.levels import Level
from proto.limits import CLOCK_ERROR_MAX_US
from proto.modes import Loss, Mode, mode_of
from proto.reason import Reason


@unique
class Fault(IntEnum):
    """What may be missing, or done on purpose, while X is between two promises."""

    NOT_U = 1
    WAITS = 2
    NOT_R = 3
    NOT_W = 4

    @property
    def words(self) -> str:
        return _WORDS[self]


_WORDS: Final[Mapping[Fault, str]] = MappingProxyType(
    {
        Fault.NOT_U: "not U",
        Fault.WAITS: "the downstream waits",
        Fault.NOT_R: "not R",
        Fault.NOT_W: "not W",
    }
)

Faults = frozenset[Fault]
"""Of one condition; what is not named holds: U, R, W, and a downstream that does not wait."""

Sets = tuple[Faults, ...]
"""Sets of faults, the smallest first: X loses where all faults of one of them hold together."""

LOSES_IN: Final[Mapping[Loss, Sets]] = MappingProxyType(
    {
        Loss.NOTHING: (),
        Loss.NOT_U: (frozenset({Fault.NOT_U}),),
        Loss.NOT_R: (frozenset({Fault.NOT_R}),),
        Loss.NOT_U_AND_NOT_R: (frozenset({Fault.NOT_U, Fault.NOT_R}),),
        Loss.LATE_LEAK: (
            frozenset({Fault.NOT_U}),
            frozenset({Fault.WAITS, Fault.NOT_R}),
            frozenset({Fault.WAITS, Fault.NOT_W}),
        ),
    }
)
"""The words of the published table as sets."""

B, S, A, P = Level.BARE, Level.SECURED, Level.ATOMIC, Level.PROXY
_LINES: Final[Mapping[Level, tuple[Loss | None, ...]]] = MappingProxyType(
    {
        B: (Loss.NOT_U, Loss.LATE_LEAK, Loss.LATE_LEAK, Loss.NOT_U),
        S: (Loss.NOT_U_AND_NOT_R, Loss.NOT_U_AND_NOT_R, Loss.NOTHING, Loss.NOTHING),
        A: (Loss.NOT_R, Loss.NOT_R, Loss.NOTHING, Loss.NOTHING),
        P: (None, None, Loss.LATE_LEAK, Loss.NOT_U),
    }
)
PUBLISHED: Final[Mapping[tuple[Level, Level], Loss | None]] = MappingProxyType(
    {(held, given): _LINES[held][given] for held, given in product(Level, Level)}
)
"""The second table of protocol section 3: (held, given) -> what X can lose; None: never used."""


@dataclass(frozen=True, slots=True)
class Depth:
    """How much is looked at: every set of faults, or only those that others do not decide; moments
    beside each mark, clocks that are wrong by so many µs, abandonments, crashes of X; and how many
    states."""

    every: bool = False
    finely: bool = False
    clock_us: int = 0
    abandons: int = 0
    crashes: int = 0
    max_states: int = MAX_STATES


DEPTHS: Final = (
    Depth(),
    Depth(every=True, clock_us=CLOCK_ERROR_MAX_US),
    Depth(finely=True, abandons=1, crashes=1),
)
"""By number, from 1 on."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One pair of levels. `found` and `published`: when X loses; None: X refuses such a pair.

    `losses`: by set of faults, the shortest schedule that was found for it. `refused`: what X says
    to who dictates it a pair that no chain has. `states` and `searches` are sums.
    """

    incoming: Level
    outgoing: Level
    published: Sets | None
    found: Sets | None
    losses: Mapping[Faults, Found]
    states: int = 0
    searches: int = 0
    whole: bool = True
    refused: Reason | None = None

    @property
    def mode(self) -> Mode | None:
        return mode_of(self.incoming, self.outgoing)

    @property
    def lost(self) -> int:
        """The most that X lost in any schedule, in smallest units."""
        return max((found.lost for found in self.losses.values()), default=0)

    @property
    def breach(self) -> str:
        """What the core found broken in its own books, if anything."""
        return next((f.breach for f in self.losses.values() if f.breach), "")

    @property
    def same(self) -> bool:
        """As published, for certain, and never more than the outgoing amount."""
        return (
            self.found == self.published
            and self.whole
            and not self.breach
            and self.lost in (0, AMOUNT)
        )


def cells(
    pairs: list[tuple[Level, Level]] | None = None,
    depth: Depth = DEPTHS[0],
    told: Callable[[str], None] = lambda line: None,
) -> Iterator[Cell]:
    """Each pair in the order of the table, as soon as it is found. `told`: which one is next."""
    for incoming, outgoing in pairs or list(product(Level, Level)):
        told(f"searching {incoming.name} to {outgoing.name}")
        yield cell(incoming, outgoing, depth)


def cell(incoming: Level, outgoing: Level, depth: Depth = DEPTHS[0]) -> Cell:
    """One pair of levels, under every set of faults."""
    loss = PUBLISHED[incoming, outgoing]
    published = None if loss is None else LOSES_IN[loss]
    never_used = mode_of(incoming, outgoing) is None
    refused = None
    if never_used or (incoming, outgoing) == BY_HAND:
        refused = refusal_of(incoming, outgoing)
    if never_used and refused is not None:
        return Cell(incoming, outgoing, published, None, {}, refused=refused)
    searched = _search_all(incoming, outgoing, depth, watches=True)
    idle = setting(incoming, outgoing, watches=False).stage.key()
    if idle != setting(incoming, outgoing).stage.key():
        # Else there is nothing to watch for: the same stage with and without.
        searched |= _search_all(incoming, outgoing, depth, watches=False)
    losses = {faults: found for faults, found in searched.items() if _loses(found)}
    return Cell(
        incoming,
        outgoing,
        published,
        minimal(set(losses)),
        losses,
        states=sum(found.states for found in searched.values()),
        searches=len(searched),
        whole=all(found.whole for found in searched.values()),
        refused=refused,
    )


def minimal(losing: set[Faults]) -> Sets:
    """Those that hold no other one, in a fixed order."""
    least = [faults for faults in losing if not any(other < faults for other in losing)]
    return tuple(sorted(least, key=lambda faults: (len(faults), sorted(faults))))


def _search_all(
    incoming: Level, outgoing: Level, depth: Depth, *, watches: bool
) -> dict[Faults, Found]:
    """What decides about every set of faults that the network and the downstream can have.

    Whatever happens where less is missing can happen where more is: what is safe with some faults
    is safe with fewer, what loses with some loses with more, and unless `depth.every` neither is
    searched. Of moments only the marks are tried, so that is checked by searching every set too.
    """
    begin = setting(incoming, outgoing, watches=watches, finely=depth.finely)
    searched: dict[Faults, Found] = {}
    for faults in _order(PUBLISHED[incoming, outgoing], watches):
        decided = any(_decides(known, found, faults) for known, found in searched.items())
        if decided and not depth.every:
            continue
        stage = begin.stage.fork()
        stage.served = Served(Fault.NOT_U not in faults, Fault.NOT_R not in faults)
        stage.abandons_left, stage.crashes_left = depth.abandons, depth.crashes
        starts = with_clocks(stage, depth.clock_us, finely=depth.finely)
        adversary = begin.adversary(patient=Fault.WAITS in faults)
        searched[faults] = search(starts, adversary, max_states=depth.max_states)
    return searched


def _decides(known: Faults, found: Found, faults: Faults) -> bool:
    return known < faults if _loses(found) else faults < known


def _order(loss: Loss | None, watches: bool) -> list[Faults]:
    """Every set, in the order that needs the fewest searches where the published table is right:
    the least that should lose, the most that should not. Where it is wrong, more are needed."""
    own = frozenset() if watches else frozenset({Fault.NOT_W})
    outer = (Fault.NOT_U, Fault.WAITS, Fault.NOT_R)
    every = [own | frozenset(x) for n in (3, 2, 1, 0) for x in combinations(outer, n)]
    losing = LOSES_IN[loss] if loss is not None else ()

    def should_lose(faults: Faults) -> bool:
        return any(least <= faults for least in losing)

    def first(faults: Faults) -> bool:
        if should_lose(faults):
            return not any(should_lose(other) for other in every if other < faults)
        return all(should_lose(other) for other in every if other > faults)

    return sorted(every, key=lambda faults: not first(faults))


def _loses(found: Found) -> bool:
    return found.loss is not None
