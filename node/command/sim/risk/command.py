"""`pledgeway sim risk-table`: what is asked, and how it ends."""

import json
from dataclasses import replace

import click

from node.command.display import say
from node.command.exit_status import REFUSED, TaughtCommand, fail
from node.command.processes.progress import progress
from proto.levels import Level

LEVELS = click.Choice([level.name for level in Level], case_sensitive=False)


@click.command(
    "risk-table",
    cls=TaughtCommand,
    epilog="Exit status: 0 found as published; 1 a cell differs, or a search gave up; 2 unusable"
    " input.",
)
@click.option(
    "--levels",
    type=(LEVELS, LEVELS),
    metavar="IN OUT",
    help="One pair only: the level of the promise held, then of the one given.",
)
@click.option(
    "--depth",
    type=click.IntRange(1, 3),
    default=1,
    show_default=True,
    help="2: every set of faults by itself, and clocks of X and its upstream that are wrong by"
    " 500 ms either way. 3: more moments, a payer that abandons, an X that crashes. Minutes.",
)
@click.option(
    "--max-states",
    type=click.IntRange(1),
    help="Give up a search beyond so many states.  [default: 200,000]",
)
@click.option("--show", is_flag=True, help="Print the shortest schedule in which X loses.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def risk_table(
    levels: tuple[str, str] | None,
    depth: int,
    max_states: int | None,
    show: bool,
    as_json: bool,
) -> None:
    """Search how an intermediary X can lose, for each pair of levels around it.

    X and the nodes before it run the real core; the node after it is an adversary that signs,
    stamps, declines, claims, releases or keeps silent as it likes, whenever it likes. What is
    found is compared with the published table, cell by cell.

    \b
    Example:
      pledgeway sim risk-table
      pledgeway sim risk-table --levels BARE ATOMIC --show
      pledgeway sim risk-table --depth 3 --json
    """
    # Here, so that --help does not load the core and all that it rests on.
    from node.command.sim.risk import show as showing
    from node.command.sim.risk.table import DEPTHS, cells

    pairs = None if levels is None else [(Level[levels[0]], Level[levels[1]])]
    wanted = DEPTHS[depth - 1]
    if max_states is not None:
        wanted = replace(wanted, max_states=max_states)
    try:
        found = list(cells(pairs, wanted, progress))
    finally:
        progress("")
    if as_json:
        click.echo(json.dumps(showing.as_json(found, depth), indent=2))
    else:
        for line in (*showing.table_lines(found), "", *showing.LEGEND, ""):
            say(line)
        for line in showing.note_lines(found, depth):
            say(line)
        if show:
            for cell in found:
                for line in showing.schedule_lines(cell):
                    say(line)
    different = [cell for cell in found if not cell.same]
    if different:
        pairs_told = ", ".join(f"{c.incoming.name} to {c.outgoing.name}" for c in different)
        fail(REFUSED, f"not as published: {pairs_told}; --show gives the schedules")
