"""The network of a benchmark: one chain of nodes and one registry that all of them accept."""

from itertools import pairwise
from typing import Final

from pathfinder.network import Line, Network, Node
from proto.fees import Fee, FeeSet, RegistryFee
from proto.modes import Mode
from proto.money import ONE, Rate

BRAND: Final = "USD"
REGISTRY: Final = "Registry"
PAYER: Final = "Payer"
PAYEE: Final = "Payee"
AMOUNT: Final = 1000  # of every payment: enough digits for every fee below to be charged
LIMIT: Final = 10**15  # of every line: no run comes near it

# Fees as somebody would charge them: all of their arithmetic is done.
_FEES: Final = FeeSet(
    {
        Mode.ATOMIC: Fee(),
        Mode.SECURED: Fee(Rate.parse("1.001")),
        Mode.GATEWAY: Fee(Rate.parse("1.003"), 2),
        Mode.BARE: Fee(Rate.parse("1.006"), 5),
    }
)
_STAMPED: Final = RegistryFee(ONE, 0, Rate.parse("1.0005"), 0)


def names(hops: int) -> tuple[str, ...]:
    """Payer first; `hops` promises need hops + 1 nodes."""
    return (PAYER, *(f"Hop {i}" for i in range(1, hops)), PAYEE)


def chain_network(hops: int) -> Network:
    """Nodes in a row, each with a line to the next one."""
    row = names(hops)
    accepts = frozenset({REGISTRY})
    nodes = tuple(
        Node(name, accepts, True, fees=_FEES, registry_fees={REGISTRY: _STAMPED}) for name in row
    )
    lines = tuple(
        Line(*ends, BRAND, LIMIT) for pair in pairwise(row) for ends in (pair, pair[::-1])
    )
    return Network((REGISTRY,), (), nodes, lines)
