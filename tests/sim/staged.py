"""A chain of four, payments along it, and lies told from the first moment on."""

from collections.abc import Iterable, Sequence
from itertools import pairwise

from node.command.sim.plan import Action, Break, Fault, Manner, Pay
from node.command.sim.run import Course, Result, run
from node.command.sim.world.spec import REGISTRIES, LineSpec, NodeSpec, Price, Spec

SECOND_US = 1_000_000
NAMES = ("P", "A", "B", "Q")
PRICES = tuple(Price(mode, 1, 1) for mode in ("ATOMIC", "SECURED", "GATEWAY", "BARE"))


def chain(wary: str = "") -> Spec:
    """P–A–B–Q: everybody watches, asks a little, and accepts every registry, `wary` apart."""
    nodes = tuple(
        NodeSpec(name, () if name == wary else REGISTRIES, True, 120_000, PRICES, 0)
        for name in NAMES
    )
    lines = (LineSpec(one, other, 500_000, 500_000) for one, other in pairwise(NAMES))
    return Spec(nodes, tuple(lines))


def lie(who: str, *lies: Fault, per_mille: int = 1000) -> list[Action]:
    """From the start to the end of every run."""
    return [Break(0, fault, who, "", 3600 * SECOND_US, per_mille) for fault in lies]


def pay(
    at_s: int, *levels: str, amount: int = 700, ends: tuple[str, str] = ("P", "Q"),
    manner: Manner = Manner.PLAIN, decider: str = REGISTRIES[0],
) -> Pay:  # fmt: skip
    """Under one registry; `levels` empty: whatever is cheapest."""
    return Pay(at_s * SECOND_US, *ends, amount, manner, levels, (decider,))


def staged(actions: Iterable[Action], seed: int = 1, span_s: int = 20, wary: str = "") -> Result:
    """The run of these events."""
    plan: Sequence[Action] = sorted(actions, key=lambda action: action.at_us)
    return run(Course(seed, chain(wary), tuple(plan), span_s * SECOND_US))


def broken(result: Result) -> set[int]:
    """The numbers of the invariants that did not hold."""
    return {violation.invariant for violation in result.violations}


def told(result: Result) -> str:
    """What to read where a run is not sound."""
    faults = [f"{v.where}: invariant {v.invariant}: {v.what}" for v in result.violations]
    return "\n".join([result.crashed, *faults, str(result.lies)])
