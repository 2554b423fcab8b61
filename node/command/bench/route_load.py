"""What the path finder is asked in a benchmark: who pays whom, and how much. From the seed alone.

Payees are uniform over all nodes, so some cannot be reached. Payers have lines enough to choose
from: with fewer there is little to search.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from node.command.bench.route_result import OWN
from pathfinder.network import Network
from pathfinder.question import RouteQuestion
from pathfinder.synthetic import log_uniform

PAYER_LINES: Final = 4  # at least; where nobody has as many, whoever has most
WARM_UP: Final = 20  # questions, unless told otherwise


@dataclass(frozen=True, slots=True)
class Load:
    """`warm_up` goes first: from the same payer but to other payees (OWN), or from other payers."""

    warm_up: Sequence[RouteQuestion]
    questions: Sequence[RouteQuestion]


def load(
    network: Network,
    brand: str,
    payer: str,
    queries: int,
    amounts: tuple[int, int],
    rng: Random,
    warm_up: int = WARM_UP,
) -> Load:
    """The network has at least two nodes and a line in that brand."""
    names = [node.name for node in network.nodes]
    payers = _payers(network, brand)
    rng.shuffle(payers)
    total = warm_up + queries
    # Where there are fewer nodes than questions, some come again.
    asking = [payers[0]] * total if payer == OWN else _cycled(payers, total)
    others = names.copy()
    rng.shuffle(others)
    warm, measured = others[: len(others) // 2], others[len(others) // 2 :]
    made = []
    for i, who in enumerate(asking):
        pool = warm if i < warm_up else measured
        payee = who
        while payee == who:
            payee = rng.choice(pool if len(pool) > 1 else names)
        made.append(RouteQuestion(who, payee, log_uniform(*amounts, rng), brand=brand))
    return Load(made[:warm_up], made[warm_up:])


def _cycled(payers: list[str], total: int) -> list[str]:
    return [payers[i % len(payers)] for i in range(total)]


def _payers(network: Network, brand: str) -> list[str]:
    counts = Counter(line.promisor for line in network.lines if line.brand == brand)
    enough = min(PAYER_LINES, max(counts.values()))
    return sorted(name for name, count in counts.items() if count >= enough)
