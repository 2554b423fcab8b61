"""What the simulator must find: planted bugs, each with a scene and a seed in which it bites.

A slip is as small as a real one, and every node or registry of the run has it. Where honest people
never give it occasion, somebody beside it is wrong too (`beside`); the scene alone, and with those
people, is sound: that the same seed without the slip breaks nothing is part of the test.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final

from node.command.sim.oracle.refusals import PAYS
from node.command.sim.plan import EVERYBODY, Fault, Manner
from node.command.sim.run import Result, run
from node.command.sim.world.spec import REGISTRIES
from tests.sim import slips_beyond as beyond
from tests.sim import slips_engine as engine
from tests.sim import slips_evidence as evidence
from tests.sim import slips_promises as promises
from tests.sim.scenes import LIMIT, Scene, chain, diamond, pay, priced, trouble

Slip = Callable[[], AbstractContextManager[None]]

SEEDS_TRIED: Final = 6  # from the kept one on: what a run draws may change with its parts


@dataclass(frozen=True, slots=True)
class Mutation:
    """A planted bug. `invariant`: what is to be complained about first (protocol section 9)."""

    name: str
    slip: Slip
    invariant: int
    scene: Scene
    seed: int = 1
    beside: Slip = nullcontext

    @property
    def breaks(self) -> str:
        """In one sentence."""
        assert self.slip.__doc__
        return self.slip.__doc__

    def run(self, seed: int) -> Result:
        """With the slip."""
        with self.beside(), self.slip():
            return run(self.scene.course(seed))

    def control(self, seed: int) -> Result:
        """The same without it."""
        with self.beside():
            return run(self.scene.course(seed))

    def sound(self, result: Result) -> bool:
        """Without the slip: nothing is broken, though who asks for too much is refused."""
        told = {v.invariant for v in result.violations}
        return not result.crashed and told <= ({PAYS} if self.beside is not nullcontext else set())

    def caught(self, result: Result) -> bool:
        """Whether this is what should be complained about."""
        return bool(result.violations) and result.violations[0].invariant == self.invariant


ACCEPT_NOTHING: Final = dict.fromkeys("PABQ", ())
# P promises BARE and A ATOMIC: A has a late leak, and must watch.
LEAKY: Final = chain(
    accepts={"P": ()},
    prices={"A": priced("BARE"), "B": priced("ATOMIC")},
    watches="A",
)
# P promises SECURED, everybody behind it BARE: A can hand a bare commit in.
HALF_SECURED: Final = chain(
    accepts={"B": ()},
    prices={"A": priced("SECURED"), "B": priced("BARE")},
)
IGNORED: Final = Manner.IGNORED
CONFIRMED: Final = Manner.CONFIRMED

# The commit is late at B, and by then P is out of A's reach: only the registry is left.
CUT_BEFORE_THE_COMMIT: Final = Scene(
    HALF_SECURED,
    (
        pay(1),
        trouble(0.9, Fault.DELAY, "B", "Q", for_s=5, strength=400_000),
        trouble(1.5, Fault.PARTITION, "P", "A", for_s=40),
    ),
)

MUTATIONS: Final = (
    # -------------------------------------------------- when credit is freed
    Mutation(
        "silence-frees", promises.silence_frees, 5,
        Scene(chain(), (pay(1, "SECURED", manner=IGNORED),)),
    ),
    Mutation(
        "no-grace", promises.no_grace, 6,
        Scene(chain(), (pay(1, "BARE", manner=IGNORED),)),
    ),
    Mutation(
        "released-while-given", promises.released_while_given, 5,
        Scene(
            chain(),
            (
                pay(1, "ATOMIC", manner=Manner.ABANDONED),
                trouble(1, Fault.DELAY, "B", "Q", for_s=12, strength=5_000_000),
            ),
        ),
    ),
    Mutation(
        "ended-still-counts", promises.ended_still_counts, 3,
        Scene(chain(), (pay(1, "BARE", manner=IGNORED),)),
    ),
    Mutation(
        "abort-frees-nothing", evidence.abort_frees_nothing, 8,
        Scene(chain(), (pay(1, "ATOMIC", manner=IGNORED),)),
    ),
    # -------------------------------------------------- what is checked before a promise
    Mutation(
        "pending-left-out", promises.pending_left_out, 2,
        Scene(chain(), tuple(pay(1 + n, amount=LIMIT // 2, manner=IGNORED) for n in range(3))),
    ),
    Mutation(
        "price-rounded-down", promises.price_rounded_down, 4,
        Scene(chain(), (pay(1, amount=1001),)), beside=beyond.payers_give_less,
    ),
    Mutation(
        "price-not-checked", promises.price_not_checked, 4,
        Scene(chain(), (pay(1), pay(3, "BARE"))), beside=beyond.payers_give_less,
    ),
    Mutation(
        "watching-not-checked", promises.watching_not_checked, 6,
        Scene(
            chain(
                accepts={"P": ()}, prices={"A": priced("BARE"), "B": priced("ATOMIC")}, watches=""
            ),
            (pay(1),),
        ),
        beside=beyond.everybody_watches,
    ),
    Mutation(
        "decline-not-checked", promises.decline_not_checked, 6,
        Scene(chain(), (pay(1, "SECURED"),)), beside=beyond.payers_let_decline,
    ),
    Mutation("no-margin", promises.no_margin, 6, Scene(chain(), (pay(1, "BARE"),))),
    # -------------------------------------------------- evidence
    Mutation(
        "commit-by-one", evidence.commit_by_one, 5,
        Scene(
            chain(),
            (
                pay(1, "ATOMIC", deciders=("C",)),
                trouble(0.9, Fault.REGISTRY_DEAD, REGISTRIES[1], for_s=4),
                trouble(0.9, Fault.REGISTRY_DEAD, REGISTRIES[2], for_s=4),
            ),
        ),
    ),
    Mutation(
        "abort-by-one", evidence.abort_by_one, 5,
        Scene(
            chain(),
            (
                pay(1, "ATOMIC", deciders=("C",), manner=IGNORED),
                trouble(5, Fault.REGISTRY_DEAD, REGISTRIES[1], for_s=20),
                trouble(5, Fault.REGISTRY_DEAD, REGISTRIES[2], for_s=20),
            ),
        ),
    ),
    Mutation(
        "never-asks", evidence.never_asks, 6,
        Scene(
            LEAKY,
            (pay(1, manner=CONFIRMED), trouble(1.4, Fault.PARTITION, "A", "B", for_s=40)),
        ),
    ),
    Mutation(
        "not-handed-in", evidence.not_handed_in, 6,
        CUT_BEFORE_THE_COMMIT,
    ),
    Mutation(
        "late-certificate-refused", evidence.late_certificate_refused, 8,
        CUT_BEFORE_THE_COMMIT,
    ),
    Mutation(
        "number-not-counted", evidence.booked_in_passing, 3, Scene(chain(), (pay(1), pay(3)))
    ),
    Mutation(
        "abandoned-is-over", evidence.abandoned_is_over, 7,
        Scene(
            diamond(),
            (
                pay(1, "ATOMIC", manner=Manner.ABANDONED),
                trouble(1, Fault.DELAY, "A", "Q", for_s=20, strength=15_000_000),
                trouble(1, Fault.DELAY, "B", "Q", for_s=20, strength=15_000_000),
            ),
        ),
    ),
    # -------------------------------------------------- what carries the core
    Mutation("speaks-first", engine.speaks_first, 3, Scene(chain(), (pay(1),))),
    Mutation(
        "outbox-not-kept", engine.outbox_not_kept, 8,
        Scene(
            chain(),
            (
                trouble(1, Fault.CRASH_AT_WRITE, "A", strength=2),
                *(pay(1.1 + n, "ATOMIC") for n in range(4)),
            ),
        ),
    ),
    Mutation(
        "acknowledged-unwritten", engine.acknowledged_unwritten, 3, Scene(chain(), (pay(1),))
    ),
    Mutation(
        "heard-twice", engine.heard_twice, 3,
        Scene(
            chain(),
            (
                trouble(1, Fault.DOUBLE, "P", "A", for_s=20, strength=900),
                *(pay(1.1 + n) for n in range(4)),
            ),
        ),
    ),
    Mutation(
        "not-said-again", engine.not_said_again, 8,
        Scene(
            chain(),
            (
                trouble(1, Fault.DROP, "A", "B", for_s=6, strength=300),
                *(pay(1.1 + n, "ATOMIC") for n in range(4)),
            ),
        ),
    ),
    Mutation(
        "timers-not-loaded", engine.timers_not_loaded, 8,
        Scene(
            chain(), (pay(1, "BARE", manner=IGNORED), trouble(2.8, Fault.CRASH, "B"))
        ),
    ),
    Mutation(
        "failure-overlooked", engine.failure_overlooked, 3,
        Scene(
            chain(),
            (
                trouble(1, Fault.FAILED_WRITE, "A", for_s=1),
                *(pay(1.1 + n / 2, "ATOMIC") for n in range(3)),
            ),
        ),
    ),
    # -------------------------------------------------- registries and path finders
    Mutation(
        "committed-late", beyond.committed_late, 5,
        Scene(
            chain(),
            (
                pay(1, "ATOMIC", deciders=("R1",)),
                trouble(1, Fault.REGISTRY_SILENT, "R1", for_s=9),
            ),
        ),
    ),
    Mutation(
        "clock-first", beyond.clock_first, 5,
        Scene(
            chain(),
            (
                pay(1, "ATOMIC", deciders=("R1",), manner=CONFIRMED),
                trouble(1.4, Fault.PARTITION, "P", EVERYBODY, for_s=15),
            ),
        ),
    ),
    Mutation("a-unit-too-little", beyond.a_unit_too_little, 0, Scene(chain(), (pay(1),))),
    Mutation(
        "everybody-holds-long", beyond.everybody_holds_long, 0,
        Scene(chain(hold_max_ms=6_000), (pay(1, "ATOMIC"),)),
    ),
)  # fmt: skip

NAMED: Final = {mutation.name: mutation for mutation in MUTATIONS}
