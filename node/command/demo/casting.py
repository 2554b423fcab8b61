"""Who pays whom in which scene, chosen from the network alone."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from pathfinder.answer import Route
from pathfinder.core.graph import Graph
from pathfinder.core.search import find_route
from pathfinder.network import Network
from pathfinder.question import RouteQuestion
from proto.levels import Level

ATOMIC: Final = "atomic"
MIXED: Final = "mixed"
REFUSED: Final = "refused"
SILENT: Final = "silent"
KILLED: Final = "killed"
SCENES: Final = (ATOMIC, MIXED, REFUSED, SILENT, KILLED)

MAX_PAIRS: Final = 250  # a search takes some milliseconds; all pairs of 16 nodes fit
SHARE: Final = 10  # of a typical line, so that all scenes fit on it one after the other
MOST: Final = 100_000  # enough digits to see every fee
ONLY_ATOMIC: Final = frozenset({Level.ATOMIC})


@dataclass(frozen=True, slots=True)
class Role:
    """One scene's payment. `levels` empty: any. `chain`: houses from payer to payee, as searched.

    `absent`: why the network has no such scene; then nothing else counts.
    """

    scene: str
    payer: str = ""
    payee: str = ""
    brand: str = ""
    amount: int = 0
    levels: frozenset[Level] = frozenset()
    chain: tuple[str, ...] = ()
    absent: str = ""


def cast(network: Network, random: Random) -> tuple[Role, ...]:
    """A role for every scene; several pairs of equal standing are told apart by `random`."""
    graph = Graph.from_network(network)
    brand = _brand(network)
    amount = _amount(network, brand)
    pairs = _pairs(network, random)
    atomic = list(_routes(graph, pairs, brand, amount, ONLY_ATOMIC))
    free = list(_routes(graph, pairs, brand, amount, frozenset(Level)))
    by_length = sorted(atomic, key=lambda r: -len(r.hops))
    longest = by_length or sorted(free, key=lambda r: -len(r.hops))

    def role(scene: str, route: Route) -> Role:
        levels = ONLY_ATOMIC if by_length else frozenset[Level]()
        if scene == MIXED:
            levels = frozenset()
        return _role(scene, route, brand, amount, levels)

    if not longest:
        why = f"no house can pay any other {amount} {brand}"
        return tuple(Role(scene, absent=why) for scene in SCENES)
    roles = [role(ATOMIC, longest[0])]
    mixed = max(free, key=_variety)
    if _variety(mixed)[0] > 1:
        roles.append(role(MIXED, mixed))
    else:
        roles.append(Role(MIXED, absent="no cheapest chain here has two different levels"))
    roles.append(_refused(network, longest[0], brand))
    roles.append(role(SILENT, longest[1 % len(longest)]))
    if by_length and len(by_length[0].hops) > 1:
        roles.append(role(KILLED, by_length[0]))
    else:
        why = "no chain of ATOMIC promises here has a house in between"
        roles.append(Role(KILLED, absent=why))
    return tuple(roles)


def too_much(network: Network, brand: str) -> int:
    """An amount that all lines together do not carry, in however many parts."""
    return sum(line.available for line in network.lines if line.brand == brand) + 1


def _role(scene: str, route: Route, brand: str, amount: int, levels: frozenset[Level]) -> Role:
    chain = (route.hops[0].promisor, *(hop.promisee for hop in route.hops))
    return Role(scene, chain[0], chain[-1], brand, amount, levels, chain)


def _refused(network: Network, route: Route, brand: str) -> Role:
    return _role(REFUSED, route, brand, too_much(network, brand), frozenset())


def _brand(network: Network) -> str:
    brands = sorted(line.brand for line in network.lines)
    return max(dict.fromkeys(brands), key=brands.count)


def _amount(network: Network, brand: str) -> int:
    sizes = sorted(n.available for n in network.lines if n.brand == brand and n.available)
    return max(1, min(MOST, sizes[len(sizes) // 4] // SHARE)) if sizes else 1


def _pairs(network: Network, random: Random) -> list[tuple[str, str]]:
    names = sorted(node.name for node in network.nodes)
    pairs = [(p, q) for p in names for q in names if p != q]
    random.shuffle(pairs)
    return pairs[:MAX_PAIRS]


def _routes(
    graph: Graph,
    pairs: Iterable[tuple[str, str]],
    brand: str,
    amount: int,
    levels: frozenset[Level],
) -> Iterator[Route]:
    for payer, payee in pairs:
        question = RouteQuestion(payer, payee, amount, brand=brand, levels=levels)
        found = find_route(graph, question).route
        if found is not None:
            yield found


def _variety(route: Route) -> tuple[int, int]:
    return len({hop.level for hop in route.hops}), len(route.hops)
