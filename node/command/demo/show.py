"""What people see of the demo: a table for each scene, and the books at the end."""

from collections.abc import Iterable
from typing import Final

import click
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from node.command.demo.scene import ABSENT, COMMITTED, Shown
from node.command.display import WIDE, console, say
from node.command.exit_status import plain
from node.command.processes.books import Check
from node.command.processes.plan import Plan

INDENT: Final = "   "
MAX_NAMED: Final = 8  # more names than that nobody reads


def show_opening(plan: Plan, title: str) -> None:
    """What network this is."""
    network = plan.network
    brands = sorted({line.brand for line in plan.lines})
    say(f"{title}: {len(network.nodes)} nodes and {len(network.registries)} registries, a process"
        f" each; {len(plan.lines)} lines of credit in {', '.join(brands)}.")  # fmt: skip
    if network.registries:
        say(f"{INDENT}A witness, in another process, cosigns the logs of the registries.")
    everybody = {node.name for node in network.nodes}
    for registry in network.registries:
        without = sorted(everybody - {n.name for n in network.nodes if registry in n.accepts})
        trusted = f"not accepted by {', '.join(without)}" if without else "accepted by everybody"
        if len(without) > MAX_NAMED:
            trusted = f"accepted by {len(everybody) - len(without)} of {len(everybody)}"
        say(f"{INDENT}{registry}: {trusted}")
    for policy in network.policies:
        members = " + ".join(policy.members)
        say(f"{INDENT}{policy.name}: {members} decide together, {policy.qc} of them to commit")


def show_scene(number: int, shown: Shown) -> None:
    """One scene, as soon as it is over."""
    click.echo()
    verdict = "" if shown.ok else "   NOT AS IT SHOULD BE"
    styled(f"{number}. {shown.title}{verdict}", "bold" if shown.ok else "bold red")
    if shown.outcome == ABSENT:
        say(f"{INDENT}There is none in this network: {'; '.join(shown.notes)}.")
        return
    under = f" under {shown.registry}" if shown.registry else ""
    cost = f" at a cost of {shown.cost:,}" if shown.hops else ""
    say(f"{INDENT}{shown.payer} pays {shown.payee} {shown.amount:,} {shown.brand}{cost}{under}:"
        f" {shown.outcome} after {shown.seconds:.1f} s.")  # fmt: skip
    for note in shown.notes:
        say(f"{INDENT}{note}")
    if shown.hops:
        _hops(shown)
    _evidence(shown)
    if shown.balances:
        _balances(shown)
    for fault in shown.faults:
        styled(f"{INDENT}WRONG: {fault}", "bold red")


def _hops(shown: Shown) -> None:
    rows = [
        (
            f"{hop.promisor} → {hop.promisee}",
            hop.level,
            hop.mode or "payer",
            f"{hop.amount:,}",
            "" if hop.fee is None else f"{hop.fee:,}",
        )
        for hop in shown.hops
    ]
    table(("promise", "level", "promisor's mode", ">amount", ">promisor's fee"), rows)


def _evidence(shown: Shown) -> None:
    found = shown.certificate
    if found is not None:
        say(f"{INDENT}Certificate verified: {', '.join(found.registries)} recorded {found.outcome}"
            f" at {found.decided_at}")  # fmt: skip
        say(f"{INDENT}(deadline {found.deadline}, transaction {found.uuid}).")
        for log in found.logged:
            say(f"{INDENT}It stands in the log of {log.registry} ({log.entries} entries), as"
                f" {', '.join(log.witnesses)} witnessed at {log.cosigned_at}.")  # fmt: skip
    elif shown.outcome == COMMITTED:
        say(f"{INDENT}No certificate: the payee's commit alone redeemed the payer's promise.")
    elif shown.hops:
        say(f"{INDENT}No certificate: no registry took part, the promises ended by their expiry.")


def _balances(shown: Shown) -> None:
    rows = [
        (b.house, f"{b.before:,}", f"{b.after:,}", f"{b.after - b.before:+,}")
        for b in shown.balances
    ]
    table(("balance", ">before", ">after", ">change"), rows)


def show_check(check: Check) -> None:
    """The books of everybody, compared."""
    click.echo()
    if check.ok:
        styled("The books", "bold")
        say(f"{INDENT}{check.lines} lines: both books of each mirror each other, entry for entry.")
        for brand, total in sorted(check.sums.items()):
            say(f"{INDENT}{brand}: all balances of {check.nodes} nodes sum to {total}.")
        say(f"{INDENT}No promise waits, no message is on its way, every node's audit is sound.")
        return
    styled("The books DIFFER", "bold red")
    rows = [(d.where, d.what, d.here, d.there) for d in check.differences]
    table(("where", "what", ">is", ">should be"), rows)


def show_end(scenes: Iterable[Shown], check: Check | None, seconds: float) -> None:
    """One line: whether everything went as it should."""
    played = [s for s in scenes if s.outcome != ABSENT]
    wrong = [s.title for s in played if not s.ok]
    click.echo()
    if check is not None and check.ok and not wrong:
        say(f"All of it held: {len(played)} scenes in {seconds:.0f} s.")
        return
    faults = [*wrong, *([] if check is not None and check.ok else ["the books"])]
    say(f"Not as it should be: {', '.join(faults)} ({seconds:.0f} s).")


def styled(line: str, style: str) -> None:
    """A line of the demo, in colour where there is any."""
    console().print(Text(plain(line), style=style), soft_wrap=True)


def table(columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> None:
    """Rows of text under their columns; a column that begins with ">" stands on the right."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in columns:
        right = name.startswith(">")
        made.add_column(name.removeprefix(">"), justify="right" if right else "left", no_wrap=True)
    for row in rows:
        made.add_row(*(Text(plain(cell)) for cell in row))
    out = console()
    out.width = WIDE  # a terminal that is narrower breaks lines by itself; no amount is cut
    with out.capture() as caught:
        out.print(made, crop=False)
    for line in caught.get().splitlines():
        click.echo(f"{INDENT}{line}")
