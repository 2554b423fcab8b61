"""The fifteen houses of Florence, their marriages, and two registries that some of them trust.

Marriages: Padgett and Ansell, 1993, as `networkx.florentine_families_graph()` gives them. Limits,
fees and who trusts whom are invented.
"""

from random import Random
from typing import Final

import networkx as nx

from node.command.demo.casting import (
    ATOMIC,
    KILLED,
    MIXED,
    ONLY_ATOMIC,
    REFUSED,
    SILENT,
    Role,
    too_much,
)
from pathfinder.network import Line, Network, Node
from proto.fees import Fee, FeeSet, RegistryFee
from proto.modes import Mode
from proto.money import ONE, Rate

BRAND: Final = "florin"
CAMBIO: Final = "Arte del Cambio"  # the guild of money changers
MERCANZIA: Final = "Mercanzia"  # the merchants' court

# The prices of protocol section 6's worked numbers.
FEES: Final = FeeSet(
    {
        Mode.ATOMIC: Fee(),
        Mode.SECURED: Fee(Rate.parse("1.001")),
        Mode.GATEWAY: Fee(Rate.parse("1.003"), 2),
        Mode.BARE: Fee(Rate.parse("1.006"), 5),
    }
)
STAMPED: Final = RegistryFee(ONE, 0, Rate.parse("1.0005"), 0)

CAMBIO_HOUSES: Final = frozenset(
    {
        *("Albizzi", "Barbadori", "Castellani", "Medici", "Pazzi"),
        *("Ridolfi", "Salviati", "Strozzi", "Tornabuoni"),
    }
)
MERCANZIA_HOUSES: Final = frozenset(
    {
        *("Albizzi", "Bischeri", "Castellani", "Ginori"),
        *("Lamberteschi", "Peruzzi", "Strozzi", "Tornabuoni"),
    }
)  # Acciaiuoli and Guadagni trust neither

LEAST_LIMIT: Final = 30_000  # florins; every scene's payments fit on it together
LIMIT_STEP: Final = 5_000
LIMIT_STEPS: Final = 9


def florence(random: Random) -> Network:
    """The network; `random` draws the limits."""
    graph = nx.florentine_families_graph()
    nodes = tuple(_house(str(name)) for name in sorted(graph))
    lines = []
    for a, b in sorted(tuple(sorted(edge)) for edge in graph.edges):
        for promisor, promisee in ((a, b), (b, a)):
            limit = LEAST_LIMIT + LIMIT_STEP * random.randrange(LIMIT_STEPS)
            lines.append(Line(str(promisor), str(promisee), BRAND, limit))
    return Network((CAMBIO, MERCANZIA), (), nodes, tuple(lines))


def _house(name: str) -> Node:
    trusted = {
        registry
        for registry, houses in ((CAMBIO, CAMBIO_HOUSES), (MERCANZIA, MERCANZIA_HOUSES))
        if name in houses
    }
    return Node(
        name,
        accepts=frozenset(trusted),
        watches_registry=True,
        fees=FEES,
        registry_fees=dict.fromkeys(sorted(trusted), STAMPED),
    )


def florentine_roles(network: Network) -> tuple[Role, ...]:
    """Who plays what. The chains are what the houses between them make the cheapest."""
    return (
        Role(ATOMIC, "Pazzi", "Strozzi", BRAND, 8_000, ONLY_ATOMIC),
        # Guadagni in the middle accepts no registry: ATOMIC until there, PROXY from there on.
        Role(MIXED, "Ginori", "Lamberteschi", BRAND, 6_000),
        # Acciaiuoli, who is paid, accepts none: SECURED, and BARE at the end.
        Role(MIXED, "Pazzi", "Acciaiuoli", BRAND, 4_000),
        Role(REFUSED, "Medici", "Bischeri", BRAND, too_much(network, BRAND)),
        Role(SILENT, "Bischeri", "Castellani", BRAND, 5_000, ONLY_ATOMIC),
        Role(KILLED, "Albizzi", "Castellani", BRAND, 7_000, ONLY_ATOMIC),
    )
