"""Small networks and short plans in which one thing can be seen: three hops, a few payments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from node.command.sim.plan import Action, Break, Fault, Manner, Pay
from node.command.sim.run import Course
from node.command.sim.world.spec import REGISTRIES, LineSpec, Names, NodeSpec, Price, Spec

S: Final = 1_000_000
ALL_MODES: Final = tuple(Price(m, 1, 2) for m in ("ATOMIC", "SECURED", "GATEWAY", "BARE"))
LIMIT: Final = 100_000


@dataclass(frozen=True, slots=True)
class Scene:
    """A network and what happens in it; the seed is drawn apart from both."""

    spec: Spec
    plan: Sequence[Action]

    def course(self, seed: int) -> Course:
        """One run of it. What goes wrong heals by itself, and a little later all does."""
        plan = tuple(sorted(self.plan, key=lambda action: action.at_us))
        ends_us = [a.at_us + (a.for_us if isinstance(a, Break) else 0) for a in plan]
        return Course(seed, self.spec, plan, max(ends_us) + S)


def priced(*modes: str) -> tuple[Price, ...]:
    """Prices for these modes alone."""
    return tuple(price for price in ALL_MODES if price.mode in modes)


def chain(
    names: str = "PABQ",
    *,
    accepts: Mapping[str, Names] | None = None,
    prices: Mapping[str, tuple[Price, ...]] | None = None,
    watches: str | None = None,
    limit: int = LIMIT,
    hold_max_ms: int = 120_000,
) -> Spec:
    """Nodes in a row. Everybody accepts every registry, prices every mode and watches, except
    where something else is said."""
    nodes = tuple(
        NodeSpec(
            name,
            (accepts or {}).get(name, REGISTRIES),
            watches is None or name in watches,
            hold_max_ms,
            (prices or {}).get(name, ALL_MODES),
            0,
        )
        for name in names
    )
    return Spec(nodes, tuple(LineSpec(a, b, limit, limit) for a, b in pairwise(names)))


def diamond() -> Spec:
    """P reaches Q by A and by B."""
    ends = ("PA", "PB", "AQ", "BQ")
    return Spec(chain().nodes, tuple(LineSpec(a, b, LIMIT, LIMIT) for a, b in ends))


def pay(
    at_s: float,
    levels: str = "",
    *,
    ends: str = "PQ",
    amount: int = 1000,
    manner: Manner = Manner.PLAIN,
    deciders: Names = (),
) -> Pay:
    """`levels`: those that the payer takes, between blanks; empty: whatever is cheapest."""
    at_us = round(at_s * S)
    return Pay(at_us, ends[0], ends[1], amount, manner, tuple(levels.split()), deciders)


def trouble(
    at_s: float, fault: Fault, who: str, other: str = "", *, for_s: float = 0, strength: int = 0
) -> Break:
    """A fault as in a plan, in seconds."""
    return Break(round(at_s * S), fault, who, other, round(for_s * S), strength)
