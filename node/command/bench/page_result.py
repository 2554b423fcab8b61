"""What a benchmark of the page is asked, and what it found."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from node.command.bench.page_people import PAGES
from node.command.bench.quantile import quantile
from node.command.bench.result import FSYNC

SHARES: Final = {"p50_ms": 0.50, "p95_ms": 0.95, "p99_ms": 0.99}


@dataclass(frozen=True, slots=True)
class Wanted:
    """`payers` look, each `think_s` at every page; `approvals` per second are paid meanwhile.
    `waiting`: requests in the list of each. `fill`: further people at the node, each with
    `fill_each` requests. `profile`: a file for the profile of the payer's node."""

    payers: int
    seconds: float
    think_s: float
    approvals: float
    waiting: int
    store: str
    fill: int = 0
    fill_each: int = 0
    held: int = 0
    server: str | None = None
    parent: Path | None = None
    profile: Path | None = None


@dataclass(frozen=True, slots=True)
class Filled:
    """What further people at the node cost: bytes of its memory after a restart (None where the
    system does not tell) and of its store, and seconds until it was ready again."""

    people: int
    requests: int
    filled_s: float
    ready_s: float
    resident_bytes: int | None
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class Held:
    """Of `polls` that would wait for a change: how many were let in, were answered at once, were
    refused (503), or were closed. Of `slow` forms at a byte a second so many were sent away."""

    polls: int
    let_in: int
    at_once: int
    refused: int
    closed: int
    slow: int
    sent_away: int


@dataclass(frozen=True, slots=True)
class Found:
    """`took_ms`: of each kind of answer, in `seconds`. `cpu_s`: by process. `resident_bytes`: of
    the payer's node, before the load and after it. `approved` were accepted, `paid` of them arrived
    in the end."""

    seconds: float
    took_ms: Mapping[str, tuple[float, ...]]
    errors: Mapping[str, int]
    cpu_s: Mapping[str, float]
    resident_bytes: tuple[int | None, int | None]
    approved: int
    paid: int
    filled: Filled | None = None
    held: Held | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A whole run. `server`: the process whose time the pages take."""

    wanted: Wanted
    found: Found
    server: str
    differences: tuple[str, ...]
    machine: Mapping[str, Any]
    versions: Mapping[str, str]

    @property
    def pages(self) -> int:
        """Answers to browsers, files too."""
        return sum(len(self.found.took_ms.get(kind, ())) for kind in PAGES)

    @property
    def ok(self) -> bool:
        """Every page was shown, everything approved was paid, and all books are equal."""
        found = self.found
        shown = all(found.took_ms.get(kind) for kind in PAGES)
        return shown and not found.errors and found.paid == found.approved and not self.differences

    @property
    def cpu_ms_per_page(self) -> float | None:
        """Of the payer's node, with what its payments take."""
        used = self.found.cpu_s.get(self.server)
        return None if used is None or not self.pages else 1000 * used / self.pages

    def times(self) -> dict[str, dict[str, float]]:
        """p50, p95, p99 and the number of each kind of answer."""
        told: dict[str, dict[str, float]] = {}
        for kind, took in self.found.took_ms.items():
            ordered = sorted(took)
            shares = {name: round(quantile(ordered, share), 2) for name, share in SHARES.items()}
            told[kind] = {"answers": len(ordered), **shares}
        return told

    def as_json(self) -> dict[str, Any]:
        """One object; sizes in bytes."""
        found, wanted, cpu = self.found, self.wanted, self.cpu_ms_per_page
        before, after = found.resident_bytes
        filled, held = found.filled, found.held
        return {
            "ok": self.ok,
            "pages_per_s": round(self.pages / found.seconds, 1) if found.seconds else 0.0,
            "pages": self.pages,
            "answers": self.times(),
            "cpu_ms_per_page": None if cpu is None else round(cpu, 3),
            "cpu_s_by_process": {name: round(s, 2) for name, s in found.cpu_s.items()},
            "resident_bytes": {"before": before, "after": after},
            "approved": found.approved,
            "paid": found.paid,
            "errors": dict(found.errors),
            "payers": wanted.payers,
            "waiting": wanted.waiting,
            "think_s": wanted.think_s,
            "approvals_per_s": wanted.approvals,
            "seconds": round(found.seconds, 2),
            "filled": None if filled is None else _plain(filled),
            "held": None if held is None else _plain(held),
            "store": wanted.store,
            "fsync": FSYNC,
            "tls": "none",  # before the page; between the nodes it is as ever
            "books_equal": not self.differences,
            "differences": list(self.differences),
            "machine": dict(self.machine),
            "versions": dict(self.versions),
        }


def _plain(found: Filled | Held) -> dict[str, Any]:
    told = {name: getattr(found, name) for name in found.__slots__}
    return {n: round(v, 2) if isinstance(v, float) else v for n, v in told.items()}
