"""The load, inside the payer's daemon: so many payments in flight, each measured to its end.

A payment is over when the group that holds its COMMITTED is on the payer's disk; before, nobody
is told.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import trio

from node.command.bench.accounting import read_accounts, spent_us
from node.command.bench.cpu import all_cpu_s
from node.command.bench.quantile import quantile
from node.command.finder import LocalFinder
from node.control.context import Context
from node.control.failure import Arguments, bad_argument
from node.control.service import Verb
from node.core.rows import Payment, PaymentPhase, Row
from node.core.view import MAX_PENDING_COUNT
from node.pay_options import DEFAULT_ATTEMPTS, PayOptions
from proto.levels import Level
from proto.request import from_text, read_request

VERB: Final = "bench.pay"
MAX_DEPTH: Final = MAX_PENDING_COUNT // 2  # what a node passes on of one neighbour at a time
MAX_SPAN_MS: Final = 3_600_000
MAX_PROCESSES: Final = 64
SHARES: Final = {"p50_ms": 0.50, "p95_ms": 0.95, "p99_ms": 0.99}


@dataclass(frozen=True, slots=True)
class _Mark:
    """One edge of the window that counts. `ended`: how many payments were over by then."""

    at_s: float
    ended: int
    cpu_s: Mapping[str, float]


class _Load:
    """One run. Every method runs on trio."""

    def __init__(
        self,
        context: Context,
        texts: Sequence[str],
        options: PayOptions,
        pids: Mapping[str, int],
        accounts: Mapping[str, str],
    ) -> None:
        self._context = context
        self._options = options
        self._pids = pids
        self._accounts = accounts
        self._texts: Iterator[str] = iter(texts)
        self._waiting: dict[bytes, trio.Event] = {}
        self._ended: dict[bytes, Payment] = {}
        self._latencies_s: list[float] = []
        self._failed: Counter[str] = Counter()
        self._over = trio.Event()  # the window's, by the clock or by the last request
        self._opened: _Mark | None = None
        self._closed: _Mark | None = None
        self._before: dict[str, dict[str, int]] = {}
        self._after: dict[str, dict[str, int]] = {}

    async def run(self, depth: int, ramp_s: float, window_s: float) -> dict[str, Any]:
        """The window opens after `ramp_s`, and closes early where the requests run out."""
        stop_listening = self._context.engine.listen(self._durable)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watch_the_clock, ramp_s, window_s)
                for _ in range(depth):
                    nursery.start_soon(self._work)
        finally:
            stop_listening()
        return self._result()

    async def _watch_the_clock(self, ramp_s: float, window_s: float) -> None:
        with trio.move_on_after(ramp_s):
            await self._over.wait()
        self._before = await read_accounts(self._accounts)
        self._opened = self._mark()
        with trio.move_on_after(window_s):
            await self._over.wait()
        self._close()
        self._after = await read_accounts(self._accounts)  # while the last payments end

    def _mark(self) -> _Mark:
        return _Mark(perf_counter(), len(self._latencies_s), all_cpu_s(self._pids))

    def _close(self) -> None:
        if self._closed is None:
            self._closed = self._mark()
            self._over.set()

    async def _work(self) -> None:
        while self._closed is None:
            text = next(self._texts, None)
            if text is None:
                self._close()
                return
            await self._pay(text)

    async def _pay(self, text: str) -> None:
        """All that the verb `pay` does for a caller, the reading of the request included."""
        began_s = perf_counter()
        signed = from_text(text)
        request = read_request(signed, self._context.clock.now_us())
        payment, refusal = await self._context.payer.create(signed, request, self._options)
        if refusal is not None:
            self._failed[refusal.reason.name] += 1
            return
        ended = await self._end_of(payment)
        if ended.phase is PaymentPhase.COMMITTED:
            self._latencies_s.append(perf_counter() - began_s)
        else:
            because = ended.because
            self._failed[because.reason.name if because else ended.phase.name] += 1

    def _durable(self, rows: Iterable[Row]) -> None:
        for row in rows:
            if isinstance(row, Payment) and row.phase.final:
                self._ended[row.id] = row
                if (waiting := self._waiting.pop(row.id, None)) is not None:
                    waiting.set()

    async def _end_of(self, payment: bytes) -> Payment:
        if payment not in self._ended:
            self._waiting[payment] = over = trio.Event()
            await over.wait()
        return self._ended.pop(payment)

    def _result(self) -> dict[str, Any]:
        opened, closed = self._opened, self._closed
        assert closed is not None  # by the clock, or by the worker that found no request left
        if opened is None or closed.ended <= opened.ended:
            # Too few requests, or too slow, for a window: all of the run has to do.
            return {"window_s": 0.0, "ended": 0, "paid": len(self._latencies_s)} | self._ends()
        window = sorted(self._latencies_s[opened.ended : closed.ended])
        return {
            "window_s": closed.at_s - opened.at_s,
            "ended": len(window),
            "paid": len(self._latencies_s),
            **{name: 1000 * quantile(window, share) for name, share in SHARES.items()},
            "cpu_s": {
                name: seconds - opened.cpu_s[name]
                for name, seconds in closed.cpu_s.items()
                if name in opened.cpu_s
            },
            "budget_us": spent_us(self._before, self._after, len(window)),
        } | self._ends()

    def _ends(self) -> dict[str, Any]:
        return {"failed": sum(self._failed.values()), "reasons": dict(self._failed)}


async def read_requests(arguments: Arguments) -> list[str]:
    """The argument `requests`: the texts of a file, one a line."""
    file = Path(arguments.text("requests"))
    try:
        return (await trio.Path(file).read_text()).split()
    except OSError as error:
        raise bad_argument("requests", f"{file}: {error.strerror}") from error


def options_of(arguments: Arguments, attempts: int = DEFAULT_ATTEMPTS) -> PayOptions:
    """The argument `level`: of every promise."""
    level = arguments.text("level")
    if level not in Level.__members__:
        raise bad_argument("level", "unknown")
    return PayOptions(levels=frozenset({Level[level]}), attempts=attempts)


async def pay_all(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Pays the requests of a file, one text a line, `depth` at a time."""
    texts = await read_requests(arguments)
    options = options_of(arguments)
    depth = arguments.number("depth", least=1, most=MAX_DEPTH)
    ramp_ms = arguments.number("ramp_ms", most=MAX_SPAN_MS)
    window_ms = arguments.number("window_ms", least=1, most=MAX_SPAN_MS)
    pids = arguments.mapping("pids") or {}
    accounts = arguments.mapping("accounts") or {}
    arguments.done()
    if len(pids) > MAX_PROCESSES or not all(isinstance(pid, int) for pid in pids.values()):
        raise bad_argument("pids", "must be process ids by name")
    if len(accounts) > MAX_PROCESSES or not all(isinstance(f, str) for f in accounts.values()):
        raise bad_argument("accounts", "must be files by name")
    finder = context.finder
    assert isinstance(finder, LocalFinder)
    searches, hits = finder.searches, finder.remembered
    load = _Load(context, texts, options, pids, accounts)
    found = await load.run(depth, ramp_ms / 1000, window_ms / 1000)
    return found | {
        "searches": finder.searches - searches,
        "search_hits": finder.remembered - hits,
    }


VERBS: Final[Mapping[str, Verb]] = {VERB: pay_all}
