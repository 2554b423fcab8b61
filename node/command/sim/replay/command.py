"""`pledgeway sim replay`: payments over a real credit network, under each regime."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from node.command.argument_types import PATH, SPAN, CountType
from node.command.drawing.picture_file import PICTURE, kind_of, require_place, write_picture
from node.command.exit_status import REFUSED, UNUSABLE, fail
from node.command.processes.progress import progress

if TYPE_CHECKING:
    from node.command.sim.replay.report import Ground
    from node.command.sim.replay.summary import Summary
    from node.command.sim.replay.terrain import Terrain
    from node.command.sim.replay.wishes import Wish, Wishes

F = TypeVar("F", bound=Callable[..., Any])

MAX_PAYMENTS: Final = 1_000_000
MAX_WORKERS: Final = 64
MAX_SPAN_S: Final = 30 * 86_400  # virtual; keys of the cast are certified for a thousand hours
SHARES: Final = "25,50,75,100"
REGIME_NAMES: Final = ("MIXED", "ATOMIC", "BARE", "SECURED")  # of replay.regimes, loaded late


class SharesType(click.ParamType[tuple[int, ...]]):
    """Whole per cents between commas."""

    name = "shares"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        one = CountType(0, 100)
        return tuple(one.convert(part.strip(), param, ctx) for part in str(value).split(","))


class RangeType(click.ParamType[tuple[int, int]]):
    """LEAST:MOST, or one number for both."""

    name = "range"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        least, colon, most = str(value).partition(":")
        one = CountType(1, 10**12)
        ends = one.convert(least, param, ctx), one.convert(most if colon else least, param, ctx)
        if ends[0] > ends[1]:
            self.fail(f"{value!r}: the least is above the most", param, ctx)
        return ends


class PercentType(click.ParamType[float]):
    """0 to 100, with decimals if need be."""

    name = "per cent"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        if isinstance(value, int | float):
            return float(value)
        text = str(value)
        digits = text.replace(".", "", 1)
        if not (digits.isascii() and digits.isdigit() and len(text) < 9 and float(text) <= 100):
            self.fail(f"{text!r} is no share between 0 and 100 per cent", param, ctx)
        return float(text)


def _percents(name: str, default: float, text: str) -> Callable[[F], F]:
    return click.option(
        name, type=PercentType(), metavar="PCT", default=default, show_default=True, help=text
    )


_HELP: Final = """Replay payments over a real credit network, and compare what levels buy.

FILE holds credit links, "nodeA nodeB lower current upper" in each row, as text or in gzip. Payments
go between nodes of a seeded sample. Each is routed by the path finder over the whole network, and
then promised, decided and redeemed by the real cores of all nodes on its chain, with signed
messages, registries and clocks; the lines that it changes are what later payments find. The same
payments are played under each regime:

\b
  MIXED    any level for each promise: the cheapest viable chain
  ATOMIC   every promise atomic or no payment: all on the path accept one registry
  BARE     no registry at all
  SECURED  every promise secured

What the data does not say is drawn with the seed: prices as `network import` draws them, who
accepts which registry (--accepting, one run for each share), whom trouble meets. A payer tries
once. After the run all books are audited: they mirror each other, everything has ended, and nobody
in mode ATOMIC has lost anything.

\b
Example:
  pledgeway sim replay ripple_lcc_credit_links.txt.gz --payments 100 --seed 7
  pledgeway sim replay links.txt --payments 1000 --seed 7 --accepting 0,50,100 \\
      --silent 5 --offline 0 --draw replay.svg --json

Exit status: 0 done, 1 a rule of the protocol was broken, 2 the file or an option is unusable.
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """The options."""

    source: Path
    payments: int
    seed: int
    shares: Sequence[int]
    regimes: Sequence[str]
    cores: int
    registries: int
    amounts: tuple[int, int]
    every_s: int
    troubles: tuple[float, float, float, float]  # as replay.wishes.Troubles has them
    workers: int


