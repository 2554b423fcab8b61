"""`pledgeway bench route`: what it is told, and how it ends."""

import json
import sys
from pathlib import Path
from typing import Any, Final

import click

from node.command.bench.options import json_option
from node.command.bench.route_result import GUIDES, OWN, PAYERS, Outcome, Wanted
from node.command.exit_status import REFUSED, UNUSABLE, fail
from node.command.processes.progress import progress
from proto.limits import MAX_ALTERNATIVES, MAX_AMOUNT, MAX_PARTS

MAX_QUERIES: Final = 10_000_000
MAX_SEED: Final = 2**63 - 1
MAX_NODES: Final = 100_000  # as many as a graph takes
MAX_LINES: Final = 1_000_000
DEFAULT_NODES: Final = 10_000
DEFAULT_LINES: Final = 80_000
DEFAULT_REGISTRIES: Final = 3
DEFAULT_COLLECTIVES: Final = 1
MAX_REGISTRIES: Final = 64
WARM_OWN: Final = 1_000  # questions: after so many a node's own search has grown what it needs
WARM_OTHERS: Final = 20  # nothing of the next payer's is made by these
MAX_COLLECTIVES: Final = 1000


class SpanOfAmounts(click.ParamType[tuple[int, int]]):
    """LO-HI in smallest units, or one amount."""

    name = "amounts"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        low, dash, high = str(value).partition("-")
        found = []
        for text in (low, high if dash else low):
            digits = text.replace(",", "")
            if not digits.isascii() or not digits.isdigit() or len(digits) > len(str(MAX_AMOUNT)):
                self.fail(f"{str(value)[:80]!r} is no span such as 1000-1000000", param, ctx)
            found.append(int(digits))
        if not 1 <= found[0] <= found[1] <= MAX_AMOUNT:
            self.fail(f"{str(value)[:80]!r}: 1 <= LO <= HI <= {MAX_AMOUNT}", param, ctx)
        return found[0], found[1]


@click.command(
    "route",
    epilog="Exit status: 0 measured; 1 the second search of --check disagreed, or FILE of --profile"
    " could not be written; 2 unusable input.",
)
@click.option(
    "--nodes",
    type=click.IntRange(1, MAX_NODES),
    help=f"Of a synthetic network.  [default: {DEFAULT_NODES}]",
)
@click.option(
    "--edges",
    type=click.IntRange(1, MAX_LINES),
    help=f"Directed lines in it; about as many are made.  [default: {DEFAULT_LINES}]",
)
@click.option(
    "--registries",
    type=click.IntRange(0, MAX_REGISTRIES),
    help=f"In it; each node accepts some of them.  [default: {DEFAULT_REGISTRIES}]",
)
@click.option(
    "--collectives",
    type=click.IntRange(0, MAX_COLLECTIVES),
    help=f"Policies over several of them.  [default: {DEFAULT_COLLECTIVES}]",
)
@click.option(
    "--network",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A network file instead of a synthetic network.",
)
@click.option("--brand", help="Of the lines to search.  [default: the one with most lines]")
@click.option(
    "--queries",
    type=click.IntRange(1, MAX_QUERIES),
    default=200,
    show_default=True,
    help="Questions that are measured.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, MAX_SEED),
    default=1,
    show_default=True,
    help="Of the network and the questions.",
)
@click.option(
    "--payer",
    type=click.Choice(PAYERS),
    default=OWN,
    show_default=True,
    help="One node asks everything, or another one each time.",
)
@click.option(
    "--amount",
    "amounts",
    type=SpanOfAmounts(),
    metavar="LO-HI",
    default="1000-1000000",
    show_default=True,
    help="In smallest units; small ones are as likely as large ones.",
)
@click.option(
    "--too-small",
    "small_percent",
    type=click.FloatRange(0, 100),
    default=0.0,
    show_default=True,
    metavar="PERCENT",
    help="Of the lines, chosen at random, are made to carry less than LO.",
)
@click.option(
    "--parts",
    type=click.IntRange(1, MAX_PARTS),
    default=1,
    show_default=True,
    help="Most chains that may share one payment.",
)
@click.option(
    "--alternatives",
    type=click.IntRange(0, MAX_ALTERNATIVES),
    default=0,
    metavar="K",
    help="Ask for up to K more chains beside the cheapest one.",
)
@click.option(
    "--check",
    type=click.IntRange(0, MAX_QUERIES),
    default=0,
    metavar="N",
    help="Ask a plain, slow search the first N questions too, and compare the costs.",
)
@click.option(
    "--warm-up",
    type=click.IntRange(0, MAX_QUERIES),
    metavar="N",
    help="Other questions before the clock starts.  [default: 1,000 of a node's own, by which its"
    " caches are warm; 20 where another node asks each time]",
)
@click.option(
    "--guide",
    type=click.Choice(GUIDES),
    help="What leads the search: promises left, one tree of fees, or one for each policy and"
    " level.  [default: what fits best]",
)
@click.option(
    "--profile",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Profile the measured questions into FILE, for `python -m pstats`. Costs half the speed.",
)
@json_option
def route(as_json: bool, **told: Any) -> None:
    """Measure how fast routes are found.

    Searches a network that is made from a seed, or read from a file, in this process on one core.
    The synthetic one is scale-free: a few nodes have many lines, most have few. Before the clock
    starts, other questions are asked: with `--payer own` by the same node, for which whatever
    the search keeps is then ready; with `--payer random` by others, so that the next one finds
    nothing of its own.

    \b
    Example:
      pledgeway bench route --nodes 10000 --edges 80000 --queries 500 --seed 7
      pledgeway bench route --payer random --too-small 50 --json
      pledgeway bench route --network net.json --queries 1000 --check 20
    """
    wanted = _wanted(**told)
    outcome = _outcome(wanted)
    # Here, so that --help does not load what draws tables.
    from node.command.bench.route_show import show_routes

    if as_json:
        click.echo(json.dumps(outcome.as_json(), ensure_ascii=False))
    else:
        show_routes(outcome)
    if not outcome.ok:
        sys.exit(REFUSED)


