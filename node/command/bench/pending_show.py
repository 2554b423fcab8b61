"""What became of many pending promises, for people."""

from collections.abc import Mapping
from typing import Final

from node.command.bench.pending_result import Fresh, Outcome
from node.command.bench.result import FSYNC, TLS
from node.command.display import facts, gap, say, table

MIB: Final = 1 << 20


def show_pending(outcome: Outcome) -> None:
    """Facts, then sizes by process, payments by situation and answers by verb."""
    wanted, found, about = outcome.wanted, outcome.found, outcome.machine
    restart = found.restart
    facts(
        (
            ("pending on the hop", f"{found.pending:,} promises at {wanted.level.name}"),
            ("after", f"{found.filled_s:.1f} s"),
            ("memory of each", _bytes(outcome.memory_per_promise)),
            ("disk of each", _bytes(outcome.disk_per_promise)),
            ("beyond the cap", _counts(found.beyond_cap)),
            ("started anew", f"ready after {restart.ready_s:.1f} s, {restart.pending:,} pending"),
            ("its first answer", f"after {restart.first_answer_s:.1f} s"),
            ("its first payment", f"after {restart.first_payment_s:.1f} s"),
            (wanted.end, f"after {found.ended_s:.1f} s, {found.left:,} left"),
            ("store", f"{wanted.store}, fsync {FSYNC}; TLS {TLS}"),
            ("machine", f"{about['cores']} cores of {about['cpu']}, {about['memory_mib']:,} MiB"),
            ("disk", f"{about['filesystem']}, 4 KiB and fsync in {about['fsync_us']} us"),
        )
    )
    gap()
    sizes = [
        (name, *_sizes(found.resident_bytes.get(name)), *_sizes(found.stored_bytes.get(name)))
        for name in found.stored_bytes
    ]
    columns = ("MiB", ">memory before", ">memory full", ">disk before", ">disk full")
    table(columns, sizes, "")
    fresh = [(name, *_fresh(f)) for name, f in found.fresh.items()]
    table(("another neighbour's", ">payments", ">p50 ms", ">p95 ms", ">failed"), fresh, "")
    slowest = [(name, f"{ms:,.1f}") for name, ms in found.answers_ms.items()]
    table(("slowest answer", ">ms"), slowest, "")
    gap()
    for difference in outcome.differences:
        say(difference)
    say("all books are equal" if not outcome.differences else "the books differ")


def _bytes(size: float | None) -> str:
    return "-" if size is None else f"{size:,.0f} bytes"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{many} {reason}" for reason, many in counts.items()) or "-"


def _sizes(both: tuple[int, int] | None) -> tuple[str, str]:
    return ("-", "-") if both is None else (f"{both[0] / MIB:,.1f}", f"{both[1] / MIB:,.1f}")


def _fresh(fresh: Fresh) -> tuple[str, ...]:
    return (
        f"{fresh.payments:,}", f"{fresh.p50_ms:.1f}", f"{fresh.p95_ms:.1f}", f"{fresh.failed:,}"
    )  # fmt: skip
