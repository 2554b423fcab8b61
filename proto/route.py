"""A question to a path finder and its answer, by ids: what a payer and any finder speak of.

Amounts are smallest units of the brand, times are µs from the payer's now unless they say POSIX.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from proto.adverts import NodeAdvert
from proto.keys import NodeId
from proto.levels import Level
from proto.limits import MAX_AMOUNT, MAX_HOPS
from proto.modes import Mode
from proto.policy import RegistryPolicy
from proto.schedule import Schedule

LineEnds = tuple[NodeId, NodeId]
"""Promisor and promisee."""


@dataclass(frozen=True, slots=True)
class RouteQuery:
    """Which chain lets `payee` receive `amount` at the least cost? Ids are node and brand ids.

    `accepted`: the policies under which the payee stamps; None: no request says so, and those of
    the registries that it advertises are taken. `candidates`: the policies to try beside the empty
    one. `latest_deadline` and `payee_margin_us` are µs from now. `max_parts`: most chains
    under one commit; several only where no single one carries the amount, unless `split_to_save`:
    then also where they cost less. Shares are multiples of `unit`. `avoid_nodes`: as
    intermediaries. `max_risk`: most that the risks of all intermediaries' modes may add up to;
    None = any. `learned`: what lines carry, as the payer sees its own or was told of others.
    `explained`: without a route, say why. `deadline`: D is exactly this (µs from now), for it was
    fixed by others; None: the least that suits the chains.
    """

    payer: NodeId
    payee: NodeId
    brand: bytes
    amount: int
    candidates: tuple[RegistryPolicy, ...]
    accepted: tuple[RegistryPolicy, ...] | None
    levels: frozenset[Level]
    last_levels: frozenset[Level]
    payee_margin_us: int
    latest_deadline: int
    now_us: int
    max_hops: int = MAX_HOPS
    max_cost: int = MAX_AMOUNT
    avoid_lines: frozenset[LineEnds] = frozenset()
    avoid_nodes: frozenset[NodeId] = frozenset()
    max_risk: int | None = None
    learned: Mapping[LineEnds, int] | None = None
    explained: bool = True
    max_parts: int = 1
    split_to_save: bool = False
    unit: int = 1
    first_levels: frozenset[Level] = frozenset(Level)
    deadline: int | None = None


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


def _no_adverts() -> Mapping[NodeId, NodeAdvert]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class RouteFound:
    """What the payer will dictate: chains under one policy and one D, the largest first.

    `despite`: lines on it that refused lately, tried again because nothing else is left. `reasons`:
    cheaper chains that were left out for what was learned (`NoRoute.reasons`). The payer sets both.
    `nodes`: what those on the way advertise, where the payer need not have heard of them.
    """

    parts: tuple[RoutePart, ...]
    policy: RegistryPolicy
    exact: bool
    despite: tuple[LineEnds, ...] = ()
    reasons: tuple[Mapping[str, Any], ...] = ()
    nodes: Mapping[NodeId, NodeAdvert] = field(default_factory=_no_adverts)

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
class MostFound:
    """The most that a payee can receive, and over which chains: `found` None = nothing.

    `at_most`: no plan of as many chains delivers more. `bottleneck`: lines that all money has to
    cross and what each carries; `cut`: what they carry together, None = not known.
    """

    amount: int
    at_most: int
    found: RouteFound | None
    bottleneck: tuple[tuple[LineEnds, int], ...]
    cut: int | None


@dataclass(frozen=True, slots=True)
class NoRoute:
    """Why: entries as in the `reasons` of protocol section 10; `skipped`: what was cut off."""

    exact: bool
    reasons: tuple[Mapping[str, Any], ...]
    skipped: tuple[Mapping[str, Any], ...] = ()
    labels: int = 0
