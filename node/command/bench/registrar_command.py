"""`pledgeway bench registrar`: what it is told, and how it ends."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from node.command.bench.options import MAX_SECONDS, json_option, measured
from node.command.display import facts, gap, table
from node.command.exit_status import REFUSED

MAX_ACCOUNTS: Final = 10_000_000
MAX_SENDERS: Final = 512  # as many batches as the desk lets wait


@click.command(
    "registrar",
    epilog="Exit status: 0 measured, and the books are right; 1 they are not, or it could not run;"
    " 2 unusable input.",
)
@click.option(
    "--accounts",
    type=click.IntRange(0, MAX_ACCOUNTS),
    default=1000,
    show_default=True,
    help="Of strangers, in the same books.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, MAX_SECONDS),
    default=5.0,
    show_default=True,
    help="How long.",
)
@click.option(
    "--senders",
    type=click.IntRange(1, MAX_SENDERS),
    default=16,
    show_default=True,
    help="Pairs of owners who exchange at the same time.",
)
@click.option(
    "--flood",
    type=click.IntRange(0, MAX_SENDERS),
    default=0,
    show_default=True,
    help="Strangers beside them who ask for what they may not, all the time.",
)
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="A folder on the disk to measure; nothing is left in it.  [default: the temporary one]",
)
@json_option
def registrar(as_json: bool, directory: Path | None, **told: Any) -> None:
    """Measure how many legs a registrar takes from offer to refund, and how long each step lasts.

    A leg is seven signed batches: accept, offer, prepare, settle by a commit certificate, both
    refunds, and a look at the balance. Each answer is durable before it is given.

    \b
    Example:
      pledgeway bench registrar --accounts 1000000 --seconds 10
      pledgeway bench registrar --flood 64 --json
    """
    # Here, so that --help does not load the database.
    from node.command.bench.registrar_run import Wanted, run

    found = measured(partial(run, Wanted(**told)), directory)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
    else:
        _show(found)
    if not found["books_ok"]:
        sys.exit(REFUSED)


def _show(found: dict[str, Any]) -> None:
    facts(
        (
            ("accounts", found["accounts"]),
            ("legs per second", found["legs_per_s"]),
            ("batches per second", found["batches_per_s"]),
            ("batches in a transaction", found["batches_per_transaction"]),
            ("strangers refused", found["refused"] or None),
            ("books", "right" if found["books_ok"] else "WRONG"),
            ("fsync of the disk", f"{found['machine']['fsync_us']} us"),
        )
    )
    gap()
    table(
        ("batch", ">p50 ms", ">p99 ms"),
        ((step, took["p50"], took["p99"]) for step, took in found["ms"].items()),
        empty="",
    )