def _wanted(
    nodes: int | None,
    edges: int | None,
    registries: int | None,
    collectives: int | None,
    file: Path | None,
    small_percent: float,
    amounts: tuple[int, int],
    parts: int,
    check: int,
    profile: Path | None,
    **rest: Any,
) -> Wanted:
    """What was asked for, where it goes together; ends the program where it does not."""
    made = {
        "--nodes": nodes, "--edges": edges, "--registries": registries, "--collectives": collectives
    }  # fmt: skip
    given = [name for name, value in made.items() if value is not None]
    if file is not None and given:
        fail(UNUSABLE, f"{given[0]}: not with --network, which is measured as it is")
    if check and parts > 1:
        fail(UNUSABLE, "--check: not with --parts: the second search knows single chains")
    if rest["alternatives"] and (parts > 1 or rest["guide"] is not None):
        fail(UNUSABLE, "--alternatives: not with --parts, nor with --guide")
    if rest["guide"] is not None and parts > 1:
        fail(UNUSABLE, "--guide: not with --parts, which chooses by itself")
    if small_percent and amounts[0] < 2:
        fail(UNUSABLE, "--too-small: the least amount is 1, and no line carries less than that")
    if profile is not None and not profile.absolute().parent.is_dir():
        fail(UNUSABLE, f"--profile {profile}: its folder does not exist: make it first")
    registries = DEFAULT_REGISTRIES if registries is None else registries
    if rest["warm_up"] is None:
        rest["warm_up"] = WARM_OWN if rest["payer"] == OWN else WARM_OTHERS
    return Wanted(
        nodes=nodes or DEFAULT_NODES,
        lines=edges or DEFAULT_LINES,
        registries=registries,
        # A default fits whatever else was asked: one registry alone makes no collective.
        collectives=(DEFAULT_COLLECTIVES if registries > 1 else 0)
        if collectives is None
        else collectives,
        file=file,
        small=small_percent / 100,
        amounts=amounts,
        parts=parts,
        check=check,
        profile=profile,
        **rest,
    )


def _outcome(wanted: Wanted) -> Outcome:
    # Here, so that --help does not load networkx.
    from node.command.bench.route_run import NoLoad, run
    from pathfinder.files.json_place import NetworkFileError

    try:
        return run(wanted, progress)
    except NetworkFileError as error:
        fail(UNUSABLE, str(error))
    except NoLoad as error:
        fail(UNUSABLE, f"{wanted.file or 'bench route'}: {error}")
    except OSError as error:
        fail(REFUSED, f"{error.filename or wanted.profile}: {error.strerror or error}")
    finally:
        progress("")
