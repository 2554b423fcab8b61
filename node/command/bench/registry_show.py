"""What a benchmark of a registry found, for people."""

from collections.abc import Callable
from typing import Final

from node.command.bench.registry_result import BATCHED, TLS, UNARY, Outcome, Spell
from node.command.bench.result import FSYNC
from node.command.display import facts, gap, say, table

Cell = Callable[[Spell], str]

_ROWS: Final[tuple[tuple[str, Cell], ...]] = (
    ("decisions per second", lambda s: f"{s.decisions_per_s:,.0f}"),
    ("p50 ms of a call", lambda s: f"{s.p50_ms:.2f}"),
    ("p99 ms of a call", lambda s: f"{s.p99_ms:.2f}"),
    ("CPU us of the registry per decision", lambda s: _figure(s.server_cpu_us)),
    ("CPU us of the client per decision", lambda s: _figure(s.client_cpu_us)),
    ("seconds measured", lambda s: f"{s.seconds:.2f}"),
    ("decisions measured", lambda s: f"{s.decided:,}"),
    ("signatures verified afterwards", lambda s: f"{s.verified:,}"),
)


def show(outcome: Outcome) -> None:
    """Facts, then one column for each way to call."""
    wanted, about = outcome.wanted, outcome.machine
    how = {
        UNARY: f"{wanted.in_flight} in flight",
        BATCHED: f"{wanted.streams} streams of frames of {wanted.frame}",
    }
    facts(
        (
            *((spell.mode, how[spell.mode]) for spell in outcome.spells),
            ("committers", f"{wanted.committers} for each transaction, all of them sign"),
            ("table", f"{outcome.rows_before:,} decisions before, {outcome.logged:,} more after"),
            ("store", f"{wanted.store}, fsync {FSYNC}; TLS {TLS}"),
            ("load", "signed before the clock started; the client runs on the same machine"),
            ("machine", f"{about['cores']} cores of {about['cpu']}, {about['memory_mib']:,} MiB"),
            ("disk", f"{about['filesystem']}, 4 KiB and fsync in {about['fsync_us']} us"),
            ("system", f"{about['system']}, load {about['load_before']} before"),
            ("software", ", ".join(f"{n} {v}" for n, v in outcome.versions.items())),
        )
    )
    gap()
    columns = ("", *(f">{spell.mode}" for spell in outcome.spells))
    table(columns, [(name, *(cell(s) for s in outcome.spells)) for name, cell in _ROWS], "")
    for spell in outcome.spells:
        for what, count in spell.faults.items():
            say(f"{spell.mode}: {count:,} answers were {what}")
    gap()
    if outcome.decided == outcome.logged:
        say(f"all {outcome.decided:,} answers are COMMITTED, and the log grew by as many entries")
    else:
        say(f"{outcome.decided:,} answers are COMMITTED, and the log grew by {outcome.logged:,}")


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}"
