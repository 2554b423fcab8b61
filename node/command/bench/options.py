"""What every benchmark is told alike, and how one runs."""

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from node.command.argument_types import LEVELS, NameType
from node.command.bench.result import POSTGRESQL, SQLITE, STORES
from node.command.exit_status import UNUSABLE, fail
from node.command.processes.progress import progress
from proto.levels import Level

Command = TypeVar("Command", bound=Callable[..., Any])
Found = TypeVar("Found")

PREFIX: Final = "pledgeway-bench-"
# PROXY is no level of a whole chain: it stands for one node that a level before it covers.
BENCH_LEVELS: Final = tuple(name for name in LEVELS if name != Level.PROXY.name)
MAX_SECONDS: Final = 600.0  # requests for more would fill a disk


def level_option(default: Level) -> Callable[[Command], Command]:
    """--level."""
    return click.option(
        "--level",
        type=NameType("level", BENCH_LEVELS),
        default=default.name,
        show_default=True,
        help="Of every promise.",
    )


def place_options(command: Command) -> Command:
    """--store, --server and --directory: what the nodes keep their books in, and where."""
    options = (
        click.option(
            "--store",
            type=click.Choice(STORES),
            default=SQLITE,
            show_default=True,
            help="What the nodes keep their books in.",
        ),
        click.option(
            "--server",
            metavar="URL",
            help="A PostgreSQL server where databases may be made.  [default: one is started]",
        ),
        click.option(
            "--directory",
            type=click.Path(path_type=Path, file_okay=False, exists=True),
            metavar="DIR",
            help="A folder on the disk to measure; nothing is left in it."
            "  [default: the temporary one]",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object, and nothing else."
)


def require_own_server(store: str, server: str | None) -> None:
    """Ends the program where --server has nothing to serve."""
    if server is not None and store != POSTGRESQL:
        fail(UNUSABLE, f"--server: goes with --store {POSTGRESQL} alone")


def measured(
    run: Callable[[Path, Callable[[str], None]], Awaitable[Found]], parent: Path | None
) -> Found:
    """What `run` finds, given an empty folder and whom to tell how far it is."""
    import trio

    from node.command.processes.interruption import faults_in_lines, working_directory

    with faults_in_lines():
        with working_directory(None, PREFIX, parent) as directory:
            found = trio.run(partial(run, directory, progress))
        progress("")
        return found
