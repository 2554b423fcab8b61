"""The payer's side of a payment: route, dictate, wait for its end, try again or give up.

Between two attempts lies the evidence that the first can no longer be redeemed; the core moves a
payment back to ROUTING only then, and this task never does.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, replace
from functools import partial
from typing import Any, Final

import trio

from node.core.events import CreatePayment, GiveUpPayment
from node.core.rows import LinePhase, Payment, PaymentPhase
from node.course import Course, despite, kept, left_out
from node.dictating import Dictating, Entropy, MakeEvent
from node.engine import Engine, StoreUnavailable
from node.learning import HOPELESS, Lessons, Parts, lessons_of, tried_of
from node.leg_route import as_leg, too_late
from node.line_memory import Attempt, LineMemory, Said, least
from node.pay_options import DEFAULT_PARTS, PayOptions
from node.registries import Registries
from node.routing import LineEnds, MostFound, NoRoute, RouteFinder, RouteFound, RouteQuery
from node.unrequested import Unrequested
from proto.adverts import LINE_KIND, LineAdvert
from proto.descriptor import Descriptor, decode_descriptor
from proto.keys import NodeId
from proto.levels import Level
from proto.limits import US
from proto.money import Brand
from proto.policy import RegistryPolicy, single
from proto.reason import Reason, Refusal
from proto.request import PaymentRequest, read_request, request_hash
from runtime.clock import Clock
from runtime.gossip import Gossip

log = logging.getLogger(__name__)

GOSSIP_PAUSE_S: Final = 0.3  # after a refusal: long enough for fresher adverts of neighbours
PATIENCE_US: Final = 2 * US  # gossip crosses twenty hops in less


class Payer:
    """Drives every payment of this node that is not over. One task for each."""

    def __init__(
        self,
        engine: Engine,
        gossip: Gossip,
        finder: RouteFinder,
        registries: Registries,
        clock: Clock,
        entropy: Entropy,
        nursery: trio.Nursery,
        new_id: Callable[[], bytes] | None = None,
        policies: Callable[[], Iterable[RegistryPolicy]] = tuple,
    ) -> None:
        """`new_id`: 16 fresh bytes for each payment; drawn from `entropy` unless given.
        `policies`: the collectives that the owner has named."""
        self._engine = engine
        self._gossip = gossip
        self._finder = finder
        self._registries = registries
        self._clock = clock
        self._nursery = nursery
        self._policies = policies
        self._new_id = new_id or partial(entropy, 16)
        self._dictating = Dictating(engine, gossip, clock, entropy)
        self.lines = LineMemory()
        self._driven: set[bytes] = set()

    def resume(self, is_ours: Callable[[bytes], bool] = lambda _: True) -> None:
        """After a start: every payment that is not over, and that is ours to see to, goes on."""
        for payment in self._engine.memory.owned(Payment):
            if not payment.phase.final and is_ours(payment.id):
                self.drive(payment.id)

    def drive(self, payment: bytes) -> None:
        """Sees to a payment whose row is in memory already; again is nothing."""
        if payment not in self._driven:
            self._driven.add(payment)
            self._nursery.start_soon(self._drive, payment)

    async def create(
        self, signed: bytes, request: PaymentRequest, options: PayOptions, bound: bytes = b""
    ) -> tuple[bytes, Refusal | None]:
        """Starts paying a request: (payment id, refusal). A live or done payment of the same
        request is refused; its id is given, so that it can be shown. `bound`: the descriptor of
        the exchange whose leg it is."""
        digest = request_hash(signed)
        payment = self._new_id()
        # The D of a leg passes: nobody has its route from before.
        found, starts = (None, ()) if bound else self._at_once(payment, digest, request, options)
        create = partial(
            CreatePayment,
            payment=payment,
            request_hash=digest,
            signed=signed,
            request=request,
            options=options.to_json(),
            bound=bound,
        )
        try:
            refusal = await self._engine.ask(create, *starts)
        except trio.Cancelled:
            # Whoever asked has gone. The payment will be durable all the same, and nobody else
            # would drive it before this daemon starts anew.
            self._nursery.start_soon(self._adopt, payment)
            raise
        # A first attempt that was refused leaves the payment made, and its task tries again.
        if refusal is None or self._is_made(payment):
            if found is not None:
                self.lines.began(payment, Attempt(request.brand.guid, found.parts))
            self.drive(payment)
            return payment, None
        if refusal.reason not in (Reason.PAYMENT_LIVE, Reason.PAYMENT_DONE):
            return b"", refusal
        # A live one may have ended while the refusal became durable: then its end is the answer.
        known = list(self._engine.memory.payments_of(digest))
        standing = [p for p in known if p.phase is not PaymentPhase.ABORTED]
        newest = max(standing or known, key=lambda p: p.created_at_us, default=None)
        return (newest.id if newest is not None else b""), refusal

    def _is_made(self, payment: bytes) -> bool:
        return self._engine.memory.row((Payment.table, payment, b"")) is not None

    async def _adopt(self, payment: bytes) -> None:
        with suppress(StoreUnavailable):
            await self._engine.durable()
        if self._is_made(payment):
            self.drive(payment)

    def _at_once(
        self, payment: bytes, request_hash: bytes, request: PaymentRequest, options: PayOptions
    ) -> tuple[RouteFound | None, Sequence[MakeEvent]]:
        """The first attempt, where nobody has to be asked for it: it shares the transaction of the
        payment's creation. Else nothing, and the payment's task makes it."""
        told = self.lines.bounds(request.brand.guid, self._clock.now_us(), self.heard)
        found = self._finder.recall(self._query(request, options, told.all))
        if found is None or found.relies_on_registry:
            return None, ()
        descriptor = self._dictating.descriptor(request_hash, 1, request, found)
        start = self._dictating.start(payment, 1, request, found, descriptor, ())
        return (None, ()) if isinstance(start, Refusal) else (found, (start,))

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

    def _payment(self, payment: bytes) -> Payment:
        row = self._engine.memory.row((Payment.table, payment, b""))
        assert isinstance(row, Payment)
        return row

    async def _drive(self, payment_id: bytes) -> None:
        course = Course()
        while True:
            changed = self._engine.next_change((Payment.table, payment_id, b""))
            payment = self._payment(payment_id)
            if payment.phase is not PaymentPhase.PROMISED:
                carried = payment.phase is PaymentPhase.COMMITTED
                self.lines.ended(payment_id, carried=carried)
            if payment.phase.final:
                if await self._endures(payment_id):
                    self._driven.remove(payment_id)
                    return
                continue
            if payment.phase is PaymentPhase.PROMISED:
                await changed.wait()
                continue
            try:
                course = await self._between_attempts(payment, course)
            except StoreUnavailable as error:
                log.warning("payment %s waits for the store: %s", payment_id.hex()[:8], error)
                await trio.sleep(1)

    async def _endures(self, payment_id: bytes) -> bool:
        """Whether an end that memory shows is on the disk. It runs ahead of it: an end that was
        rolled back must not leave a payment that nobody sees to until the next start."""
        if self._engine.is_ahead:
            try:
                await self._engine.durable()
            except StoreUnavailable:
                await trio.sleep(1)
                return False
        return self._payment(payment_id).phase.final

    async def _between_attempts(self, payment: Payment, course: Course) -> Course:
        """The next attempt, or none any more; what was learned so far."""
        options = PayOptions.from_json(payment.options)
        request = read_request(payment.request, self._clock.now_us(), own=True)
        if payment.attempt:
            because = payment.because or Refusal(Reason.REFUSED_AHEAD)
            tried = tried_of(self._engine.memory, payment)
            course = course.after(payment.attempt, tried, because)
            self._remember(request.brand.guid, tried, because)
            if because.reason in HOPELESS or payment.attempt >= options.attempts:
                await self._give_up(payment, because, course)
                return course
            await trio.sleep(GOSSIP_PAUSE_S)
        found = await self._plan_patiently(payment, request, options, course.lessons)
        if isinstance(found, NoRoute):
            because = payment.because or Refusal(Reason.NO_ROUTE)
            over = [r["figure"] for r in found.reasons if r.get("rule") == "MAX_COST"]
            if not payment.attempt and over:
                because = Refusal(Reason.COST_ABOVE_MAX, min(over))
            await self._give_up(payment, because, course, found)
            return course
        refusal = await self._attempt(payment, request, found)
        if refusal is not None:
            await self._give_up(payment, refusal, course)
        return course

    def _remember(self, brand: bytes, tried: Parts, because: Refusal) -> None:
        """What an attempt that failed says to payments to come."""
        now_us = self._clock.now_us()
        began_us = min((first.made_at_us for _, first in tried), default=now_us)
        for lesson in lessons_of(tried, because):
            self.lines.refused(brand, lesson.blames, lesson.why, (began_us, now_us), self.heard)

    async def _plan_patiently(
        self,
        payment: Payment,
        request: PaymentRequest,
        options: PayOptions,
        lessons: Lessons,
    ) -> RouteFound | NoRoute:
        """As `plan`, but a payee of whom nothing was heard yet gets a moment: adverts of a line
        that was opened just now are still on their way."""
        patient_until_us = payment.created_at_us + PATIENCE_US
        while True:
            found = await self.plan(request, options, lessons, bound=payment.bound)
            unheard = isinstance(found, NoRoute) and all(
                r.get("rule") == "NO_PATH" for r in found.reasons
            )
            if not unheard or self._clock.now_us() > patient_until_us:
                return found
            await trio.sleep(GOSSIP_PAUSE_S)

    async def _give_up(
        self, payment: Payment, because: Refusal, course: Course, no: NoRoute | None = None
    ) -> None:
        told: dict[str, Any] = {}
        if no is not None:
            told = {"exact": no.exact, "reasons": list(no.reasons), "skipped": list(no.skipped)}
        route = kept(payment.route, course, told) if told or course.tried else ""
        await self._engine.ask(
            partial(GiveUpPayment, payment=payment.id, because=because, route=route)
        )

    async def _attempt(
        self, payment: Payment, request: PaymentRequest, found: RouteFound
    ) -> Refusal | None:
        attempt = payment.attempt + 1
        if payment.bound:
            descriptor = decode_descriptor(payment.bound)
        else:
            descriptor = self._dictating.descriptor(payment.request_hash, attempt, request, found)
        admitted: list[bytes] = []
        if found.relies_on_registry:
            admitted = await self._registries.announce(descriptor.encode())
            if len(admitted) < found.policy.admissions:
                return Refusal(Reason.REGISTRY_SILENT)
        start = self._dictating.start(payment.id, attempt, request, found, descriptor, admitted)
        if isinstance(start, Refusal):
            return start
        refusal = await self._engine.ask(start)
        if refusal is None:
            self.lines.began(payment.id, Attempt(request.brand.guid, found.parts))
        return refusal
