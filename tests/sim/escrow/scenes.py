"""Short courses in which one thing can be seen: one exchange, nothing that goes wrong by itself."""

from dataclasses import replace
from typing import Any, Final

from node.command.sim.escrow.cases import BY_NAME
from node.command.sim.escrow.plan import (
    Course,
    Crooked,
    Deal,
    Ill,
    Manner,
    Trouble,
    village,
)
from node.command.sim.plan import Break, Fault

S: Final = 1_000_000
SPAN_US: Final = 20 * S  # longer than an exchange that one of its seats does not sign
WITHIN_S: Final = 15
JOIN_S: Final = 10


def deal(case: str, *people: str, **changes: Any) -> Deal:
    """Proposed by whoever sits first, decided by R1, its rights kept by K1, K2 and K3 in turn."""
    what = BY_NAME[case]
    keepers = tuple(
        "" if leg.kind == "money" else f"K{1 + no % 3}" for no, leg in enumerate(what.legs)
    )
    made = Deal(
        at_us=S,
        number=1,
        case=case,
        people=people,
        manners=(Manner.STANDING,) * len(people),
        keepers=keepers,
        initiator=people[0],
        coordinators=(),
        registries=("R1",),
        within_s=WITHIN_S,
        join_s=JOIN_S,
    )
    return replace(made, **changes)


def course(
    *deals: Deal,
    seed: int = 1,
    crooks: tuple[Crooked, ...] = (),
    ills: tuple[Ill, ...] = (),
    faults: tuple[Break, ...] = (),
) -> Course:
    """One run of them."""
    numbered = tuple(replace(one, number=n) for n, one in enumerate(deals, 1))
    return Course(seed, village(), numbered, faults, ills, crooks, SPAN_US)


def crook(who: str, *tricks: str) -> Crooked:
    """One who takes every occasion for these tricks, and knows no other."""
    return Crooked(who, 1000, frozenset(tricks))


def ill(
    at_s: float, trouble: Trouble, who: str, other: str = "", for_s: int = 0, n: int = 0
) -> Ill:
    """In seconds."""
    return Ill(round(at_s * S), trouble, who, other, for_s * S, n)


def trouble(at_s: float, fault: Fault, who: str, for_s: int = 0, n: int = 0) -> Break:
    """In seconds."""
    return Break(round(at_s * S), fault, who, "", for_s * S, n)
