"""A benchmark's outcome for people."""

from collections.abc import Callable
from typing import Final

from node.command.bench.accounting import CATEGORIES
from node.command.bench.result import FSYNC, TLS, Measured, Outcome
from node.command.display import facts, gap, say, table

Cell = Callable[[Measured], str]

_ROWS: Final[tuple[tuple[str, Cell], ...]] = (
    ("payments per second", lambda m: f"{m.per_s:,.1f}"),
    ("p50 ms", lambda m: f"{m.latencies_ms['p50_ms']:.2f}"),
    ("p95 ms", lambda m: f"{m.latencies_ms['p95_ms']:.2f}"),
    ("p99 ms", lambda m: f"{m.latencies_ms['p99_ms']:.2f}"),
    ("CPU ms per payment", lambda m: f"{sum(m.cpu_ms.values()):.3f}" if m.cpu_ms else "-"),
    ("bytes per payment", lambda m: f"{m.bytes_per_payment:,}" if m.bytes_per_payment else "-"),
    ("seconds measured", lambda m: f"{m.seconds:.2f}"),
    ("payments measured", lambda m: f"{m.payments:,}"),
    ("failed", lambda m: f"{m.failed:,}"),
)


def show(outcome: Outcome) -> None:
    """One column for each depth, and what every process took of it."""
    wanted, about = outcome.wanted, outcome.machine
    facts(
        (
            ("chain", f"{wanted.hops} promises at {wanted.level.name}"),
            ("processes", f"{outcome.processes}, of which one registry"),
            ("store", f"{wanted.store}, fsync {FSYNC}; TLS {TLS}"),
            ("machine", f"{about['cores']} cores of {about['cpu']}, {about['memory_mib']:,} MiB"),
            ("disk", f"{about['filesystem']}, 4 KiB and fsync in {about['fsync_us']} us"),
            ("system", f"{about['system']}, load {about['load_before']} before"),
            ("software", ", ".join(f"{n} {v}" for n, v in outcome.versions.items())),
        )
    )
    gap()
    columns = ("", *(f">depth {m.depth}" for m in outcome.measured))
    rows = [(name, *(cell(m) for m in outcome.measured)) for name, cell in _ROWS]
    table(columns, [*rows, *_by_process(outcome), *_budget(outcome)], "")
    for measured in outcome.measured:
        for reason, count in measured.reasons.items():
            say(f"failed at depth {measured.depth}: {count} {reason}")
    for difference in outcome.differences:
        say(difference)
    gap()
    say("all books are equal" if not outcome.differences else "the books differ")


def _by_process(outcome: Outcome) -> list[tuple[str, ...]]:
    names = list(outcome.measured[0].cpu_ms)
    return [
        (f"CPU ms of {name}", *(f"{m.cpu_ms.get(name, 0.0):.3f}" for m in outcome.measured))
        for name in names
    ]


def _budget(outcome: Outcome) -> list[tuple[str, ...]]:
    """Of all processes together; by process it is in the JSON."""
    if not outcome.wanted.budget:
        return []

    def sum_us(measured: Measured, category: str) -> float:
        return sum(spent[category] for spent in measured.budget_us.values())

    return [
        (f"us of {category}", *(f"{sum_us(m, category):,.0f}" for m in outcome.measured))
        for category in CATEGORIES
    ]
