"""The payer's side of a payment: route, dictate, wait for its end, try again or give up.

Between two attempts lies the evidence that the first can no longer be redeemed; the core moves a
payment back to ROUTING only then, and this task never does.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from hashlib import sha256
from typing import Any, Final

import trio

from node.core.events import CreatePayment, Event, FirstPromise, GiveUpPayment, StartAttempt
from node.core.rows import LinePhase, Payment, PaymentPhase, PromisePhase
from node.engine import Engine, StoreUnavailable
from node.gossip import Gossip
from node.pay_options import PayOptions
from node.registries import Registries
from node.routing import LineEnds, NoRoute, RouteFinder, RouteFound, RouteQuery
from proto.descriptor import Descriptor, commit_id
from proto.keys import NodeId, SealKey
from proto.levels import Level
from proto.limits import US
from proto.onion import Deliver, Forward, Instruction, wrap
from proto.policy import single
from proto.reason import Reason, Refusal
from proto.request import PaymentRequest, read_request
from runtime.clock import Clock

log = logging.getLogger(__name__)

GOSSIP_PAUSE_S: Final = 0.3  # after a refusal: long enough for fresher adverts of neighbours
PATIENCE_US: Final = 2 * US  # gossip crosses twenty hops in less

# Reasons after which another chain cannot do better.
_HOPELESS: Final = frozenset(
    {
        Reason.REQUEST_UNKNOWN,
        Reason.REQUEST_EXPIRED,
        Reason.REQUEST_PAID,
        Reason.REQUEST_MISMATCH,
        Reason.PAYEE_DECLINED,
        Reason.ABANDONED,
        Reason.DESCRIPTOR_INVALID,
        # The whole time has been used up: whether to spend it again is the payer's choice.
        Reason.ABORTED_AHEAD,
        Reason.EXPIRED_AHEAD,
    }
)


Entropy = Callable[[int], bytes]
MakeEvent = Callable[[int], Event]


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
    ) -> None:
        self._engine = engine
        self._gossip = gossip
        self._finder = finder
        self._registries = registries
        self._clock = clock
        self._entropy = entropy
        self._nursery = nursery

    def resume(self) -> None:
        """After a start: every payment that is not over goes on."""
        for row in list(self._engine.memory.rows.values()):
            if isinstance(row, Payment) and not row.phase.final:
                self._nursery.start_soon(self._drive, row.id)

    async def create(
        self, signed: bytes, request: PaymentRequest, options: PayOptions
    ) -> tuple[bytes, Refusal | None]:
        """Starts paying a request: (payment id, refusal). A live or done payment of the same
        request is refused; its id is given, so that it can be shown."""
        digest = sha256(signed).digest()
        payment = self._entropy(16)
        refusal = await self._engine.ask(
            partial(
                CreatePayment,
                payment=payment,
                request_hash=digest,
                signed=signed,
                request=request,
                options=options.to_json(),
            ),
            *self._at_once(payment, digest, request, options),
        )
        # A first attempt that was refused leaves the payment made, and its task tries again.
        if refusal is None or self._engine.memory.row((Payment.table, payment, b"")) is not None:
            self._nursery.start_soon(self._drive, payment)
            return payment, None
        for known in self._engine.memory.payments_of(digest):
            if known.phase is not PaymentPhase.ABORTED:
                return known.id, refusal
        return b"", refusal

    def _at_once(
        self, payment: bytes, request_hash: bytes, request: PaymentRequest, options: PayOptions
    ) -> Sequence[MakeEvent]:
        """The first attempt, where nobody has to be asked for it: it shares the transaction of the
        payment's creation. Else nothing, and the payment's task makes it."""
        found = self._finder.recall(self._query(request, options, {}, frozenset()))
        if found is None or _relies(found):
            return ()
        descriptor = self._descriptor(request_hash, 1, request, found)
        start = self._start(payment, 1, request, found, descriptor, ())
        return () if isinstance(start, Refusal) else (start,)

    async def plan(
        self,
        request: PaymentRequest,
        options: PayOptions,
        learned: Mapping[LineEnds, int] | None = None,
        avoid: frozenset[LineEnds] = frozenset(),
    ) -> RouteFound | NoRoute:
        """The chain that an attempt would use now; nothing is promised."""
        return await self._finder.find(self._query(request, options, learned or {}, avoid))

    def _query(
        self,
        request: PaymentRequest,
        options: PayOptions,
        learned: Mapping[LineEnds, int],
        avoid: frozenset[LineEnds],
    ) -> RouteQuery:
        settings = self._engine.memory.settings
        now_us = self._clock.now_us()
        known = [single(r) for r in sorted(settings.records)]
        candidates = {*request.policies, *known}
        if options.registries:
            candidates = {p for p in candidates if set(p.members) <= options.registries}
        own = self._own_lines(request.brand.guid)
        return RouteQuery(
            payer=settings.node,
            payee=request.payee,
            brand=request.brand.guid,
            amount=request.amount,
            candidates=tuple(sorted(candidates, key=lambda p: p.members)),
            accepted=request.policies,
            levels=options.levels,
            last_levels=frozenset(lv for lv in Level if request.takes_level(lv)),
            payee_margin_us=request.payee_margin_us,
            latest_deadline=request.latest_deadline_us - now_us,
            now_us=now_us,
            max_hops=options.max_hops,
            max_cost=options.max_cost,
            avoid_lines=avoid,
            learned={**own, **learned},
        )

    def _own_lines(self, brand: bytes) -> dict[LineEnds, int]:
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
        learned: dict[LineEnds, int] = {}
        avoid: set[LineEnds] = set()
        while True:
            changed = self._engine.next_change((Payment.table, payment_id, b""))
            payment = self._payment(payment_id)
            if payment.phase.final:
                return
            if payment.phase is PaymentPhase.PROMISED:
                await changed.wait()
                continue
            try:
                await self._between_attempts(payment, learned, avoid)
            except StoreUnavailable as error:
                log.warning("payment %s waits for the store: %s", payment_id.hex()[:8], error)
                await trio.sleep(1)

    async def _between_attempts(
        self, payment: Payment, learned: dict[LineEnds, int], avoid: set[LineEnds]
    ) -> None:
        options = PayOptions.from_json(payment.options)
        request = read_request(payment.request, self._clock.now_us())
        if payment.attempt:
            because = payment.because or Refusal(Reason.REFUSED_AHEAD)
            if because.reason in _HOPELESS or payment.attempt >= options.attempts:
                await self._give_up(payment, because)
                return
            self._learn(payment, because, learned, avoid)
            await trio.sleep(GOSSIP_PAUSE_S)
        found = await self._plan_patiently(payment, request, options, learned, frozenset(avoid))
        if isinstance(found, NoRoute):
            because = payment.because or Refusal(Reason.NO_ROUTE)
            over = [r["figure"] for r in found.reasons if r.get("rule") == "MAX_COST"]
            if not payment.attempt and over:
                because = Refusal(Reason.COST_ABOVE_MAX, min(over))
            reasons = json.dumps({"exact": found.exact, "reasons": list(found.reasons)})
            await self._give_up(payment, because, reasons)
            return
        refusal = await self._attempt(payment, request, found)
        if refusal is not None:
            await self._give_up(payment, refusal)

    async def _plan_patiently(
        self,
        payment: Payment,
        request: PaymentRequest,
        options: PayOptions,
        learned: Mapping[LineEnds, int],
        avoid: frozenset[LineEnds],
    ) -> RouteFound | NoRoute:
        """As `plan`, but a payee of whom nothing was heard yet gets a moment: adverts of a line
        that was opened just now are still on their way."""
        patient_until_us = payment.created_at_us + PATIENCE_US
        while True:
            found = await self.plan(request, options, learned, avoid)
            unheard = isinstance(found, NoRoute) and all(
                r.get("rule") == "NO_PATH" for r in found.reasons
            )
            if not unheard or self._clock.now_us() > patient_until_us:
                return found
            await trio.sleep(GOSSIP_PAUSE_S)

    async def _give_up(self, payment: Payment, because: Refusal, route: str = "") -> None:
        await self._engine.ask(
            partial(GiveUpPayment, payment=payment.id, because=because, route=route)
        )

    def _learn(
        self,
        payment: Payment,
        because: Refusal,
        learned: dict[LineEnds, int],
        avoid: set[LineEnds],
    ) -> None:
        """What the refusal says about the lines of the chain that was tried.

        Instructions are sealed, so a refusal does not say who gave it. Our neighbour's own answer
        does: then the line and the figure are exact. Otherwise the next attempt keeps clear of the
        first inner line that was not yet avoided: each attempt asks somebody new.
        """
        hops = json.loads(payment.route)["hops"]
        ends = [(NodeId(bytes.fromhex(h["from"])), NodeId(bytes.fromhex(h["to"]))) for h in hops]
        first = next(iter(self._engine.memory.promises_of(payment.commit)), None)
        refused_by_neighbour = first is not None and first.phase is PromisePhase.REFUSED
        if refused_by_neighbour and because.reason is Reason.NEXT_CREDIT_SHORT and len(ends) > 1:
            learned[ends[1]] = max(0, hops[1]["amount"] - because.figure)
        elif refused_by_neighbour and because.reason is Reason.CREDIT_SHORT:
            learned[ends[0]] = max(0, hops[0]["amount"] - because.figure)
        elif refused_by_neighbour and len(ends) > 1:
            avoid.add(ends[1])
        else:
            fresh = [e for e in ends[1:] if e not in avoid]
            avoid.update(fresh[-1:] or ends[:1])

    async def _attempt(
        self, payment: Payment, request: PaymentRequest, found: RouteFound
    ) -> Refusal | None:
        attempt = payment.attempt + 1
        descriptor = self._descriptor(payment.request_hash, attempt, request, found)
        admitted: list[bytes] = []
        if _relies(found):
            admitted = await self._registries.announce(descriptor.encode())
            if len(admitted) < len(found.policy.members):
                return Refusal(Reason.REGISTRY_SILENT)
        start = self._start(payment.id, attempt, request, found, descriptor, admitted)
        return start if isinstance(start, Refusal) else await self._engine.ask(start)

    def _descriptor(
        self, request_hash: bytes, attempt: int, request: PaymentRequest, found: RouteFound
    ) -> Descriptor:
        """A fresh one, with D counted from now."""
        hashes = request.decline_hashes
        declines = found.policy.declines and not _relies(found) and attempt <= len(hashes)
        return Descriptor(
            salt=(salt := self._entropy(32)),
            deadline_us=self._clock.now_us() + found.schedule.deadline,
            policy=found.policy,
            committers=(request.committer_key,),
            threshold=1,
            terms_root=sha256(b"pledgeway/terms/v1\0" + salt + request_hash).digest(),
            decline_hash=hashes[attempt - 1] if declines else b"",
        )

    def _start(
        self,
        payment: bytes,
        attempt: int,
        request: PaymentRequest,
        found: RouteFound,
        descriptor: Descriptor,
        admitted: Sequence[bytes],
    ) -> MakeEvent | Refusal:
        encoded = descriptor.encode()
        now_us = descriptor.deadline_us - found.schedule.deadline
        first = self._first_promise(request, found, encoded, now_us, attempt)
        if isinstance(first, Refusal):
            return first
        return partial(
            StartAttempt,
            payment=payment,
            attempt=attempt,
            descriptor_bytes=encoded,
            descriptor=descriptor,
            firsts=(first,),
            admitted=tuple(admitted),
            cost=found.cost,
            route=json.dumps(route_json(found)),
        )

    def _first_promise(
        self,
        request: PaymentRequest,
        found: RouteFound,
        descriptor: bytes,
        now_us: int,
        attempt: int,
    ) -> FirstPromise | Refusal:
        expiries = [now_us + e if e is not None else 0 for e in found.schedule.expiries]
        layers: list[tuple[bytes, Instruction]] = []
        for hop, following, expiry in zip(
            found.hops[:-1], found.hops[1:], expiries[1:], strict=True
        ):
            advert = self._gossip.node(hop.promisee)
            if advert is None:
                return Refusal(Reason.NO_ROUTE)
            forward = Forward(
                following.promisee, request.brand.guid, following.amount, following.level, expiry
            )
            layers.append((advert.seal_key, forward))
        layers.append((request.seal_key, Deliver(request.request_id, attempt - 1, request.amount)))
        ephemeral = SealKey(self._entropy(32))
        packet = wrap(ephemeral, layers, commit_id(descriptor), self._entropy(32))
        line = self._line_to(found.hops[0].promisee, request.brand.guid)
        if packet is None or line is None:
            return Refusal(Reason.NEXT_LINE_UNKNOWN)
        first = found.hops[0]
        return FirstPromise(self._entropy(16), line, first.amount, first.level, expiries[0], packet)

    def _line_to(self, peer: NodeId, brand: bytes) -> bytes | None:
        for line in self._engine.memory.lines_with(peer):
            if line.brand.guid == brand and line.phase is LinePhase.OPEN:
                return line.id
        return None


def _relies(found: RouteFound) -> bool:
    """Whether somebody on the way needs the registry's admission before it promises (V6)."""
    return any(mode.relies_on_registry for _, mode in found.modes)


def route_json(found: RouteFound) -> dict[str, Any]:
    """How a route is kept with its payment and shown: ids in hex, offsets in µs."""
    return {
        "policy": [member.hex() for member in found.policy.members],
        "exact": found.exact,
        "hops": [
            {
                "from": hop.promisor.hex(),
                "to": hop.promisee.hex(),
                "level": hop.level.name,
                "amount": hop.amount,
            }
            for hop in found.hops
        ],
        "modes": {node.hex(): mode.name for node, mode in found.modes},
        "deadline_us": found.schedule.deadline,
        "locks_us": list(found.schedule.locks),
    }
