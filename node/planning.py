"""The payer's ways: which chains would pay a request now, as far as its node has learned."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, replace
from typing import Final

import trio

from node.core.rows import LinePhase
from node.course import despite, left_out
from node.engine import Engine
from node.learning import Lessons
from node.leg_route import as_leg, too_late
from node.line_memory import LineMemory, Said, least
from node.pay_options import DEFAULT_PARTS, PayOptions
from node.routing import LineEnds, MostFound, NoRoute, RouteFinder, RouteFound, RouteQuery
from node.unrequested import Unrequested
from proto.adverts import LINE_KIND, LineAdvert
from proto.descriptor import Descriptor, decode_descriptor
from proto.keys import NodeId
from proto.levels import Level
from proto.limits import US
from proto.money import Brand
from proto.policy import RegistryPolicy, single
from proto.request import PaymentRequest
from runtime.clock import Clock
from runtime.gossip import Gossip

GOSSIP_PAUSE_S: Final = 0.3  # after a refusal: long enough for fresher adverts of neighbours
PATIENCE_US: Final = 2 * US  # gossip crosses twenty hops in less
# What a person approved had a way a moment ago. Where it is gone, a neighbour may be starting anew.
APPROVED_PATIENCE_US: Final = 10 * US
APPROVED_PAUSE_S: Final = 1.0


class Planner:
    """Asks the path finder, with what this node alone knows. `lines`: what its payments learned.

    A request that leaves a choice is asked for `over` the amount that was chosen.
    """

    def __init__(
        self,
        engine: Engine,
        gossip: Gossip,
        finder: RouteFinder,
        clock: Clock,
        policies: Callable[[], Iterable[RegistryPolicy]] = tuple,
    ) -> None:
        """`policies`: the collectives that the owner has named."""
        self._engine = engine
        self._gossip = gossip
        self._finder = finder
        self._clock = clock
        self._policies = policies
        self.lines = LineMemory()

    async def plan(
        self,
        request: PaymentRequest,
        options: PayOptions,
        lessons: Lessons | None = None,
        *,
        compared: bool = False,
        bound: bytes = b"",
    ) -> RouteFound | NoRoute:
        """The chains that an attempt would use now; nothing is promised.

        Lines that refused lately are left out, but never the only way: where nothing else is left
        they are tried again, mere suspects first, and the answer says so (`despite`). `compared`:
        it also says which cheaper chain was left out for that. `bound`: under this descriptor.
        """
        leg = decode_descriptor(bound) if bound else None
        if leg is not None and (missing := too_late(leg, self._clock.now_us())):
            return missing
        bounds = self.lines.bounds(request.brand.guid, self._clock.now_us(), self.heard)
        taught = (lessons or Lessons()).bounds
        stages = [bounds.all, bounds.certain] if bounds.all != bounds.certain else [bounds.all]
        for told in filter(None, stages):
            query = self._query(request, options, least(taught, told), leg)
            found = await self._finder.find(replace(query, explained=False))
            if isinstance(found, RouteFound):
                found = replace(found, despite=despite(found, bounds.all))
                return await self._compared(found, request, options, taught) if compared else found
        found = await self._finder.find(self._query(request, options, taught, leg))
        if isinstance(found, NoRoute) or not bounds.all:
            return found
        return replace(found, despite=despite(found, bounds.all))

    async def plan_patiently(
        self,
        request: PaymentRequest,
        options: PayOptions,
        lessons: Lessons | None = None,
        *,
        since_us: int,
        bound: bytes = b"",
    ) -> RouteFound | NoRoute:
        """As `plan`, but a payee of whom nothing was heard yet gets a moment from `since_us` on:
        adverts of a line that was opened just now are still on their way. What was approved gets
        more than a moment, whatever bars its way."""
        while True:
            found = await self.plan(request, options, lessons, bound=bound)
            if isinstance(found, NoRoute) and not bound and self.waits(options, since_us):
                await trio.sleep(APPROVED_PAUSE_S)
                continue
            unheard = isinstance(found, NoRoute) and all(
                r.get("rule") == "NO_PATH" for r in found.reasons
            )
            if not unheard or self._clock.now_us() > since_us + PATIENCE_US:
                return found
            await trio.sleep(GOSSIP_PAUSE_S)

    def waits(self, options: PayOptions, since_us: int) -> bool:
        """Whether what was approved at `since_us` may still find a way, and is looked at again."""
        until_us = min(since_us + APPROVED_PATIENCE_US, options.until_us)
        return self._clock.now_us() < until_us

    async def _compared(
        self,
        found: RouteFound,
        request: PaymentRequest,
        options: PayOptions,
        taught: Mapping[LineEnds, int],
    ) -> RouteFound:
        """With the cheaper chain, if any, that was left out for what earlier payments learned."""
        free = await self._finder.find(self._query(request, options, taught))
        if isinstance(free, NoRoute):
            return found  # a line has closed between the two questions
        bounds = self.lines.bounds(request.brand.guid, self._clock.now_us(), self.heard).all
        return replace(found, reasons=left_out(found, free, bounds, request.brand.name))

    def heard(self, line: LineEnds, brand: bytes) -> Said | None:
        """What the newest advert of a line says."""
        advert = self._gossip.get(LINE_KIND, line[0] + line[1] + brand)
        if not isinstance(advert, LineAdvert):
            return None
        return Said(advert.sequence, 0 if advert.closed else advert.available)

    def _query(
        self,
        request: PaymentRequest,
        options: PayOptions,
        told: Mapping[LineEnds, int],
        leg: Descriptor | None = None,
    ) -> RouteQuery:
        """`told`: what lines are asked for at most, as far as refusals taught it. `leg`: under
        which descriptor, where it is not the payment's own."""
        now_us = self._clock.now_us()
        own = self.own_lines(request.brand.guid)
        query = RouteQuery(
            payer=self._engine.memory.settings.node,
            payee=request.payee,
            brand=request.brand.guid,
            amount=request.amount,
            candidates=self._candidates(options, request.policies),
            accepted=request.policies,
            levels=options.levels,
            first_levels=options.first_levels,
            last_levels=frozenset(lv for lv in Level if request.takes_level(lv)),
            payee_margin_us=request.payee_margin_us,
            latest_deadline=request.latest_deadline_us - now_us,
            now_us=now_us,
            max_hops=options.max_hops,
            max_cost=options.max_cost,
            avoid_lines=frozenset((NodeId(f), NodeId(t)) for f, t in options.avoid_lines),
            learned=least(own, told),
            max_parts=DEFAULT_PARTS if options.parts is None else options.parts,
            split_to_save=options.parts is not None,
            unit=request.brand.unit,
            max_risk=options.max_risk,
            avoid_nodes=frozenset(NodeId(node) for node in options.avoid_nodes),
        )
        return query if leg is None else as_leg(query, leg)

    def _candidates(
        self, options: PayOptions, more: Sequence[RegistryPolicy] = ()
    ) -> tuple[RegistryPolicy, ...]:
        """The policies to try: `more` and what the owner knows, as far as he allows them."""
        known = [single(r) for r in sorted(self._engine.memory.settings.known)]
        candidates = {*more, *known, *self._policies()}
        if options.registries or options.policies:
            candidates = {
                p
                for p in candidates
                if p in options.policies or set(p.members) <= options.registries
            }
        return tuple(sorted(candidates, key=astuple))

    async def sendable(
        self, payer: NodeId, payee: NodeId, brand: Brand, asked: Unrequested
    ) -> MostFound:
        """The most that the payee could receive now, as far as what lines refused lately lets
        them be asked. KeyError where one of them is not known."""
        told = self.lines.bounds(brand.guid, self._clock.now_us(), self.heard).all
        return await self._finder.sendable(
            asked.query(
                (payer, payee),
                brand,
                candidates=self._candidates(asked.options),
                learned=least(self.own_lines(brand.guid), told),
                now_us=self._clock.now_us(),
            )
        )

    def own_lines(self, brand: bytes) -> dict[LineEnds, int]:
        """Our own lines as they are now, fresher than any advert; unusable ones carry nothing."""
        memory = self._engine.memory
        found: dict[LineEnds, int] = {}
        for neighbour in self._engine.links.neighbours:
            for line in memory.lines_with(neighbour):
                if line.brand.guid == brand:
                    usable = line.phase is LinePhase.OPEN and memory.connected(neighbour)
                    carries = max(0, line.available_out) if usable else 0
                    ends = (memory.settings.node, neighbour)
                    found[ends] = max(found.get(ends, 0), carries)
        return found
