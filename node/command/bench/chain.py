"""The networks of benchmarks: a few nodes and one registry that all of them accept."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from pathfinder.network import Line, Network, Node
from proto.fees import Fee, FeeSet, RegistryFee
from proto.limits import DEFAULT_HOLD_MAX_US
from proto.modes import Mode
from proto.money import ONE, Rate

BRAND: Final = "USD"
REGISTRY: Final = "Registry"
PAYER: Final = "Payer"
PAYEE: Final = "Payee"
FILLER: Final = "Filler"  # pays what nobody ends
HOP: Final = "Hop 1"
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
    return _network(row, pairwise(row), DEFAULT_HOLD_MAX_US)


def crossing_network(hold_max_us: int) -> Network:
    """Two payers with one hop between them and a payee. Promises may lock for `hold_max_us`."""
    pairs = ((FILLER, HOP), (PAYER, HOP), (HOP, PAYEE))
    return _network((FILLER, PAYER, HOP, PAYEE), pairs, hold_max_us)


def exchange_network(row: Sequence[str], payer: str, payee: str) -> Network:
    """Money goes from `payer` over whoever stands between them in the row to `payee`; the others of
    the row only exchange letters, and have a line with the payer for it."""
    chain = row[row.index(payer) : row.index(payee) + 1]
    others = [(payer, name) for name in row if name not in chain]
    return _network(row, (*pairwise(chain), *others), DEFAULT_HOLD_MAX_US)


def _network(names: Iterable[str], pairs: Iterable[tuple[str, str]], hold_max_us: int) -> Network:
    accepts, stamped = frozenset({REGISTRY}), {REGISTRY: _STAMPED}
    nodes = tuple(Node(name, accepts, True, hold_max_us, _FEES, stamped) for name in names)
    lines = tuple(Line(*ends, BRAND, LIMIT) for pair in pairs for ends in (pair, pair[::-1]))
    return Network((REGISTRY,), (), nodes, lines)