@click.command("replay", help=_HELP, short_help="payments over a real network: mixed levels or one")
@click.argument("source", type=PATH, metavar="FILE")
@click.option("--payments", type=CountType(1, MAX_PAYMENTS), default=100, show_default=True)
@click.option("--seed", type=CountType(0, 2**63 - 1), default=1, show_default=True)
@click.option(
    "--accepting",
    "shares",
    type=SharesType(),
    default=SHARES,
    show_default=True,
    metavar="PCT,PCT…",
    help="Per cent of all nodes that accept each registry.",
)
@click.option(
    "--regime",
    "regimes",
    type=click.Choice(REGIME_NAMES, case_sensitive=False),
    multiple=True,
    default=REGIME_NAMES[:3],
    show_default=True,
    help="Repeatable.",
)
@click.option(
    "--cores",
    type=CountType(2, 100_000),
    default=10_000,
    show_default=True,
    help="Size of the sample of nodes that pay and are paid.",
)
@click.option("--registries", type=CountType(1, 8), default=3, show_default=True)
@click.option(
    "--amount",
    "amounts",
    type=RangeType(),
    default="100:10000",
    show_default=True,
    metavar="LEAST:MOST",
    help="Drawn between both, small ones as likely as large ones by their digits.",
)
@click.option("--every", type=SPAN, default="1s", show_default=True, help="Between two payments.")
@_percents("--silent", 2, "Payments whose payee never answers.")
@_percents("--offline", 2, "Payments during which one who has promised is gone for 20 s.")
@_percents("--thieves", 2, "Payments in which a promisor ignores claims until they are late.")
@_percents("--outages", 0.5, "Payments during which one registry answers nobody for 15 s.")
@click.option(
    "--workers",
    type=CountType(1, MAX_WORKERS),
    help="Processes that share the runs; the figures are the same.  [default: one for each core]",
)
@click.option(
    "--draw",
    "picture",
    type=PICTURE,
    metavar="FILE",
    help="Draw the figures: FILE ends in .svg or .png and is new.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def replay(
    source: Path,
    payments: int,
    seed: int,
    shares: tuple[int, ...],
    regimes: tuple[str, ...],
    cores: int,
    registries: int,
    amounts: tuple[int, int],
    every: int,
    silent: float,
    offline: float,
    thieves: float,
    outages: float,
    workers: int | None,
    picture: Path | None,
    as_json: bool,
) -> None:
    require_place(picture)
    if payments * every > MAX_SPAN_S:
        days = MAX_SPAN_S // 86_400
        fail(UNUSABLE, f"{payments} payments, one each {every} s, take more than {days} days")
    asked = Asked(
        source,
        payments,
        seed,
        tuple(dict.fromkeys(shares)),
        tuple(dict.fromkeys(regimes)),
        cores,
        registries,
        amounts,
        every,
        (silent, offline, thieves, outages),
        workers or os.cpu_count() or 1,
    )
    from node.command.sim.replay.report import show, show_json

    try:
        ground, summaries = _play(asked)
        data = b""
        if picture is not None:
            from node.command.drawing.replay_picture import draw_replay

            progress(f"drawing {picture}")
            data = draw_replay(ground, summaries, kind_of(picture) or "")
    finally:
        progress("")
    if picture is not None:
        write_picture(picture, data)
    (show_json if as_json else show)(ground, summaries)


def _play(asked: Asked) -> "tuple[Ground, tuple[Summary, ...]]":
    """(Ground, summaries). Ends the command where the data is bad or a rule was broken."""
    from node.command.sim.replay.cells import Broken, play_all
    from node.command.sim.replay.replaying import Cell
    from node.command.sim.replay.report import Ground
    from node.command.sim.replay.wishes import Troubles

    progress(f"reading {asked.source}")
    terrain, wishes = _drawn(asked)
    if not wishes.wishes:
        fail(
            UNUSABLE,
            f"{asked.source}: of {wishes.drawn} pairs drawn none is connected: ask for smaller"
            " amounts or more --cores",
        )
    if (found := len(wishes.wishes)) < asked.payments:
        click.echo(f"pledgeway: only {found} payments: hardly any pair is connected", err=True)
    ground = Ground(
        asked.source.name,
        asked.seed,
        terrain,
        wishes,
        asked.amounts,
        asked.every_s,
        Troubles(*asked.troubles),
    )
    cells = [Cell(r, share, asked.every_s * 10**6) for share in asked.shares for r in asked.regimes]
    try:
        again = partial(_ground_of, asked)
        return ground, play_all(terrain, wishes.wishes, cells, asked.workers, again, progress)
    except Broken as broken:
        fail(REFUSED, f"{broken}: play it again with --seed {asked.seed} to see the same")


def _drawn(asked: Asked) -> "tuple[Terrain, Wishes]":
    from node.command.sim.replay.wishes import Troubles, draw_wishes

    terrain, troubles = _terrain(asked), Troubles(*asked.troubles)
    return terrain, draw_wishes(terrain, asked.seed, asked.payments, asked.amounts, troubles)


def _ground_of(asked: Asked) -> "tuple[Terrain, tuple[Wish, ...]]":
    terrain, wishes = _drawn(asked)
    return terrain, wishes.wishes


def _terrain(asked: Asked) -> "Terrain":
    import zlib

    from node.command.network_convert import rows_of
    from node.command.sim.replay.terrain import read_terrain
    from pathfinder.files.foreign import ForeignFault

    try:
        with rows_of(asked.source) as rows:
            return read_terrain(rows, asked.seed, asked.cores, asked.registries)
    except ForeignFault as fault:
        place = f"row {fault.row}: " if fault.row else ""
        fail(UNUSABLE, f"{asked.source}: {place}{fault.cause}")
    except (OSError, EOFError, zlib.error, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        fail(UNUSABLE, f"{asked.source}: cannot be read: {why}")
