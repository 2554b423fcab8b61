"""What a benchmark of a registry is asked, and what it found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from node.command.bench.result import FSYNC

UNARY: Final = "unary"
BATCHED: Final = "batched"
BOTH: Final = "both"
MODES: Final = (UNARY, BATCHED, BOTH)
TLS: Final = "server"  # the registry shows its pinned certificate; its callers need none
FIGURES: Final = ("decisions_per_s", "p50_ms", "p99_ms")


@dataclass(frozen=True, slots=True)
class Wanted:
    """`in_flight`: unary calls at a time. `frame`: items in one, `streams`: of them at a time, one
    frame on its way in each. `rows`: decisions in the table beforehand. `committers`: keys that
    sign each commit. `server`, `parent` as for payments."""

    modes: tuple[str, ...]
    seconds: float
    in_flight: int
    frame: int
    streams: int
    store: str
    rows: int = 0
    committers: int = 1
    server: str | None = None
    parent: Path | None = None


@dataclass(frozen=True, slots=True)
class Spell:
    """What one client saw; times of its calls in ms, processor time in µs per decision.

    `calls`: requests, each of `items` decisions. `warm_up`: decisions before the clock started.
    `verified`: answers whose signature the client verified, of all `decided`; `faults`: answers
    that were not COMMITTED about the id asked for, or were not signed so, by what they were.
    """

    mode: str
    seconds: float
    calls: int
    items: int
    decided: int
    warm_up: int
    verified: int
    faults: Mapping[str, int]
    p50_ms: float
    p99_ms: float
    server_cpu_us: float | None
    client_cpu_us: float | None

    @property
    def decisions_per_s(self) -> float:
        return self.decided / self.seconds if self.seconds else 0.0

    def as_json(self) -> dict[str, Any]:
        return {
            "decisions_per_s": round(self.decisions_per_s, 1),
            "p50_ms": round(self.p50_ms, 2),
            "p99_ms": round(self.p99_ms, 2),
            "seconds": round(self.seconds, 3),
            "calls": self.calls,
            "items_per_call": self.items,
            "decided": self.decided,
            "warm_up": self.warm_up,
            "verified": self.verified,
            "faults": dict(self.faults),
            "server_cpu_us_per_decision": _rounded(self.server_cpu_us),
            "client_cpu_us_per_decision": _rounded(self.client_cpu_us),
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """A whole run. `logged`: by how many entries the registry's log grew, by its own account."""

    wanted: Wanted
    spells: Sequence[Spell]
    logged: int
    rows_before: int
    machine: Mapping[str, Any]
    versions: Mapping[str, str]

    @property
    def decided(self) -> int:
        """By the clients' account, warming up included."""
        return sum(s.decided + s.warm_up for s in self.spells)

    @property
    def ok(self) -> bool:
        """Every answer was COMMITTED about its id, and the log holds exactly these."""
        sound = all(s.decided and not s.faults for s in self.spells)
        return sound and self.decided == self.logged

    def as_json(self) -> dict[str, Any]:
        """One flat object; what differs by mode is an object by mode."""
        runs = {spell.mode: spell.as_json() for spell in self.spells}
        by_mode = {name: {mode: run[name] for mode, run in runs.items()} for name in FIGURES}
        wanted = self.wanted
        return by_mode | {
            "ok": self.ok,
            "fsync": FSYNC,
            "fsync_us": self.machine["fsync_us"],
            "store": wanted.store,
            "tls": TLS,
            "in_flight": wanted.in_flight,
            "frame": wanted.frame,
            "streams": wanted.streams,
            "committers": wanted.committers,
            "rows_before": self.rows_before,
            "decided": self.decided,
            "logged": self.logged,
            "runs": runs,
            "machine": dict(self.machine),
            "versions": dict(self.versions),
        }


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 1)
