"""`pledgeway sim`: what it is told. Each subcommand is imported when it is used."""

from typing import Final

import click

from node.command.lazy import LazyGroup, Place

PLACES: Final[dict[str, Place]] = {
    "run": Place("node.command.sim.run_command", "run_", "a network under faults, and its oracle"),
    "sweep": Place(
        "node.command.sim.sweep.command", "sweep", "a crash at every write and send of a payment"
    ),
    "escrow": Place(
        "node.command.sim.escrow.command",
        "escrow",
        "exchanges under faults and lies: nobody honest may lose",
    ),
    "sale": Place(
        "node.command.sim.sale.command",
        "sale",
        "sales that an agent judges, among the silent and the dishonest",
    ),
    "risk-table": Place(
        "node.command.sim.risk.command",
        "risk_table",
        "how an intermediary can lose, beside the published table",
    ),
    "hold-times": Place(
        "node.command.sim.holding.command",
        "hold_times",
        "for how long credit is held when a payee never answers",
    ),
    "kills": Place(
        "node.command.sim.kills.command", "kills_", "kill real daemons at random, compare all books"
    ),
    "replay": Place(
        "node.command.sim.replay.command",
        "replay",
        "payments over a real network: mixed levels or one",
    ),
}


@click.group("sim", cls=LazyGroup, places=PLACES)
def sim() -> None:
    """Put every promise of the protocol to the test.

    Real nodes, registries and path finders in one process, without a network, a disk or a clock:
    under faults and liars that a seed draws, and the same seed of the same version gives the same
    run, to the byte. `kills` alone starts real daemons, and kills them.

    \b
    Example:
      pledgeway sim run --seed 7
      pledgeway sim escrow --seeds 100
      pledgeway sim sale --seeds 108
      pledgeway sim risk-table --show
      pledgeway sim hold-times --draw hold-times.svg
      pledgeway sim kills --kills 200 --seed 7
    """
