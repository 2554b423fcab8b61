"""`pledgeway demo`: what it is told, and how it ends."""

import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from node.command.demo.casting import SCENES
from node.command.demo.directory import require_usable
from node.command.demo.escrow_command import escrow
from node.command.demo.sale_command import sale
from node.command.demo.shop_command import shop
from node.command.exit_status import REFUSED, UNUSABLE, fail, plain
from node.command.processes.progress import progress

if TYPE_CHECKING:
    from node.command.demo.casting import Role
    from node.command.demo.performance import Result
    from node.command.processes.plan import Plan

T = TypeVar("T")

FLORENCE: Final = "Florence, fifteen houses of the 15th century"


@click.group(
    "demo",
    invoke_without_command=True,
    epilog="Exit status: 0 everything was as it should be; 1 something was not; 2 unusable input.",
)
@click.option(
    "--network",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Another network, of up to 30 nodes, as `pledgeway route` reads it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, and nothing else.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Use DIR, which is empty or absent, and leave books and logs there.",
)
@click.option(
    "--scene",
    "scenes",
    multiple=True,
    type=click.Choice(SCENES),
    help="Play this scene; repeatable.  [default: all]",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Draws limits and pairs.")
@click.pass_context
def demo(
    context: click.Context,
    file: Path | None,
    as_json: bool,
    keep: Path | None,
    scenes: Sequence[str],
    seed: int,
) -> None:
    """Run a whole network on this machine and let it pay.

    Every house of the network is a node in a process of its own, and so is every registry and the
    witness that cosigns their logs, all on loopback. They open lines of credit and play five
    scenes: a payment at ATOMIC, a route of mixed levels, a payment that is refused, a payee who
    never commits, and a house that is killed between promise and commit. At the end all books are
    compared.

    \b
    Example:
      pledgeway demo
      pledgeway demo --scene killed --keep ./florence
      pledgeway demo --network net.json --json
      pledgeway demo escrow
      pledgeway demo sale
      pledgeway demo shop
    """
    if context.invoked_subcommand is not None:
        return
    title = FLORENCE if file is None else plain(file)
    plan, roles = _network(file, seed, scenes)
    if keep is not None:
        require_usable(keep)
    result = _performed(plan, roles, keep, title, as_json)
    if as_json:
        click.echo(json.dumps(_as_json(plan, title, seed, result), ensure_ascii=False))
    if not result.ok:
        sys.exit(REFUSED)


demo.add_command(escrow)
demo.add_command(sale)
demo.add_command(shop)


def _network(file: Path | None, seed: int, scenes: Sequence[str]) -> "tuple[Plan, list[Role]]":
    from node.command.demo.casting import cast
    from node.command.demo.florence import florence, florentine_roles
    from node.command.processes.plan import PlanFault, make_plan
    from pathfinder.files.json_place import NetworkFileError
    from pathfinder.files.network_file import read_network

    random = Random(seed)
    try:
        plan = make_plan(florence(random) if file is None else read_network(file))
    except NetworkFileError as error:
        fail(UNUSABLE, str(error))
    except PlanFault as fault:
        fail(UNUSABLE, f"{file}: {fault}")
    roles = florentine_roles(plan.network) if file is None else cast(plan.network, random)
    return plan, [role for role in roles if not scenes or role.scene in scenes]


def _performed(
    plan: "Plan", roles: "list[Role]", keep: Path | None, title: str, as_json: bool
) -> "Result":
    # Here, so that --help does not load gRPC.
    import trio

    from node.command.demo import show
    from node.command.demo.performance import PREFIX, Watcher, run
    from node.command.processes.interruption import faults_in_lines, working_directory

    numbers = iter(range(1, len(roles) + 1))
    watcher = Watcher(progress, lambda _: None, lambda _: None)
    if not as_json:
        watcher = Watcher(
            progress,
            _wiped(lambda shown: show.show_scene(next(numbers), shown)),
            _wiped(show.show_check),
        )
    with faults_in_lines():
        if not as_json:
            show.show_opening(plan, title)
        with working_directory(keep, PREFIX) as directory:
            result = trio.run(partial(run, plan, roles, directory, watcher))
        if not as_json:
            show.show_end(result.scenes, result.check, result.seconds)
    return result


def _wiped(show: Callable[[T], None]) -> Callable[[T], None]:
    """`show`, after the line of progress has been wiped out."""

    def wiped(what: T) -> None:
        progress("")
        show(what)

    return wiped


def _as_json(plan: "Plan", title: str, seed: int, result: "Result") -> dict[str, Any]:
    network = plan.network
    return {
        "network": title,
        "seed": seed,
        "nodes": len(network.nodes),
        "registries": list(network.registries),
        "lines": len(plan.lines),
        **result.as_json(),
    }
