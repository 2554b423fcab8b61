"""What a benchmark of payments is asked, and what it found."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from proto.levels import Level

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
STORES: Final = (SQLITE, POSTGRESQL)
FSYNC: Final = "full"  # no daemon starts on a store that would not sync
TLS: Final = "mutual"  # on every stream between nodes; there is no switch
WARM_UP: Final = 300  # payments: every code path and cache has been used
MAX_WARM_UP: Final = 10_000  # it ends after half a minute anyway


@dataclass(frozen=True, slots=True)
class Wanted:
    """`profile`: (which node, file for its profile). `server`: URL of a PostgreSQL server to use;
    None = one is started. `parent`: where everything is written, None = where temporary files are.
    `budget`: tell what the processors' time went to. `warm_up`: payments before each depth, beside
    the depth.
    """

    hops: int
    level: Level
    depths: tuple[int, ...]
    seconds: float
    store: str
    profile: tuple[str, Path] | None = None
    server: str | None = None
    parent: Path | None = None
    budget: bool = False
    warm_up: int = WARM_UP


@dataclass(frozen=True, slots=True)
class Measured:
    """One depth. Times per payment are means over the window of `seconds`.

    `cpu_ms`: by process, without those whose time the system does not tell; `bytes_grown`: by
    store, per payment, the payee's request included. `failed`: payments that did not commit.
    `budget_us`: processor time by process and category (see accounting), empty if not wanted.
    """

    depth: int
    seconds: float
    payments: int
    paid_in_all: int
    failed: int
    reasons: Mapping[str, int]
    latencies_ms: Mapping[str, float]
    cpu_ms: Mapping[str, float]
    bytes_grown: Mapping[str, float]
    search_hits: int
    searches: int
    budget_us: Mapping[str, Mapping[str, float]]

    @property
    def per_s(self) -> float:
        return self.payments / self.seconds if self.seconds else 0.0

    @property
    def bytes_per_payment(self) -> int | None:
        """None where a store shrank meanwhile: what an earlier depth had paid was archived."""
        if any(grown < 0 for grown in self.bytes_grown.values()):
            return None
        return round(sum(self.bytes_grown.values()))


@dataclass(frozen=True, slots=True)
class Outcome:
    """A whole run. `differences`: of the books, afterwards; none where all is well."""

    wanted: Wanted
    processes: int
    measured: tuple[Measured, ...]
    differences: tuple[str, ...]
    machine: Mapping[str, Any]
    versions: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """Books equal, nothing failed, and every depth had payments to measure."""
        sound = all(m.payments and not m.failed for m in self.measured)
        return sound and not self.differences

    def as_json(self) -> dict[str, Any]:
        """One depth: one flat object. Several: they are in `runs`."""
        runs = [self._run_json(measured) for measured in self.measured]
        shared = {
            "ok": self.ok,
            "books_equal": not self.differences,
            "differences": list(self.differences),
            "machine": dict(self.machine),
            "versions": dict(self.versions),
        }
        return runs[0] | shared if len(runs) == 1 else {"runs": runs} | shared

    def _run_json(self, m: Measured) -> dict[str, Any]:
        return {
            "payments_per_s": round(m.per_s, 1),
            **{name: round(value, 2) for name, value in m.latencies_ms.items()},
            "cpu_ms_per_payment": round(sum(m.cpu_ms.values()), 3) if m.cpu_ms else None,
            "cpu_ms_by_process": {name: round(v, 3) for name, v in m.cpu_ms.items()},
            "budget_us_by_process": {
                name: {category: round(us, 1) for category, us in spent.items()}
                for name, spent in m.budget_us.items()
            },
            "bytes_per_payment": m.bytes_per_payment,
            "bytes_by_store": {name: round(v) for name, v in m.bytes_grown.items()},
            "fsync": FSYNC,
            "tls": TLS,
            "store": self.wanted.store,
            "level": self.wanted.level.name,
            "hops": self.wanted.hops,
            "depth": m.depth,
            "processes": self.processes,
            "seconds": round(m.seconds, 2),
            "payments": m.payments,
            "paid_in_all": m.paid_in_all,
            "failed": m.failed,
            "reasons": dict(m.reasons),
            "route_searches": m.searches,
            "route_answers_remembered": m.search_hits,
        }
