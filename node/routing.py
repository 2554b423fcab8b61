"""What the node asks a path finder, whichever serves it: in this process or another."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
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
    the empty one. `latest_deadline` and `payee_margin_us` are µs from now. `max_parts`: most chains
    under one commit; several only where no single one carries the amount, unless `split_to_save`:
    then also where they cost less. Shares are multiples of `unit`.
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
    max_parts: int = 1
    split_to_save: bool = False
    unit: int = 1


@dataclass(frozen=True, slots=True)
class RouteHop:
    """One promise of a chain, with the amount that its promisee is promised."""

    promisor: NodeId
    promisee: NodeId
    level: Level
    amount: int


@dataclass(frozen=True, slots=True)
class RoutePart:
    """One chain. `modes` are of its intermediaries, payer first; the schedule is µs from now."""

    hops: tuple[RouteHop, ...]
    modes: tuple[tuple[NodeId, Mode], ...]
    schedule: Schedule

    @property
    def cost(self) -> int:
        """What the payer promises."""
        return self.hops[0].amount

    @property
    def amount(self) -> int:
        """What the payee is promised."""
        return self.hops[-1].amount


@dataclass(frozen=True, slots=True)
class RouteFound:
    """What the payer will dictate: chains under one policy and one D, the largest first."""

    parts: tuple[RoutePart, ...]
    policy: RegistryPolicy
    exact: bool

    @property
    def cost(self) -> int:
        """What the payer promises over all chains."""
        return sum(part.cost for part in self.parts)

    @property
    def hops(self) -> tuple[RouteHop, ...]:
        """The promises of the largest part, payer first."""
        return self.parts[0].hops

    @property
    def deadline(self) -> int:
        """D of all chains, µs from now."""
        return self.parts[0].schedule.deadline

    @property
    def relies_on_registry(self) -> bool:
        """Whether somebody on the way needs its admission before it promises (V6, V12)."""
        return any(mode.relies_on_registry for part in self.parts for _, mode in part.modes)


@dataclass(frozen=True, slots=True)
class NoRoute:
    """Why: entries as in the `reasons` of protocol section 10."""

    exact: bool
    reasons: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """Who looks at the network, and when. Names that he gave, or whose bearers he has met, come
    before what strangers call themselves.

    `met`: his own node and its neighbours. `brands`: of his own lines, by guid. `policies`: by the
    names that he gave them.
    """

    now_us: int
    node: NodeId | None = None
    met: frozenset[NodeId] = frozenset()
    brands: Mapping[bytes, str] = field(default_factory=dict)
    policies: Mapping[str, RegistryPolicy] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Known:
    """One entry of the network, in the words of a network file (protocol section 10).

    `section`: "registries", "policies", "nodes" or "lines". `name`: its key there, "" of a line.
    `ends`: of a line from, to and brand. `entry` makes its JSON form; `about` what a file does not
    say: ids, alias, since when and until when it counts (µs, None where not known).
    """

    section: str
    name: str
    entry: Callable[[], Mapping[str, Any]]
    about: Callable[[], Mapping[str, Any]]
    ends: tuple[str, str, str] | None = None


@dataclass(frozen=True, slots=True)
class RouteAsk:
    """A question in the words of the person who asks: names as they were typed.

    A name is what the network calls somebody, an id, or its first 8 digits at least. `brand` None:
    there is only one. `registries` None: all, alone, and the viewer's policies. `learned`: what
    lines carry, by the viewer's own knowledge. `explain`: reasons even where there is a chain.
    """

    payer: str
    payee: str
    amount: int
    brand: str | None = None
    registries: tuple[str, ...] | None = None
    last_levels: frozenset[Level] = frozenset(Level)
    max_hops: int = MAX_HOPS
    max_cost: int = MAX_AMOUNT
    max_risk: int | None = None
    avoid: tuple[str, ...] = ()
    learned: Mapping[bytes, Mapping[LineEnds, int]] = field(default_factory=dict)  # by brand
    explain: bool = False


class BadAsk(Exception):
    """The question cannot be asked: which argument, as the control verb names it, and why."""

    def __init__(self, argument: str, cause: str) -> None:
        super().__init__(argument, cause)
        self.argument = argument
        self.cause = cause


class RouteFinder(Protocol):
    """A path finder as a node uses it."""

    def observe(self, advert: Advert) -> None:
        """A verified advert. The newest sequence wins; called on trio."""
        ...

    async def find(self, query: RouteQuery) -> RouteFound | NoRoute:
        """The cheapest viable route of what has been observed so far."""
        ...

    def recall(self, query: RouteQuery) -> RouteFound | None:
        """What `find` would find, where that is known without a search."""
        ...

    def known(self, view: Viewpoint) -> Iterator[Known]:
        """The network as it is now, sorted: registries, policies, nodes, lines. What is slow about
        it is done as the entries are drawn, on any thread."""
        ...

    def name_of(self, view: Viewpoint, given: str) -> str:
        """What `known` calls the node that somebody means. On any thread. BadAsk."""
        ...

    async def ask(self, view: Viewpoint, asked: RouteAsk) -> Mapping[str, Any]:
        """`answer`: as `pledgeway route --json` says it, from what has been observed so far;
        `asked`: from, to and brand in the same names. BadAsk."""
        ...

    def size(self) -> tuple[int, int]:
        """(nodes, lines) known."""
        ...
