"""Every crash of one payment, one run each: at every write, before, in and after it, and at every
send, of every node; and at every decision of the registry. Nothing is drawn, nothing left out.

A process dies at its first, second, third … write from the payment on, until a run in which it
did not come to that many: that one is, to the byte, the run without a crash.
"""

import multiprocessing
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from node.command.sim.plan import Break, Fault, Manner, Pay
from node.command.sim.run import Course, Result, run
from node.command.sim.world.disk import Death
from node.command.sim.world.spec import REGISTRIES, LineSpec, NodeSpec, Price, Spec
from proto.limits import US

SEED: Final = 1  # of delays: the crashes are where they are whatever it is
LIMIT: Final = 100_000
AMOUNT: Final = 1_000
HOLD_MAX_MS: Final = 120_000
MAX_HOPS: Final = 8  # promises: the crashes grow with the square of them
MAX_CRASHES: Final = 200  # of one kind at one place: a payment of some hops writes a dozen times
DOOMED_US: Final = US // 2
PAID_US: Final = US
# From the payment on: it is committed within a second. A registry that is not asked refuses it
# twelve seconds later, and then rows leave for the archive.
SPAN_US: Final = {Manner.PLAIN: 3 * US, Manner.IGNORED: 16 * US}
DECIDER: Final = REGISTRIES[0]

Kind = tuple[Fault, str]
AT_NODES: Final[Sequence[Kind]] = (
    *((Fault.CRASH_AT_WRITE, death.value) for death in Death),
    (Fault.CRASH_AT_SEND, ""),
)
AT_REGISTRY: Final[Sequence[Kind]] = tuple((Fault.REGISTRY_CRASH, d.value) for d in Death)


@dataclass(frozen=True, slots=True)
class Payment:
    """What is swept. `levels`: those that the payer takes, whichever are cheapest."""

    levels: tuple[str, ...]
    hops: int = 3
    manner: Manner = Manner.PLAIN

    @property
    def nodes(self) -> tuple[str, ...]:
        """From payer to payee."""
        return tuple(f"N{i}" for i in range(self.hops + 1))

    def course(self, crash: Break | None) -> Course:
        """One run of it."""
        names = self.nodes
        pay = Pay(PAID_US, names[0], names[-1], AMOUNT, self.manner, self.levels, (DECIDER,))
        plan = (pay,) if crash is None else (crash, pay)
        return Course(SEED, _chain(names), plan, PAID_US + SPAN_US[self.manner])


@dataclass(frozen=True, slots=True)
class Place:
    """Whose process dies, and at what. `when`: before, torn or after, of a write."""

    who: str
    fault: Fault
    when: str

    def crash(self, nth: int) -> Break:
        """At the nth time from the payment on."""
        return Break(DOOMED_US, self.fault, self.who, self.when, 0, nth)


@dataclass(frozen=True, slots=True)
class Swept:
    """One place of one payment. `crashes`: how many there are, each with a run of its own."""

    payment: Payment
    place: Place
    crashes: int
    failed: tuple[Result, ...]


def places_of(payment: Payment) -> list[Place]:
    """Every node and, where one is asked, the registry."""
    nodes = [Place(who, *kind) for who in payment.nodes for kind in AT_NODES]
    asked = set(payment.levels) != {"BARE"}
    return nodes + [Place(DECIDER, *kind) for kind in AT_REGISTRY if asked]


def sweep_place(payment: Payment, place: Place) -> Swept:
    """All crashes of one kind at one place."""
    whole = run(payment.course(None))
    assert whole.sound, whole
    failed: list[Result] = []
    for nth in range(1, MAX_CRASHES + 1):
        result = run(payment.course(place.crash(nth)))
        if result.trace == whole.trace:
            return Swept(payment, place, nth - 1, tuple(failed))
        if not result.sound:
            failed.append(result)
    raise AssertionError(f"{place} has no end: a crash that does not come changes the run")


def sweep_all(payments: Iterable[Payment], workers: int) -> Iterator[Swept]:
    """Place by place, as they come."""
    work = [(payment, place) for payment in payments for place in places_of(payment)]
    if workers == 1:
        yield from (sweep_place(*one) for one in work)
        return
    # Spawned, not forked: threads of gRPC in this process must not be copied half-way.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context) as pool:
        yield from pool.map(sweep_place, *zip(*work, strict=True))


def _chain(names: Sequence[str]) -> Spec:
    prices = tuple(Price(mode, 1, 2) for mode in ("ATOMIC", "SECURED", "GATEWAY", "BARE"))
    nodes = tuple(NodeSpec(name, REGISTRIES, True, HOLD_MAX_MS, prices, 0) for name in names)
    return Spec(nodes, tuple(LineSpec(a, b, LIMIT, LIMIT) for a, b in pairwise(names)))
