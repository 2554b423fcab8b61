"""What the path finder answers."""

from dataclasses import dataclass
from typing import Final

from pathfinder.network import Policy
from pathfinder.reason_codes import Code
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
class Bar:
    """One thing that bars a chain, as `code` says. Texts are for people, the rest is for programs.

    `rule`: V1 … V12, or the code's name. `node`: whom it concerns ("" = nobody in particular);
    `line`: the promise's ends where it is about one. `figure`: by how much, in `code.unit`; 0 =
    none. `registries`, `mode`, `level`: what is not accepted, refused, or not allowed. `next_step`:
    who could do what about it; "" = nobody can.
    """

    code: Code
    rule: str
    text: str
    node: str = ""
    line: tuple[str, str] | None = None
    figure: int = 0
    registries: tuple[str, ...] = ()
    mode: Mode | None = None
    level: Level | None = None
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """One bar of one chain: its nodes, payer first, their levels, its policy and what it would
    cost. A chain has as many reasons, one behind the other, as it has bars (`bars`): only all of
    them together keep it out. No chain: `cost` is None.
    """

    bar: Bar
    chain: tuple[str, ...] = ()
    levels: tuple[Level, ...] = ()
    policy: str = ""
    cost: int | None = None
    bars: int = 1

    @property
    def code(self) -> Code:
        return self.bar.code


SEARCH: Final = "SEARCH"  # the search for the chain itself
SEVERAL: Final = "SEVERAL"


@dataclass(frozen=True, slots=True)
class Skipped:
    """What was cut off after `labels` partial chains; 0 = it was not begun.

    `what`: SEARCH, or the name of the Code whose rule was put aside to see what it bars, or
    SEVERAL: rules that were put aside together.
    """

    what: str
    labels: int


@dataclass(frozen=True, slots=True)
class RouteAnswer:
    """The cheapest viable chain, or why there is none.

    `exact` False: the search ran out of its budget, so there may be a cheaper chain, or one at
    all. `skipped`: of the reasons too, what was not looked at to the end. `labels`: the work that
    was done, in partial chains.
    """

    brand: str
    amount: int
    route: Route | None
    exact: bool
    reasons: tuple[Reason, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    labels: int = 0

    @property
    def found(self) -> bool:
        return self.route is not None

    @property
    def cost(self) -> int | None:
        return None if self.route is None else self.route.cost
