"""The load of exchanges, inside the buyer's daemon: so many under way, each measured to its end.

An exchange is over when its deal is closed on the buyer's disk: every registrar has taken the
certificate, every seat has been told, and the buyer's own holds are empty.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import Any, Final

import trio

from node.command.bench.cpu import all_cpu_s
from node.command.bench.driver import SHARES
from node.command.bench.quantile import quantile
from node.control.context import Context
from node.control.escrow_propose import propose
from node.control.failure import Arguments
from node.control.service import Verb
from node.core.escrow.rows import Deal, DealPhase
from node.core.rows import Row, Transaction

VERB: Final = "bench.exchange"
MAX_DEPTH: Final = 256
MAX_SPAN_MS: Final = 3_600_000


class _Load:
    """One run. Every method runs on trio."""

    def __init__(self, context: Context, wish: Mapping[str, Any], pids: Mapping[str, int]) -> None:
        self._context = context
        self._wish = wish
        self._pids = pids
        self._waiting: dict[str, trio.Event] = {}
        self._ended: dict[str, Deal] = {}
        self._latencies_s: list[float] = []
        self._failed: Counter[str] = Counter()
        self._over = False
        self.found: dict[str, Any] = {}

    async def run(self, depth: int, ramp_s: float, window_s: float) -> None:
        """The window opens after `ramp_s`; afterwards what is under way ends."""
        stop_listening = self._context.engine.listen(self._durable)
        try:
            async with trio.open_nursery() as nursery:
                for _ in range(depth):
                    nursery.start_soon(self._work)
                await trio.sleep(ramp_s)
                began, first, cpu_s = perf_counter(), len(self._latencies_s), all_cpu_s(self._pids)
                await trio.sleep(window_s)
                seconds, spent_s = perf_counter() - began, all_cpu_s(self._pids)
                window = sorted(self._latencies_s[first:])
                self._over = True
        finally:
            stop_listening()
        self.found = {
            "seconds": seconds,
            "escrows": len(window),
            "in_all": len(self._latencies_s),
            "failed": self._failed.total(),
            "reasons": dict(self._failed),
            "cpu_s": {name: s - cpu_s[name] for name, s in spent_s.items() if name in cpu_s},
        }
        if window:
            self.found |= {name: 1000 * quantile(window, q) for name, q in SHARES.items()}

    async def _work(self) -> None:
        while not self._over:
            began_s = perf_counter()
            answer = await propose(self._context, Arguments(dict(self._wish)))
            deal = await self._end_of(answer["id"])
            transaction = self._context.settled.transaction(deal.commit)
            if isinstance(transaction, Transaction) and transaction.commit_certificate:
                self._latencies_s.append(perf_counter() - began_s)
            else:
                self._failed[deal.because.name] += 1

    def _durable(self, rows: Iterable[Row]) -> None:
        for row in rows:
            if isinstance(row, Deal) and row.phase in (DealPhase.CLOSED, DealPhase.FAILED):
                self._ended[row.id.hex()] = row
                if (waiting := self._waiting.pop(row.id.hex(), None)) is not None:
                    waiting.set()

    async def _end_of(self, deal: str) -> Deal:
        if deal not in self._ended:
            self._waiting[deal] = over = trio.Event()
            await over.wait()
        return self._ended.pop(deal)


async def exchange_all(context: Context, arguments: Arguments) -> dict[str, Any]:
    """Proposes `wish` again and again, `depth` at a time, as the verb escrow.propose takes it."""
    wish = arguments.mapping("wish") or {}
    depth = arguments.number("depth", least=1, most=MAX_DEPTH)
    ramp_ms = arguments.number("ramp_ms", most=MAX_SPAN_MS)
    window_ms = arguments.number("window_ms", least=1, most=MAX_SPAN_MS)
    pids = arguments.mapping("pids") or {}
    arguments.done()
    load = _Load(context, wish, pids)
    await load.run(depth, ramp_ms / 1000, window_ms / 1000)
    return load.found


VERBS: Final[Mapping[str, Verb]] = {VERB: exchange_all}
