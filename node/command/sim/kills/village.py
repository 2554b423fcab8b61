"""Where the killing is done: six nodes and two registries, small enough for two cores.

P, Q and S pay each other; A, B and C stand in between, so that every pair has several chains.
Everybody accepts R1. R2 is not on B's list (PROXY over B) nor on S's (S begins such chains with
BARE, and the node behind it has to watch the registry).
"""

from dataclasses import dataclass
from itertools import permutations
from typing import Final

from pathfinder.network import Line, Network, Node
from proto.fees import Fee, FeeSet
from proto.modes import Mode
from proto.money import Rate

BRAND: Final = "USD"
WIDE: Final = 2_000_000  # smallest units: no run of a few minutes uses up such a line
NARROW: Final = 200_000  # the lines to Q: LARGE does not fit into one of them
LARGE: Final = 240_000
SMALL: Final = 4_000  # most of what is paid
PAYERS: Final = ("P", "Q", "S")

FEES: Final = FeeSet(
    {
        Mode.ATOMIC: Fee(Rate.parse("1.001")),
        Mode.SECURED: Fee(Rate.parse("1.002"), 1),
        Mode.GATEWAY: Fee(Rate.parse("1.003"), 2),
        Mode.BARE: Fee(Rate.parse("1.006"), 5),
    }
)
BOTH: Final = frozenset({"R1", "R2"})
ACCEPTED: Final = dict.fromkeys("PABQCS", BOTH) | dict.fromkeys("BS", frozenset({"R1"}))


@dataclass(frozen=True, slots=True)
class Manner:
    """A way to pay: the registries and last levels that the payee offers, the levels that the
    payer allows, and how often it comes up."""

    name: str
    weight: int
    registries: tuple[str, ...]
    levels: tuple[str, ...]
    last_levels: tuple[str, ...] = ()
    amount: int = SMALL

    def possible(self, payer: str, payee: str) -> bool:
        """Whether the payee may offer it, and the payer begin a chain with one of its levels."""
        offered = set(self.registries)
        begins = "BARE" in self.levels or offered <= ACCEPTED[payer]
        return offered <= ACCEPTED[payee] and begins


MANNERS: Final = (
    Manner("atomic", 6, ("R1",), ("ATOMIC",)),
    Manner("proxy", 3, ("R2",), ("ATOMIC", "PROXY")),
    Manner("secured", 3, ("R1",), ("SECURED",)),
    Manner("gateway", 3, ("R1",), ("ATOMIC", "BARE"), ("BARE",)),
    Manner("bare", 2, (), ("BARE",)),
    Manner("any", 3, ("R1", "R2"), ("BARE", "SECURED", "ATOMIC", "PROXY")),
    Manner("late", 2, ("R2",), ("BARE", "ATOMIC", "SECURED"), ("ATOMIC", "SECURED")),
    Manner("parts", 2, ("R1",), ("ATOMIC",), amount=LARGE),
)


def village() -> Network:
    """The network, as a demo or a test builds it."""
    nodes = tuple(Node(name, accepts, True, fees=FEES) for name, accepts in ACCEPTED.items())
    joined = {
        **dict.fromkeys(("PA", "PC", "SB", "SC", "AB", "AC"), WIDE),
        **dict.fromkeys(("BQ", "CQ"), NARROW),
    }
    lines = tuple(
        Line(one, other, BRAND, limit)
        for pair, limit in joined.items()
        for one, other in permutations(pair)
    )
    return Network(("R1", "R2"), (), nodes, lines)
