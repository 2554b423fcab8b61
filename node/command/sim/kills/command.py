"""`pledgeway sim kills`: what it is told, and how it ends."""

import json
import os
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from node.command.exit_status import REFUSED, UNUSABLE, fail, plain
from node.command.processes.progress import progress

if TYPE_CHECKING:
    from node.command.sim.kills.result import Result

PREFIX: Final = "pledgeway-kills-"
DEFAULT_KILLS: Final = 50  # half a minute
MAX_KILLS: Final = 1_000_000  # some days
MAX_DIRECTORY_BYTES: Final = 80  # house00/control.sock behind it must fit into a socket's address
# proto.modes.Loss by name: when protocol section 3 lets a node lose.
RISKS: Final = {
    "NOTHING": "never",
    "NOT_U": "where its upstream is not reached in time",
    "NOT_R": "where the registry is not reached in time",
    "NOT_U_AND_NOT_R": "where neither its upstream nor the registry is reached in time",
    "LATE_LEAK": "where a decision comes late, and its upstream or the registry is not reached",
}


@click.command(
    "kills",
    epilog="Exit status: 0 every promise was kept; 1 one was not, or it could not run; 2 unusable"
    " input.",
)
@click.option(
    "--kills",
    type=click.IntRange(1, MAX_KILLS),
    default=DEFAULT_KILLS,
    show_default=True,
    help="How many times a process is ended by SIGKILL. Some more are ended by SIGTERM.",
)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Draws who is killed when, and who pays."
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Use DIR, which is empty or absent, and leave books and logs there in any case.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, and nothing else.")
def kills_(kills: int, seed: int, keep: Path | None, as_json: bool) -> None:
    """Kill real daemons at random while they pay, then compare all books.

    Six nodes and two registries run in processes of their own on this machine. Customers pay at
    all levels, over several chains, by hand and at once, in one part and in two. Meanwhile daemons
    are ended by SIGKILL, alone and together, while they start and while they recover, and started
    again. At the end everybody runs, every payment has to end, and the books of both ends of every
    promise are compared: nothing lost that its level does not allow, nothing paid twice, nothing
    taken back that somebody was told.

    The seed draws the blows. The machine still decides what they meet, so a seed that failed may
    pass when it is run again: books and logs of a run that failed are kept.

    \b
    Example:
      pledgeway sim kills --kills 200 --seed 7
      pledgeway sim kills --kills 10000 --json > night.json
    """
    directory = _usable(keep) if keep is not None else Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        result = _run(kills, seed, directory)
    except SystemExit:
        # Stopped by a signal, or never begun: there is no verdict that the books would explain.
        if keep is None:
            shutil.rmtree(directory, ignore_errors=True)
        raise
    except BaseException:
        # Books that do not even hold together, most likely: somebody has to look at them.
        click.echo(f"pledgeway: books and logs are kept in {plain(directory)}", err=True)
        raise
    if keep is None and result.ok:
        shutil.rmtree(directory, ignore_errors=True)
    failed = not result.ok
    if as_json:
        kept = str(directory) if failed or keep is not None else None
        click.echo(json.dumps({**result.as_json(), "directory": kept}))
    else:
        _show(result)
    if failed:
        _say_where(result, directory)
        sys.exit(REFUSED)


def _run(kills: int, seed: int, directory: Path) -> "Result":
    # Here, so that --help does not load gRPC.
    import trio

    from node.command.processes.interruption import faults_in_lines
    from node.command.sim.kills.run import run

    with faults_in_lines():
        try:
            return trio.run(partial(run, seed, kills, directory, progress))
        finally:
            progress("")


def _usable(keep: Path) -> Path:
    length = len(os.fsencode(keep.absolute()))
    if length > MAX_DIRECTORY_BYTES:
        fail(UNUSABLE, f"{keep}: {length} bytes of path, more than {MAX_DIRECTORY_BYTES}:"
             " the sockets in it would have no address")  # fmt: skip
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        fail(UNUSABLE, f"{keep}: exists already, and is left as it is: name another directory")
    try:
        keep.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        fail(UNUSABLE, f"{keep}: {error.strerror}")
    return keep


def _show(result: "Result") -> None:
    done = result.blows
    lines = [
        f"{done.kills} processes killed in {done.waves} waves of seed {result.seed},"
        f" up to {done.most_down} at a time",
        f"  a registry {done.registry_kills} times, somebody who was just starting"
        f" {done.in_start} times; {done.terms} more ended by SIGTERM",
        f"{result.payments} payments under way meanwhile: {result.committed} committed,"
        f" {result.aborted} aborted",
        f"  promises that became debt: {_counted(result.levels)}",
        f"  intermediaries that were paid and paid on: {_counted(result.modes)}",
    ]
    lines += [
        f"  {lost.node} in mode {lost.mode} lost {lost.amount} to {lost.upstream}: a risk of this"
        f" mode {RISKS[lost.lawful_if]}"
        for lost in result.losses
    ]
    lines += [f"broken: {plain(breach)}" for breach in result.breaches]
    if result.ok:
        lines.append("All books agree: nothing lost that no level allows, nothing paid twice,"
                     f" nobody waits ({result.seconds:.0f} s).")  # fmt: skip
    click.echo("\n".join(lines))


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{counts[name]} {name}" for name in sorted(counts)) or "none"


def _say_where(result: "Result", directory: Path) -> None:
    homes = " ".join(f"{name}={home}" for name, home in result.homes.items())
    for line in (
        f"{len(result.breaches)} promises of the protocol were broken (seed {result.seed})",
        f"books and logs are kept in {directory}: {homes}",
        f"every log is beside its directory; `pledgeway node run {directory}/house00` starts one",
    ):
        click.echo(f"pledgeway: {plain(line)}", err=True)
