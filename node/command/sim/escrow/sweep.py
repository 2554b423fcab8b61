"""Every crash of one exchange, one run each: money and two registrars under one decision.

At every write of every store, before, in and after it; at every frame and every call that sets out,
and between the effect of every call and its answer; at the coordinator, both registrars, both
parties and the registry. Nothing is drawn, nothing left out: a process dies at its first, second,
third … time, until a run in which it did not come to that many.
"""

import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Final

from node.command.sim.escrow.cases import BUNDLE
from node.command.sim.escrow.plan import HELPER, Course, Deal, Ill, Manner, Trouble, village
from node.command.sim.escrow.run import Result, run
from node.command.sim.plan import Break, Fault
from node.command.sim.world.disk import Death
from proto.limits import US

SEED: Final = 1  # of delays: the crashes are where they are whatever it is
BUYER, SELLER = "Ann", "Bob"
REGISTRY: Final = "R1"
LAND, SIZE = "K1", "K2"
DOOMED_US: Final = US // 2
PROPOSED_US: Final = US
SPAN_US: Final = 8 * US  # it is committed within two seconds; who died is up again after that
MAX_CRASHES: Final = 400  # of one kind at one place: an exchange writes a few dozen times


@dataclass(frozen=True, slots=True)
class Place:
    """Whose process dies, and at what. `when`: before, torn or after, of a write."""

    who: str
    what: Fault | Trouble
    when: str = ""

    def course(self, nth: int) -> Course:
        """The exchange, with this crash at its nth time."""
        if isinstance(self.what, Trouble):
            ill = Ill(DOOMED_US, self.what, self.who, self.when, 0, nth)
            return _course((), (ill,))
        return _course((Break(DOOMED_US, self.what, self.who, self.when, 0, nth),), ())


@dataclass(frozen=True, slots=True)
class Swept:
    """One place. `crashes`: how many there are, each with a run of its own."""

    place: Place
    crashes: int
    committed: int
    failed: tuple[Result, ...]


def _course(faults: tuple[Break, ...], ills: tuple[Ill, ...]) -> Course:
    deal = Deal(
        at_us=PROPOSED_US,
        number=1,
        case=BUNDLE.name,
        people=(BUYER, SELLER),
        manners=(Manner.STANDING, Manner.STANDING),
        keepers=("", LAND, SIZE),
        initiator=BUYER,
        coordinators=(HELPER,),
        registries=(REGISTRY,),
        within_s=20,
        join_s=10,
    )
    return Course(SEED, village(), (deal,), faults, ills, (), SPAN_US)


def places() -> list[Place]:
    """Every process, and every way in which it can die."""
    found = []
    for who in (BUYER, SELLER, HELPER, LAND, SIZE):
        found += [Place(who, Fault.CRASH_AT_WRITE, death.value) for death in Death]
        calls = (Fault.CRASH_AT_SEND, Trouble.DIES_AT_CALL, Trouble.DIES_AT_ANSWER)
        found += [Place(who, kind) for kind in calls]
    for who in (LAND, SIZE):
        found += [Place(who, Trouble.TITLES_DIE, death.value) for death in Death]
    return found + [Place(REGISTRY, Fault.REGISTRY_CRASH, death.value) for death in Death]


def sweep_place(place: Place, most: int = MAX_CRASHES) -> Swept:
    """All crashes of one kind at one place; no more than `most`."""
    whole = run(_course((), ()))
    assert whole.sound, (whole.breaches, whole.crashed)
    failed: list[Result] = []
    committed = 0
    for nth in range(1, most + 1):
        result = run(place.course(nth))
        if result.trace == whole.trace:
            return Swept(place, nth - 1, committed, tuple(failed))
        committed += all(outcome.committed for outcome in result.outcomes)
        if not result.sound:
            failed.append(result)
    return Swept(place, most, committed, tuple(failed))


def sweep_all(wanted: Iterable[Place], workers: int) -> Iterator[Swept]:
    """Place by place, as they come."""
    if workers == 1:
        yield from map(sweep_place, wanted)
        return
    # Spawned, not forked: threads of gRPC in this process must not be copied half-way.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context) as pool:
        yield from pool.map(sweep_place, wanted)
