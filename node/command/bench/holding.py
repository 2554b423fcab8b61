"""Many payments that nobody ends, inside the daemon of whoever makes them.

The payer dictates a longer schedule than the least one and the payee waits for its owner, so every
promise of a chain stays pending until the payer abandons it or its time passes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, Final

import trio

from node.command.bench.driver import MAX_DEPTH, options_of, read_requests
from node.command.finder import LocalFinder
from node.control.context import Context
from node.control.failure import Arguments
from node.control.service import Verb
from node.core.events import AbandonPayment
from node.core.rows import Payment, PaymentPhase, Row
from node.pay_options import PayOptions
from node.routing import NoRoute, RouteFound, RouteQuery
from proto.request import from_text, read_request
from proto.schedule import Schedule

HOLD: Final = "bench.hold"
ABANDON: Final = "bench.abandon"
PROMISED: Final = PaymentPhase.PROMISED.name
AT_ONCE: Final = 256  # payments given up in one transaction


class PatientFinder(LocalFinder):
    """Routes whose deadline is `hold_us` from now, where that is later than the least one.

    All times of a chain move by as much, so that its margins stay what they are.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hold_us = 0

    async def find(self, query: RouteQuery) -> RouteFound | NoRoute:
        found = await super().find(query)
        return found if isinstance(found, NoRoute) else self._stretched(found)

    def recall(self, query: RouteQuery) -> RouteFound | None:
        found = super().recall(query)
        return found and self._stretched(found)

    def _stretched(self, found: RouteFound) -> RouteFound:
        more_us = self.hold_us - found.deadline
        if more_us <= 0:
            return found
        parts = [replace(p, schedule=_later(p.schedule, more_us)) for p in found.parts]
        return replace(found, parts=tuple(parts))


def _later(schedule: Schedule, by_us: int) -> Schedule:
    return Schedule(
        schedule.deadline + by_us,
        schedule.limit + by_us,
        tuple(None if e is None else e + by_us for e in schedule.expiries),
        tuple(lock + by_us for lock in schedule.locks),
    )


class _Holding:
    """One run. Every method runs on trio."""

    def __init__(self, context: Context, texts: Iterable[str], options: PayOptions) -> None:
        self._context = context
        self._texts: Iterator[str] = iter(texts)
        self._options = options
        self._waiting: dict[bytes, trio.Event] = {}
        self._routed: dict[bytes, Payment] = {}
        self._counts: Counter[str] = Counter()
        self.first = b""

    async def run(self, depth: int) -> dict[str, Any]:
        """`depth` payments at a time that wait for their first promise to be durable."""
        stop_listening = self._context.engine.listen(self._durable)
        try:
            async with trio.open_nursery() as workers:
                for _ in range(depth):
                    workers.start_soon(self._work)
        finally:
            stop_listening()
        return {"counts": dict(self._counts), "first": self.first.hex()}

    async def _work(self) -> None:
        for text in self._texts:
            signed = from_text(text)
            request = read_request(signed, self._context.clock.now_us())
            payment, refusal = await self._context.payer.create(signed, request, self._options)
            because = refusal
            if because is None:
                routed = await self._routed_row(payment)
                because = routed.because
            self._counts[because.reason.name if because else PROMISED] += 1
            self.first = self.first or payment

    def _durable(self, rows: Iterable[Row]) -> None:
        for row in rows:
            if isinstance(row, Payment) and row.phase is not PaymentPhase.ROUTING:
                self._routed[row.id] = row
                if (waiting := self._waiting.pop(row.id, None)) is not None:
                    waiting.set()

    async def _routed_row(self, payment: bytes) -> Payment:
        """The payment once it has promised, or once it has ended without."""
        if payment not in self._routed:
            self._waiting[payment] = routed = trio.Event()
            await routed.wait()
        return self._routed.pop(payment)


async def hold_all(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Promises for the requests of a file, and returns while all of them are pending.

    `hold_us`: from each one to its deadline. The answer counts payments by phase, those that have
    ended by reason.
    """
    texts = await read_requests(arguments)
    options = options_of(arguments, attempts=1)
    depth = arguments.number("depth", least=1, most=MAX_DEPTH)
    hold_us = arguments.number("hold_us")
    arguments.done()
    finder = context.finder
    assert isinstance(finder, PatientFinder)
    finder.hold_us = hold_us
    return await _Holding(context, texts, options).run(depth)


async def abandon_all(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Tells the payee of every live payment that it is no longer wanted: how many there were."""
    arguments.done()
    payments = context.engine.memory.owned(Payment)
    live = iter([p.id for p in payments if not p.phase.final])
    abandoned = 0
    while some := list(islice(live, AT_ONCE)):
        async with trio.open_nursery() as nursery:
            for payment in some:
                # One that has ended meanwhile is refused, which is as good.
                nursery.start_soon(context.engine.ask, partial(AbandonPayment, payment=payment))
        abandoned += len(some)
    return {"abandoned": abandoned}


VERBS: Final[Mapping[str, Verb]] = {HOLD: hold_all, ABANDON: abandon_all}
