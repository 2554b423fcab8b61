"""What a benchmark of the path finder found, for people."""

from node.command.bench.route_result import MIB, OWN, Outcome
from node.command.display import facts, gap, say, table


def show_routes(outcome: Outcome) -> None:
    """Facts, then the times of a question."""
    wanted, built, about = outcome.wanted, outcome.built, outcome.machine
    low, high = wanted.amounts
    who = "one payer" if wanted.payer == OWN else "a payer of its own for each question"
    source = f"seed {wanted.seed}" if wanted.file is None else f"{wanted.file}"
    peak, resident = outcome.peak_bytes / MIB, outcome.resident_bytes
    found = sum(a.cost is not None for a in outcome.asked)
    labels, hops = outcome.labels(), outcome.hops(0.5)
    facts(
        (
            ("network", f"{built.nodes:,} nodes, {built.lines:,} lines, {source}"),
            ("registries", f"{built.policies} to choose from, collectives included"),
            ("questions", f"{len(outcome.asked):,}, {who}, seed {wanted.seed}"),
            ("amounts", f"{low:,} to {high:,} {built.brand}, small ones as likely as large ones"),
            ("too small", f"{100 * wanted.small:g} % of the lines" if wanted.small else None),
            ("chains", f"up to {wanted.parts} for each payment" if wanted.parts > 1 else None),
            ("led by", wanted.guide),
            ("found", f"{found:,}, {sum(a.exact for a in outcome.asked):,} answers exact"),
            ("promises", None if hops is None else f"{hops} in half of them at most"),
            ("looked at", labels and f"p50 {labels['p50']:,}, p95 {labels['p95']:,} labels"),
            ("made or read", f"in {built.network_s:.1f} s"),
            ("ready to search", f"{built.build_s:.2f} s later"),
            ("warmed up", f"with {outcome.warm_up} other questions in {outcome.warm_s:.2f} s"),
            ("memory", f"{peak:,.0f} MiB at most" + _now(resident)),
            ("machine", f"{about['cores']} cores of {about['cpu']}, {about['memory_mib']:,} MiB"),
            ("system", f"{about['system']}, load {about['load_before']} now"),
            ("software", ", ".join(f"{n} {v}" for n, v in outcome.versions.items())),
        )
    )
    gap()
    rows = [(name.removesuffix("_ms"), f"{ms:,.3f}") for name, ms in outcome.times().items()]
    table(("one question", ">ms"), rows, "")
    if (checked := outcome.checked) is None:
        return
    gap()
    given_up = f"; {checked.undecided} beyond its means" if checked.undecided else ""
    say(f"A plain search found the same cost {checked.agreed} times of {checked.asked}{given_up}.")
    for difference in checked.differences:
        say(f"differs: {difference}")


def _now(resident: int | None) -> str:
    return "" if resident is None else f", {resident / MIB:,.0f} MiB at the end"
