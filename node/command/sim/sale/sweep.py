"""Every crash of one sale, one run each: at every write, call and answer of everybody in it.

Nothing is drawn, nothing left out: a process dies at its first, second, third … time, until a run
in which it did not come to that many. All five are honest, so that the sale must end as if nothing
had happened, or with everything back where it was.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from node.command.sim.escrow.plan import Ill, Trouble
from node.command.sim.plan import Break, Fault
from node.command.sim.sale.plan import (
    AGENT,
    ARBITER,
    BUYER,
    DECIDER,
    HOUSE,
    NAMES,
    SELLER,
    Conduct,
    Course,
    Party,
    town,
)
from node.command.sim.sale.run import Result, run
from node.command.sim.spreading import spread
from node.command.sim.world.disk import Death
from proto.limits import US

SEED: Final = 1  # of delays: the crashes are where they are whatever it is
DOOMED_US: Final = US // 2
MAX_CRASHES: Final = 400  # of one kind at one place: a sale writes some hundred times
SPAN_US: Final = 45 * US  # it is released within ten seconds; who died is up again after that


@dataclass(frozen=True, slots=True)
class Place:
    """Whose process dies, and at what. `when`: before, torn or after, of a write."""

    who: str
    what: Fault | Trouble
    when: str = ""

    def course(self, nth: int) -> Course:
        """The sale, with this crash at its nth time."""
        if isinstance(self.what, Trouble):
            return _course((), (Ill(DOOMED_US, self.what, self.who, self.when, 0, nth),))
        return _course((Break(DOOMED_US, self.what, self.who, self.when, 0, nth),), ())


@dataclass(frozen=True, slots=True)
class Swept:
    """One place. `crashes`: how many there are, each with a run of its own; `released`: after how
    many of them the sale came about."""

    place: Place
    crashes: int
    released: int
    failed: tuple[Result, ...]


def _course(faults: tuple[Break, ...], ills: tuple[Ill, ...]) -> Course:
    parties = tuple(Party(role, Conduct.HONEST) for role in NAMES)
    return Course(SEED, town(), parties, (), faults, ills, span_us=SPAN_US)


def places() -> list[Place]:
    """Every process, and every way in which it can die."""
    found = []
    for who in (BUYER, SELLER, AGENT, ARBITER, HOUSE):
        found += [Place(who, Fault.CRASH_AT_WRITE, death.value) for death in Death]
        found += [Place(who, kind) for kind in (Trouble.DIES_AT_CALL, Trouble.DIES_AT_ANSWER)]
    found += [Place(HOUSE, Trouble.TITLES_DIE, death.value) for death in Death]
    return found + [Place(DECIDER, Fault.REGISTRY_CRASH, death.value) for death in Death]


def sweep_place(place: Place, most: int = MAX_CRASHES) -> Swept:
    """All crashes of one kind at one place; no more than `most`."""
    whole = run(_course((), ()))
    assert whole.sound, (whole.breaches, whole.crashed)
    failed: list[Result] = []
    released = 0
    for nth in range(1, most + 1):
        result = run(place.course(nth))
        if result.trace == whole.trace:
            return Swept(place, nth - 1, released, tuple(failed))
        released += all(one.ended == "released" for one in result.outcomes)
        if not result.sound:
            failed.append(result)
    return Swept(place, most, released, tuple(failed))


def sweep_all(wanted: Iterable[Place], workers: int) -> Iterator[Swept]:
    """Place by place, as they come."""
    yield from spread(sweep_place, wanted, workers)
