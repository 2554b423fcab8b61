"""What a benchmark of pending promises is asked, and what it found."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from node.command.bench.result import FSYNC, TLS
from proto.levels import Level

RELEASED: Final = "released"
EXPIRED: Final = "expired"
ENDS: Final = (RELEASED, EXPIRED)


@dataclass(frozen=True, slots=True)
class Wanted:
    """`count`: promises pending on the hop, half of them held and half given. `hold_s`: for how
    long at most. `seconds`: of each measurement of fresh payments. The rest as for payments."""

    count: int
    level: Level
    end: str
    hold_s: int
    seconds: float
    store: str
    server: str | None = None
    parent: Path | None = None

    @property
    def payments(self) -> int:
        """Each is two promises on the hop."""
        return self.count // 2


@dataclass(frozen=True, slots=True)
class Fresh:
    """Payments of another neighbour over the same hop, one after the other."""

    payments: int
    failed: int
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class Restart:
    """After SIGKILL, with everything pending; seconds from its start on."""

    ready_s: float
    first_answer_s: float
    first_payment_s: float
    pending: int


@dataclass(frozen=True, slots=True)
class Found:
    """`resident_bytes`, `stored_bytes`: by process, (before, with all of them pending).

    `beyond_cap`: what became of payments that the full neighbour made nevertheless, by reason.
    `answers_ms`: the slowest of several calls, by verb. `fresh`: by situation.
    """

    pending: int
    filled_s: float
    resident_bytes: Mapping[str, tuple[int, int]]
    stored_bytes: Mapping[str, tuple[int, int]]
    fresh: Mapping[str, Fresh]
    beyond_cap: Mapping[str, int]
    answers_ms: Mapping[str, float]
    restart: Restart
    ended_s: float
    left: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """A whole run. `differences`: of the books, afterwards; none where all is well."""

    wanted: Wanted
    found: Found
    hop: str
    differences: tuple[str, ...]
    machine: Mapping[str, Any]
    versions: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """All waited at once and after the restart, all ended, and no other payment failed."""
        found, count = self.found, 2 * self.wanted.payments
        held = found.pending == found.restart.pending == count and not found.left
        sound = all(f.payments and not f.failed for f in found.fresh.values())
        return held and sound and not self.differences

    @property
    def memory_per_promise(self) -> float | None:
        """Bytes on the hop; None where the system does not tell."""
        return self._each(self.found.resident_bytes)

    @property
    def disk_per_promise(self) -> float | None:
        """Bytes in the hop's store."""
        return self._each(self.found.stored_bytes)

    def _each(self, sizes: Mapping[str, tuple[int, int]]) -> float | None:
        if self.hop not in sizes or not self.found.pending:
            return None
        before, after = sizes[self.hop]
        return (after - before) / self.found.pending

    def as_json(self) -> dict[str, Any]:
        """One flat object; sizes in bytes."""
        found, each = (
            self.found,
            {
                "memory_bytes_per_promise": self.memory_per_promise,
                "disk_bytes_per_promise": self.disk_per_promise,
            },
        )
        return {
            "ok": self.ok,
            "pending": found.pending,
            "filled_s": round(found.filled_s, 2),
            **{name: value and round(value) for name, value in each.items()},
            "resident_bytes": _before_after(found.resident_bytes),
            "stored_bytes": _before_after(found.stored_bytes),
            "fresh": {name: _rounded(asdict(fresh)) for name, fresh in found.fresh.items()},
            "beyond_cap": dict(found.beyond_cap),
            "answers_ms": _rounded(found.answers_ms),
            "restart": _rounded(asdict(found.restart)),
            "end": self.wanted.end,
            "ended_s": round(found.ended_s, 2),
            "left": found.left,
            "books_equal": not self.differences,
            "differences": list(self.differences),
            "fsync": FSYNC,
            "tls": TLS,
            "store": self.wanted.store,
            "level": self.wanted.level.name,
            "machine": dict(self.machine),
            "versions": dict(self.versions),
        }


def _before_after(sizes: Mapping[str, tuple[int, int]]) -> dict[str, dict[str, int]]:
    return {name: {"before": b, "after": a} for name, (b, a) in sizes.items()}


def _rounded(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {n: round(f, 2) if isinstance(f, float) else f for n, f in figures.items()}
