"""What happens in a run: payments and faults, each with its moment, drawn from a seed (pure).

A plan is a list that can be cut: whatever is left out of it, the rest means the same. That is how a
failure is brought down to the few events that it needs.
"""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from node.command.sim.world.spec import COLLECTIVE, REGISTRIES, Names, Spec

SECOND_US: Final = 1_000_000
EVERYBODY: Final = "*"
WORTH_SPLITTING: Final = 9_000  # nobody has it proven how three units are paid the cheapest way


@enum.unique
class Fault(enum.Enum):
    """What can go wrong, by the word that `--faults` takes."""

    DROP = "drop"
    DOUBLE = "duplicate"
    REORDER = "reorder"
    DELAY = "delay"
    PARTITION = "partition"
    CRASH = "crash"
    CRASH_AT_WRITE = "crash-at-write"
    CRASH_AT_SEND = "crash-at-send"
    TORN_WRITE = "torn-write"
    FAILED_WRITE = "failed-write"
    FULL_DISK = "full-disk"
    SLOW_DISK = "slow-disk"
    CLOCK_SKEW = "clock-skew"
    CLOCK_JUMP = "clock-jump"
    REGISTRY_DEAD = "registry-dead"
    REGISTRY_SLOW = "registry-slow"
    REGISTRY_SILENT = "registry-silent"
    REGISTRY_CRASH = "registry-crash"
    REGISTRY_CUT = "registry-cut"
    LIE_AMOUNT = "lie-amount"
    LIE_REPLAY = "lie-replay"
    LIE_EVIDENCE = "lie-evidence"
    LIE_LATE = "lie-late"
    LIE_SILENCE = "lie-silence"
    LIE_DENIAL = "lie-denial"
    LIE_ORDER = "lie-order"
    LIE_LINE = "lie-line"
    LIE_NUMBERS = "lie-numbers"
    LIE_PAYEE = "lie-payee"
    LIE_PAYER = "lie-payer"
    REGISTRY_BACKDATES = "registry-backdates"
    REGISTRY_EQUIVOCATES = "registry-equivocates"
    REGISTRY_WITHHOLDS = "registry-withholds"


REGISTRY_LIES: Final = (
    Fault.REGISTRY_BACKDATES, Fault.REGISTRY_EQUIVOCATES, Fault.REGISTRY_WITHHOLDS,
)  # fmt: skip
NODE_LIES: Final = tuple(fault for fault in Fault if fault.value.startswith("lie-"))
LIES: Final = (*NODE_LIES, *REGISTRY_LIES)
# Of the runs that may see lies, so many see none: among the honest the books must match to the
# last, and a liar excuses what only hangs on it.
HONEST_RUNS: Final = 0.5
LIARS_AMONG: Final = 4  # nodes, one of them


@enum.unique
class Manner(enum.Enum):
    """How the people at both ends behave."""

    PLAIN = "plain"
    CONFIRMED = "confirmed"  # the payee looks first, and then takes it
    DECLINED = "declined"  # the payee looks, and does not want it
    IGNORED = "ignored"  # the payee never looks
    ABANDONED = "abandoned"  # the payer no longer wants it
    SPLIT = "split"  # over several chains


@dataclass(frozen=True, slots=True)
class Pay:
    """At `at_us`, `payee` asks for `amount` and `payer` pays. `levels` empty: whatever is cheapest.
    `deciders`: under which policies the payee takes it; empty: under all that it accepts."""

    at_us: int
    payer: str
    payee: str
    amount: int
    manner: Manner
    levels: Names
    deciders: Names


@dataclass(frozen=True, slots=True)
class Break:
    """At `at_us` something goes wrong at `who` (and `other`), for `for_us` where it lasts.

    `strength`: which write or send from now, per mille of frames or of occasions to lie, or
    microseconds of a clock or a delay, as the fault has it. `other` of a crash at a write: when in
    it, where strength alone is not to say so (a value of `world.disk.Death`).
    """

    at_us: int
    fault: Fault
    who: str
    other: str
    for_us: int
    strength: int


@dataclass(frozen=True, slots=True)
class Grant:
    """At `at_us` the owner of `who` changes what it grants to `other`, down to nothing."""

    at_us: int
    who: str
    other: str
    limit: int


Action = Pay | Break | Grant


