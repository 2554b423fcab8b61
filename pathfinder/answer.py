"""What the path finder answers."""

from dataclasses import dataclass

from pathfinder.network import Policy
from proto.levels import Level
from proto.modes import Mode
from proto.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Hop:
    """One promise of a chain."""

    promisor: str
    promisee: str
    level: Level
    amount: int


@dataclass(frozen=True, slots=True)
class Route:
    """A chain as the payer would dictate it, payer first.

    `modes` are of the intermediaries, in their order. `policy` has no members on an all-BARE
    chain. The schedule is µs from the payer's now.
    """

    hops: tuple[Hop, ...]
    modes: tuple[tuple[str, Mode], ...]
    policy: Policy
    schedule: Schedule

    @property
    def cost(self) -> int:
        """What the payer promises: the amount of promise 1."""
        return self.hops[0].amount

    @property
    def risk(self) -> int:
        """Sum over the intermediaries; 0 = all ATOMIC."""
        return sum(mode.risk for _, mode in self.modes)


@dataclass(frozen=True, slots=True)
class Reason:
    """What barred one chain. `code` is stable: "V1" … "V12", "MAX_COST", "ASKED" or "NO_PATH".

    `node` is whom it concerns ("" = nobody in particular), `line` the promise's ends where it is
    about a line. `figure`: by how much, in µs for V8, smallest units for V10 and MAX_COST, promises
    for V11; else 0. `text` is for people. `chain` and `levels` are those of the barred chain.
    """

    code: str
    node: str
    figure: int
    text: str
    line: tuple[str, str] | None = None
    chain: tuple[str, ...] = ()
    levels: tuple[Level, ...] = ()
    policy: str = ""
    cost: int | None = None


@dataclass(frozen=True, slots=True)
class RouteAnswer:
    """The cheapest viable chain, or why there is none.

    `exact` False: the search ran out of its budget, so there may be a cheaper chain, or one at
    all. `labels`: partial chains that it looked at.
    """

    brand: str
    amount: int
    route: Route | None
    exact: bool
    reasons: tuple[Reason, ...] = ()
    labels: int = 0

    @property
    def found(self) -> bool:
        return self.route is not None

    @property
    def cost(self) -> int | None:
        return None if self.route is None else self.route.cost
