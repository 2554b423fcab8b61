"""The payer's side of a payment: route, dictate, wait for its end, try again or give up.

Between two attempts lies the evidence that the first can no longer be redeemed; the core moves a
payment back to ROUTING only then, and this task never does.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

import trio

from node.choosing_amount import over_chosen, refusal_of
from node.core.events import CreatePayment, GiveUpPayment
from node.core.rows import Payment, PaymentPhase
from node.course import Course, kept
from node.dictating import Dictating, Entropy, MakeEvent
from node.engine import Engine, StoreUnavailable
from node.learning import HOPELESS, Parts, lessons_of, tried_of
from node.line_memory import Attempt
from node.pay_options import PayOptions
from node.planning import APPROVED_PAUSE_S, GOSSIP_PAUSE_S, Planner
from node.registries import Registries
from node.routing import NoRoute, RouteFinder, RouteFound
from proto.descriptor import decode_descriptor
from proto.policy import RegistryPolicy
from proto.reason import Reason, Refusal
from proto.request import PaymentRequest, read_request, request_hash
from runtime.clock import Clock
from runtime.gossip import Gossip

log = logging.getLogger(__name__)

# Of an attempt that was not begun: what may be otherwise in a second.
PASSING: Final = frozenset({Reason.NEXT_HOP_DOWN, Reason.PENDING_FULL, Reason.REGISTRY_SILENT})


class Payer(Planner):
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
        super().__init__(engine, gossip, finder, clock, policies)
        self._registries = registries
        self._nursery = nursery
        self._new_id = new_id or partial(entropy, 16)
        self._dictating = Dictating(engine, gossip, clock, entropy)
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
        self,
        signed: bytes,
        request: PaymentRequest,
        options: PayOptions,
        bound: bytes = b"",
        amount: int = 0,
    ) -> tuple[bytes, Refusal | None]:
        """Starts paying a request: (payment id, refusal). A live or done payment of the same
        request is refused; its id is given, so that it can be shown. `bound`: the descriptor of
        the exchange whose leg it is. `amount`: what was chosen, where the request leaves a
        choice; then it must be named."""
        digest = request_hash(signed)
        payment = self._new_id()
        # The D of a leg passes: nobody has its route from before.
        at_once = not bound and (not request.leaves_choice or request.takes_amount(amount))
        found, starts = (
            self._at_once(payment, digest, request, options, amount) if at_once else (None, ())
        )
        create = partial(
            CreatePayment,
            payment=payment,
            request_hash=digest,
            signed=signed,
            request=request,
            options=options.to_json(),
            bound=bound,
            amount=amount,
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
        self,
        payment: bytes,
        request_hash: bytes,
        asked: PaymentRequest,
        options: PayOptions,
        amount: int,
    ) -> tuple[RouteFound | None, Sequence[MakeEvent]]:
        """The first attempt, where nobody has to be asked for it: it shares the transaction of the
        payment's creation. Else nothing, and the payment's task makes it."""
        request = over_chosen(asked, amount)
        told = self.lines.bounds(request.brand.guid, self._clock.now_us(), self.heard)
        found = self._finder.recall(self._query(request, options, told.all))
        if found is None or found.relies_on_registry:
            return None, ()
        chosen = amount if asked.leaves_choice else None
        descriptor = self._dictating.descriptor(request_hash, 1, request, found, chosen)
        start = self._dictating.start(payment, 1, request, found, descriptor, ())
        return (None, ()) if isinstance(start, Refusal) else (found, (start,))

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
        asked = read_request(payment.request, self._clock.now_us(), own=True)
        request = over_chosen(asked, payment.amount)
        if payment.attempt:
            because = payment.because or Refusal(Reason.REFUSED_AHEAD)
            tried = tried_of(self._engine.memory, payment)
            course = course.after(payment.attempt, tried, because)
            self._remember(request.brand.guid, tried, because)
            if because.reason in HOPELESS or options.spent(payment.attempt, self._clock.now_us()):
                await self._give_up(payment, because, course)
                return course
            await trio.sleep(GOSSIP_PAUSE_S)
        found = await self.plan_patiently(
            request,
            options,
            course.lessons,
            since_us=payment.created_at_us,
            bound=payment.bound,
        )
        if isinstance(found, NoRoute):
            because = payment.because or Refusal(Reason.NO_ROUTE)
            if not payment.attempt:
                because = refusal_of(found)
            await self._give_up(payment, because, course, found)
            return course
        refusal = await self._attempt(payment, asked, found)
        # Another process may see to it as well, and was first: its attempt is waited for.
        if refusal is None or refusal.reason is Reason.PAYMENT_LIVE:
            return course
        if refusal.reason in PASSING and self.waits(options, payment.created_at_us):
            await trio.sleep(APPROVED_PAUSE_S)
            return course
        await self._give_up(payment, refusal, course)
        return course

    def _remember(self, brand: bytes, tried: Parts, because: Refusal) -> None:
        """What an attempt that failed says to payments to come."""
        now_us = self._clock.now_us()
        began_us = min((first.made_at_us for _, first in tried), default=now_us)
        for lesson in lessons_of(tried, because):
            self.lines.refused(brand, lesson.blames, lesson.why, (began_us, now_us), self.heard)

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
        self, payment: Payment, asked: PaymentRequest, found: RouteFound
    ) -> Refusal | None:
        request = over_chosen(asked, payment.amount)
        attempt = payment.attempt + 1
        if payment.bound:
            descriptor = decode_descriptor(payment.bound)
        else:
            descriptor = self._dictating.descriptor(
                payment.request_hash,
                attempt,
                request,
                found,
                payment.amount if asked.leaves_choice else None,
            )
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
