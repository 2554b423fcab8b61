"""The network as people look at it: who looks, what there is, and questions in his own words.

What nodes and path finders have in common beside `proto.route`; nothing of it is signed or sent
between nodes.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from proto.keys import NodeId
from proto.levels import Level
from proto.limits import MAX_AMOUNT, MAX_HOPS
from proto.policy import RegistryPolicy
from proto.route import LineEnds


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
    `avoid`: nodes and lines as `proto.avoiding` reads them; `avoid_lines`: lines by their ends.
    `parts`: split into at most so many chains; `alternatives`: so many chains beside the cheapest;
    at most one of the two, None: one chain is all that is wanted.
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
    avoid_lines: tuple[tuple[str, str], ...] = ()
    levels: frozenset[Level] = frozenset(Level)
    first_levels: frozenset[Level] = frozenset(Level)
    parts: int | None = None
    alternatives: int | None = None
    learned: Mapping[bytes, Mapping[LineEnds, int]] = field(default_factory=dict)  # by brand
    explain: bool = False


class BadAsk(Exception):
    """The question cannot be asked: which argument, as the control verb names it, and why."""

    def __init__(self, argument: str, cause: str) -> None:
        super().__init__(argument, cause)
        self.argument = argument
        self.cause = cause


def network_file(entries: Iterable[Known]) -> dict[str, Any]:
    """The network file that the entries make, for `json.dumps`."""
    file: dict[str, Any] = {"registries": {}, "policies": {}, "nodes": {}, "lines": []}
    for one in entries:
        if one.ends is not None:
            file["lines"].append(one.entry())
        else:
            file[one.section][one.name] = one.entry()
    return file


class KnownNetwork(Protocol):
    """Whoever knows a network from adverts."""

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