def draw_plan(
    random: Random, spec: Spec, payments: int, faults: Iterable[Fault], span_us: int
) -> tuple[Action, ...]:
    """Payments spread over a span of time, and about as many faults; in the order of time."""
    kinds = sorted(faults, key=lambda fault: fault.value)
    if not set(kinds) <= set(LIES) and random.random() < HONEST_RUNS:
        kinds = [kind for kind in kinds if kind not in LIES]
    liars = random.sample(spec.names(), -(-len(spec.nodes) // LIARS_AMONG))
    actions: list[Action] = [_pay(random, spec, span_us) for _ in range(payments)]
    if kinds:
        count = max(len(kinds), payments)
        # Each kind at least once where there is room: a run that was to see a fault sees it.
        for i in range(count):
            kind = kinds[i] if i < len(kinds) else random.choice(kinds)
            if kind in LIES:
                actions.append(_lie(random, liars, kind, span_us))
            else:
                actions.append(_break(random, spec, kind, span_us))
    return in_order(actions)


def draw_grants(random: Random, spec: Spec, count: int, span_us: int) -> list[Grant]:
    """So many owners who change their minds about a neighbour."""
    grants = []
    for _ in range(count):
        line = random.choice(spec.lines)
        one, other = random.sample((line.one, line.other), 2)
        limit = random.choice((0, 500, 10_000, 500_000))
        grants.append(Grant(random.randrange(span_us), one, other, limit))
    return grants


def in_order(actions: Iterable[Action]) -> tuple[Action, ...]:
    """A plan is in the order of time."""
    return tuple(sorted(actions, key=lambda action: action.at_us))


def _pay(random: Random, spec: Spec, span_us: int) -> Pay:
    payer, payee = random.sample(spec.names(), 2)
    manner = random.choices(tuple(Manner), (60, 10, 8, 6, 8, 8))[0]
    levels: Sequence[str] = ()
    if random.random() < 0.4:
        every = ("BARE", "SECURED", "ATOMIC", "PROXY")
        levels = [level for level in every if random.random() < 0.6] or ["BARE"]
    deciders: Sequence[str] = ()
    if random.random() < 0.5:
        deciders = [random.choice((*REGISTRIES, COLLECTIVE))]
    amount = random.choice((1, 50, 700, 1_500, 9_000, 40_000))
    if manner is Manner.SPLIT and amount < WORTH_SPLITTING:
        manner = Manner.PLAIN
    at_us = random.randrange(span_us)
    return Pay(at_us, payer, payee, amount, manner, tuple(levels), tuple(deciders))


def _break(random: Random, spec: Spec, fault: Fault, span_us: int) -> Break:
    at_us = random.randrange(span_us)
    for_us = random.choice((1, 5, 15, 40)) * SECOND_US
    line = random.choice(spec.lines)
    node = random.choice(spec.names())
    registry = random.choice(REGISTRIES)
    match fault:
        case Fault.DROP | Fault.DOUBLE | Fault.REORDER:
            return Break(at_us, fault, line.one, line.other, for_us, random.choice((50, 300, 900)))
        case Fault.DELAY:
            slow_us = random.choice((100_000, 800_000, 4 * SECOND_US, 15 * SECOND_US))
            return Break(at_us, fault, line.one, line.other, for_us, slow_us)
        case Fault.PARTITION:
            other = random.choice((line.other, line.other, EVERYBODY))
            return Break(at_us, fault, line.one, other, for_us, 0)
        case Fault.CRASH_AT_WRITE | Fault.CRASH_AT_SEND | Fault.TORN_WRITE:
            return Break(at_us, fault, node, "", 0, random.randint(1, 8))
        case Fault.CLOCK_SKEW:
            return Break(at_us, fault, node, "", for_us, random.randint(-250_000, 250_000))
        case Fault.CLOCK_JUMP:
            jump_us = random.choice((-30, -5, -1, 1, 5, 30, 300)) * SECOND_US
            return Break(at_us, fault, node, "", for_us, jump_us)
        case Fault.REGISTRY_DEAD | Fault.REGISTRY_SILENT:
            return Break(at_us, fault, registry, "", for_us, 0)
        case Fault.REGISTRY_SLOW:
            return Break(at_us, fault, registry, "", for_us, random.choice((1, 3, 8)) * SECOND_US)
        case Fault.REGISTRY_CRASH:
            return Break(at_us, fault, registry, "", 0, random.randint(1, 6))
        case Fault.REGISTRY_CUT:
            return Break(at_us, fault, node, registry, for_us, 0)
        case _:
            return Break(at_us, fault, node, "", for_us, 0)


def _lie(random: Random, liars: Sequence[str], lie: Fault, span_us: int) -> Break:
    """Lies begin early: they strike what is said after them, and nothing heals a liar."""
    at_us = random.randrange(span_us // 2)
    for_us = random.choice((10, 60, 600)) * SECOND_US
    who = random.choice(REGISTRIES if lie in REGISTRY_LIES else liars)
    return Break(at_us, lie, who, "", for_us, random.choice((100, 400, 1000)))


def liars_in(plan: Iterable[Action]) -> frozenset[str]:
    """Nodes that lie at some time: what they hold and owe is nobody's business."""
    return frozenset(a.who for a in plan if isinstance(a, Break) and a.fault in NODE_LIES)


def shown(action: Action) -> str:
    """One line for people; what `--plan` reads back is JSON."""
    at_s = action.at_us / SECOND_US
    match action:
        case Pay():
            wishes = [*action.levels, *action.deciders, action.manner.value]
            return (
                f"{at_s:9.3f} s  pay  {action.payer} → {action.payee} {action.amount}"
                f" ({', '.join(wishes)})"
            )
        case Grant():
            return f"{at_s:9.3f} s  grant  {action.who} to {action.other} {action.limit}"
        case Break():
            where = action.who + (f"–{action.other}" if action.other else "")
            lasts = f" for {action.for_us / SECOND_US:g} s" if action.for_us else ""
            how = f" [{action.strength}]" if action.strength else ""
            return f"{at_s:9.3f} s  {action.fault.value}  {where}{lasts}{how}"
