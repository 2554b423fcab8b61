"""What a benchmark of the path finder is asked, and what it found."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from node.command.bench.quantile import quantile

OWN: Final = "own"  # one payer asks everything, as a node does for itself
RANDOM: Final = "random"  # each question comes from another payer, as to a service
PAYERS: Final = (OWN, RANDOM)
GUIDES: Final = ("plain", "coarse", "fine")  # values of `pathfinder.core.search.Guide`
MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """`file` None: a synthetic network of that many nodes and lines. `small`: share of the lines
    that carry less than any amount asked. `parts`: most chains of an answer; `alternatives`: more
    chains beside it. `check`: questions
    that a second search is asked too. `guide`: what leads the search, None = what fits best.
    `warm_up`: questions before the clock starts."""

    queries: int
    seed: int
    payer: str
    amounts: tuple[int, int]
    nodes: int = 0
    lines: int = 0
    registries: int = 3
    collectives: int = 1
    file: Path | None = None
    brand: str | None = None
    small: float = 0.0
    parts: int = 1
    alternatives: int = 0
    check: int = 0
    guide: str | None = None
    warm_up: int = 20
    profile: Path | None = None


@dataclass(frozen=True, slots=True)
class Built:
    """The network that was asked. Times in s; `network_s`: making or reading it."""

    nodes: int
    lines: int
    brand: str
    policies: int
    network_s: float
    build_s: float


@dataclass(frozen=True, slots=True)
class Asked:
    """One question and its answer; `labels` None: not counted."""

    payer: str
    payee: str
    amount: int
    ms: float
    cost: int | None
    exact: bool
    hops: int
    labels: int | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What the second search said: of so many, which had the same cost, and which it gave up."""

    asked: int
    agreed: int
    undecided: int
    differences: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """A whole run. `warm_s`: questions beforehand, `warm_up` of them. `peak_bytes`: of the whole
    process, making the network included; `resident_bytes`: at the end, None = not known.
    `collections`: full garbage collections during the measured questions."""

    wanted: Wanted
    built: Built
    asked: Sequence[Asked]
    warm_up: int
    warm_s: float
    peak_bytes: int
    resident_bytes: int | None
    collections: int
    checked: Checked | None
    machine: Mapping[str, Any]
    versions: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """Nobody found a cheaper chain, or one where there should be none."""
        return self.checked is None or not self.checked.differences

    def as_json(self) -> dict[str, Any]:
        """One flat object; times of a question in ms, sizes in MiB."""
        wanted, built = self.wanted, self.built
        found: dict[str, Any] = {
            **self.times(),
            "found": sum(a.cost is not None for a in self.asked),
            "exact": sum(a.exact for a in self.asked),
            "queries": len(self.asked),
            "hops_p50": self.hops(0.5),
            "hops_max": self.hops(1.0),
            "labels": self.labels(),
            "payer": wanted.payer,
            "payers": len({a.payer for a in self.asked}),
            "amount": list(wanted.amounts),
            "too_small_percent": round(100 * wanted.small, 3),
            "parts": wanted.parts,
            "alternatives": wanted.alternatives,
            "guide": wanted.guide,
            "nodes": built.nodes,
            "lines": built.lines,
            "brand": built.brand,
            "policies": built.policies,
            "file": None if wanted.file is None else str(wanted.file),
            "seed": wanted.seed,
            "network_s": round(built.network_s, 3),
            "build_s": round(built.build_s, 3),
            "warm_s": round(self.warm_s, 3),
            "warm_up": self.warm_up,
            "memory_mb": round(self.peak_bytes / MIB, 1),
            "resident_mb": (
                None if self.resident_bytes is None else round(self.resident_bytes / MIB, 1)
            ),
            "full_collections": self.collections,
        }
        if self.checked is not None:
            found["check"] = asdict(self.checked)
        return found | {"machine": dict(self.machine), "versions": dict(self.versions)}

    def times(self) -> dict[str, float]:
        """p50_ms, p95_ms, p99_ms, max_ms and mean_ms."""
        ordered = sorted(a.ms for a in self.asked)
        shares = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99, "max_ms": 1.0}
        found = {name: quantile(ordered, share) for name, share in shares.items()}
        found["mean_ms"] = sum(ordered) / len(ordered)
        return {name: round(ms, 4) for name, ms in found.items()}

    def hops(self, share: float) -> int | None:
        """Promises of the chains that were found, of the longest one where there are several."""
        ordered = sorted(a.hops for a in self.asked if a.cost is not None)
        return int(quantile(ordered, share)) if ordered else None

    def labels(self) -> dict[str, int] | None:
        """p50, p95 and max of the partial chains that a search took up; None: not counted."""
        ordered = sorted(a.labels for a in self.asked if a.labels is not None)
        if not ordered:
            return None
        shares = {"p50": 0.5, "p95": 0.95, "max": 1.0}
        return {name: int(quantile(ordered, share)) for name, share in shares.items()}
