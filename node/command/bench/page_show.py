"""What was found of the page, for people."""

from node.command.bench.page_result import Outcome
from node.command.bench.result import FSYNC
from node.command.display import facts, gap, say, table

MIB = 1 << 20


def show_page(outcome: Outcome) -> None:
    """Facts, then times by kind of answer and processor time by process."""
    wanted, found, about = outcome.wanted, outcome.found, outcome.machine
    filled, held = found.filled, found.held
    before, after = found.resident_bytes
    cpu = outcome.cpu_ms_per_page
    facts(
        (
            ("payers", f"{wanted.payers}, each thinks for {wanted.think_s:g} s at every page"),
            ("pages", f"{outcome.pages:,}, {outcome.pages / found.seconds:,.0f} per second"),
            ("processor", "-" if cpu is None else f"{cpu:.2f} ms of the payer's node for each"),
            ("approved", f"{found.approved:,}, of which {found.paid:,} were paid"),
            ("memory", f"{_mib(before)} before, {_mib(after)} after"),
            (
                "others here",
                filled and f"{filled.people:,} people with {filled.requests:,} requests",
            ),
            (
                "ready again",
                filled and f"after {filled.ready_s:.1f} s, {_mib(filled.resident_bytes)}",
            ),
            ("held open", held and f"{held.let_in} of {held.polls}, {held.refused} refused"),
            ("slow forms", held and f"{held.slow}, {held.sent_away} sent away"),
            ("store", f"{wanted.store}, fsync {FSYNC}"),
            ("machine", f"{about['cores']} cores of {about['cpu']}, {about['memory_mib']:,} MiB"),
        )
    )
    gap()
    rows = [
        (kind, f"{t['answers']:,}", *(f"{t[s]:.1f}" for s in ("p50_ms", "p95_ms", "p99_ms")))
        for kind, t in outcome.times().items()
    ]
    table(("answer", ">number", ">p50 ms", ">p95 ms", ">p99 ms"), rows, "")
    table(
        ("process", ">seconds of a processor"),
        [(name, f"{s:.1f}") for name, s in found.cpu_s.items()],
        "",
    )
    gap()
    for what, many in found.errors.items():
        say(f"{many} times: {what}")
    for difference in outcome.differences:
        say(difference)
    say("all books are equal" if not outcome.differences else "the books differ")


def _mib(size: int | None) -> str:
    return "-" if size is None else f"{size / MIB:,.0f} MiB"
