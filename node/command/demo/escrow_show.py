"""What people see of the exchanges: a table of what everybody has, and who was waited for."""

from collections.abc import Iterable
from typing import Final

import click

from node.command.demo.escrow_cast import ACCEPTS, BANK, LAND, REGISTRARS, SIMULATOR
from node.command.demo.escrow_shown import Act, Owned
from node.command.demo.show import INDENT, styled, table
from node.command.display import say
from node.command.processes.books import Check

LEAST_WAIT_S: Final = 0.01  # shorter waits are the way itself


def show_opening() -> None:
    """What town this is."""
    say(f"A market of {len(ACCEPTS)} nodes and two registries, a process each; money goes over the"
        f" {BANK}. {', '.join(REGISTRARS)} keep titles.")  # fmt: skip
    for name in (LAND, SIMULATOR):
        say(f"{INDENT}What the {name} keeps moves by the word of {', '.join(ACCEPTS[name])} alone.")


def show_act(number: int, act: Act) -> None:
    """One act, as soon as it is over."""
    click.echo()
    verdict = "" if act.ok else "   NOT AS IT SHOULD BE"
    styled(f"{number}. {act.title}{verdict}", "bold" if act.ok else "bold red")
    seats = ", ".join(f"{name} as {seat}" for seat, name in act.seats.items())
    say(f"{INDENT}{seats}: {act.outcome} after {act.seconds:.1f} s.")
    if act.locked:
        say(f"{INDENT}{act.locked} title was locked at its registrar meanwhile; none is now.")
    for note in act.notes:
        say(f"{INDENT}{note}")
    if act.owned:
        table(("who", "what", ">had", ">gave", ">got", ">has"), [_row(o) for o in act.owned])
    waits = [wait for wait in act.waits if wait.seconds >= LEAST_WAIT_S]
    if waits:
        table(
            ("phase", "waited for", ">seconds"),
            [(w.phase, w.what, f"{w.seconds:.2f}") for w in waits],
        )
    if act.certificate is not None:
        found = act.certificate
        recorded = f"{', '.join(found.registries)} recorded {found.outcome} at {found.decided_at}"
        say(f"{INDENT}Certificate verified offline, as by `pledgeway verify`: {recorded}")
        say(f"{INDENT}(deadline {found.deadline}, transaction {found.uuid}).")
    for fault in act.faults:
        styled(f"{INDENT}WRONG: {fault}", "bold red")


def _row(owned: Owned) -> tuple[str, ...]:
    change = owned.after - owned.before
    gave = f"{-change:,}" if change < 0 else ""
    got = f"{change:,}" if change > 0 else ""
    return owned.house, owned.thing, f"{owned.before:,}", gave, got, f"{owned.after:,}"


def show_end(acts: Iterable[Act], check: Check, seconds: float) -> None:
    """One line: whether everything went as it should."""
    wrong = [act.title for act in acts if not act.ok]
    wrong += [] if check.ok else ["the books"]
    click.echo()
    if wrong:
        say(f"Not as it should be: {'; '.join(wrong)} ({seconds:.0f} s).")
        return
    say(f"All of it held, in {seconds:.0f} s: nobody lost anything, whoever was silent or killed.")
