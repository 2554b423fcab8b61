"""`pledgeway bench gossip`: what it is told, and what it prints."""

import json
from typing import Final

import click

from node.command.bench.options import json_option
from node.command.exit_status import UNUSABLE, fail
from node.command.processes.progress import progress

MAX_COUNT: Final = 2_000_000  # some 3 GB
DEFAULT_DIFFERENCES: Final = (0, 10, 1000)


@click.command("gossip", epilog="Exit status: 0 measured; 2 unusable input.")
@click.option(
    "--adverts",
    "count",
    type=click.IntRange(1, MAX_COUNT),
    default=100_000,
    show_default=True,
    help="That both neighbours know: of lines, twenty of each node.",
)
@click.option(
    "--differences",
    type=click.IntRange(0, MAX_COUNT),
    multiple=True,
    default=DEFAULT_DIFFERENCES,
    show_default=True,
    metavar="N",
    help="Adverts that one of the two has anew. May be given several times.",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=1, show_default=True)
@json_option
def gossip(count: int, differences: tuple[int, ...], seed: int, *, as_json: bool) -> None:
    """Measure what it costs two neighbours to tell each other news.

    Both know the same adverts but for those that differ, as after a link that was away. The bytes
    are what they say to find and to exchange these, both ways, beside what it would take to say
    everything; the CPU time is that of both, without the signature checks that each new advert
    needs in any case. A seed repeats every byte.

    \b
    Example:
      pledgeway bench gossip
      pledgeway bench gossip --adverts 20000 --differences 100 --json
    """
    if most := [n for n in differences if n > count]:
        fail(UNUSABLE, f"--differences {most[0]}: there are {count} adverts")
    # Here, so that --help loads neither keys nor what draws tables.
    from node.command.bench.gossip_run import run
    from node.command.display import facts, gap, table

    try:
        outcome = run(count, differences, seed, progress)
    finally:
        progress("")
    if as_json:
        click.echo(json.dumps(outcome.as_json()))
        return
    facts(
        (
            ("adverts", f"{outcome.adverts:,}, {outcome.stored_bytes:,} bytes, seed {seed}"),
            ("to keep one", f"{outcome.keep_us:.1f} µs"),
            ("to verify one", f"{outcome.verify_us:.1f} µs"),
            ("to hash all", f"{outcome.hash_ms:.1f} ms, once"),
        )
    )
    gap()
    table(
        (">differ", ">all, bytes", ">told, bytes", ">asked, bytes", ">turns", ">CPU ms"),
        (
            (
                f"{c.differences:,}",
                f"{c.everything_bytes:,}",
                f"{c.advert_bytes:,}",
                f"{c.question_bytes:,}",
                c.turns,
                f"{c.cpu_ms:.1f}",
            )
            for c in outcome.compared
        ),
        empty="Nothing was compared.",
    )
