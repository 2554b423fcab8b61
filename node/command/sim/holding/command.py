"""`pledgeway sim hold-times`: what is asked, and how it is told."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from node.command.display import gap, say, table
from node.command.drawing.picture_file import PICTURE, kind_of, require_place, write_picture
from node.command.exit_status import TaughtCommand
from node.command.processes.progress import progress
from proto.limits import DEFAULT_HOLD_MAX_US, MAX_HOPS, PAYEE_MARGIN_US, US

if TYPE_CHECKING:
    from node.command.sim.holding.measure import Held

MAX_MARGIN_S: Final = 600  # what a payee may ask for here; far beyond what any node would lock


@click.command(
    "hold-times",
    cls=TaughtCommand,
    epilog="Exit status: 0 measured; 2 unusable input.",
)
@click.option(
    "--hops",
    type=click.IntRange(1, MAX_HOPS),
    default=MAX_HOPS,
    show_default=True,
    help="Measure chains of 1 to so many promises.",
)
@click.option(
    "--payee-margin",
    type=click.IntRange(1, MAX_MARGIN_S),
    default=PAYEE_MARGIN_US // US,
    show_default=True,
    metavar="SECONDS",
    help="What the payee asks for to make up its mind, where its promise is BARE.",
)
@click.option(
    "--draw", "picture", type=PICTURE, metavar="FILE", help="A new .svg or .png with the curves."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def hold_times(hops: int, payee_margin: int, picture: Path | None, as_json: bool) -> None:
    """Measure for how long credit is held when a payee never answers.

    Chains of real cores: each promise from its making until its credit is free again, times its
    amount. All-ATOMIC beside all-BARE, and SECURED promises before a BARE one.

    \b
    Example:
      pledgeway sim hold-times
      pledgeway sim hold-times --hops 5 --payee-margin 30
      pledgeway sim hold-times --draw hold-times.svg
    """
    require_place(picture)
    # Here, so that --help does not load the core and all that it rests on.
    from node.command.sim.holding.measure import Levels, Silence, measure_all

    try:
        found = measure_all(hops, payee_margin * US, progress)
    finally:
        progress("")
    if as_json:
        click.echo(json.dumps({"chains": [_json(held) for held in found]}, indent=2))
    else:
        columns = [name for x in Levels for name in (f">{x.name} s", ">sum")]
        told: dict[tuple[tuple[str, ...], ...], list[str]] = {}
        for silence in Silence:
            rows = _rows([held for held in found if held.silence is silence], list(Levels))
            told.setdefault(tuple(rows), []).append(silence.words)
        for same, silences in told.items():
            for words in silences:
                say(f"Silent: {words}.")
            table([">hops", *columns], same, "Nothing was measured.")
            gap()
        for line in _notes(found):
            say(line)
    if picture is not None:
        progress(f"drawing {picture}")
        try:
            # Here, so that a measurement without a picture does not load a plotting library.
            from node.command.sim.holding.picture import draw

            data = draw(found, kind_of(picture) or "")
        finally:
            progress("")
        write_picture(picture, data)


def _rows(found: "Sequence[Held]", kinds: Sequence[Any]) -> Iterator[tuple[str, ...]]:
    by_kind = {(held.hops, held.levels): held for held in found}
    for hops in sorted({held.hops for held in found}):
        row = [str(hops)]
        for levels in kinds:
            held = by_kind.get((hops, levels))
            if held is None:
                row += ["-", "-"]
            else:
                mark = "*" if held.excess_us else ""
                row += [f"{mark}{held.longest_us / US:.2f}", f"{sum(held.held_us) / US:.1f}"]
        yield tuple(row)


def _notes(found: "Sequence[Held]") -> Iterator[str]:
    yield "s: the hop that waits longest, in seconds. sum: all hops, credit-seconds per unit paid."
    yield "SECURED: all promises but the last, which is BARE. Messages take no time here."
    if worst := max((held.excess_us for held in found), default=0):
        yield (
            f"*: some promise of the chain may lock longer than hold_max allows by default"
            f" ({DEFAULT_HOLD_MAX_US // US} s, here by up to {worst / US:g} s): only nodes that"
            " raised theirs take it."
        )


def _json(held: "Held") -> dict[str, Any]:
    return {
        "levels": held.levels.value,
        "silent": held.silence.value,
        "hops": held.hops,
        "held_us": held.held_us,
        "longest_us": held.longest_us,
        "credit_seconds_per_unit": sum(held.held_us) / US,
        "lock_us": held.lock_us,
        "over_hold_max_us": held.excess_us,
    }
