"""What the node asks a path finder, whichever serves it: in this process or another."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from proto.adverts import Advert
from proto.keys import NodeId
from proto.levels import Level
from proto.limits import MAX_AMOUNT, MAX_HOPS
from proto.modes import Mode
from proto.policy import RegistryPolicy
from proto.schedule import Schedule

LineEnds = tuple[NodeId, NodeId]


@dataclass(frozen=True, slots=True)
class RouteQuery:
    """Which chain lets `payee` receive `amount` at the least cost? Ids are node and brand ids.

    `accepted`: the policies under which the payee stamps. `candidates`: the policies to try beside
    the empty one. `latest_deadline` and `payee_margin_us` are µs from now.
    """

    payer: NodeId
    payee: NodeId
    brand: bytes
    amount: int
    candidates: tuple[RegistryPolicy, ...]
    accepted: tuple[RegistryPolicy, ...]
    levels: frozenset[Level]
    last_levels: frozenset[Level]
    payee_margin_us: int
    latest_deadline: int
    now_us: int
    max_hops: int = MAX_HOPS
    max_cost: int = MAX_AMOUNT
    avoid_lines: frozenset[LineEnds] = frozenset()
    learned: Mapping[LineEnds, int] | None = None


@dataclass(frozen=True, slots=True)
class RouteHop:
    """One promise of a chain, with the amount that its promisee is promised."""

    promisor: NodeId
    promisee: NodeId
    level: Level
    amount: int


@dataclass(frozen=True, slots=True)
class RouteFound:
    """A chain as the payer will dictate it. The schedule is µs from now."""

    hops: tuple[RouteHop, ...]
    modes: tuple[tuple[NodeId, Mode], ...]
    policy: RegistryPolicy
    schedule: Schedule
    exact: bool

    @property
    def cost(self) -> int:
        return self.hops[0].amount


@dataclass(frozen=True, slots=True)
class NoRoute:
    """Why: entries as in the `reasons` of protocol section 10."""

    exact: bool
    reasons: tuple[Mapping[str, Any], ...]


class RouteFinder(Protocol):
    """A path finder as a node uses it."""

    def observe(self, advert: Advert) -> None:
        """A verified advert. The newest sequence wins; called on trio."""
        ...

    async def find(self, query: RouteQuery) -> RouteFound | NoRoute:
        """The cheapest viable chain of what has been observed so far."""
        ...

    def recall(self, query: RouteQuery) -> RouteFound | None:
        """What `find` would find, where that is known without a search."""
        ...

    def export(self, now_us: int) -> Mapping[str, Any]:
        """The network as a network file (protocol section 10)."""
        ...

    def size(self) -> tuple[int, int]:
        """(nodes, lines) known."""
        ...
