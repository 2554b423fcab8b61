"""What people see: tables, amounts with their unit, times. Colours only where they are wanted."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from node.command.exit_status import plain

Json = Mapping[str, Any]  # a JSON object from the node

ID_CHARS: Final = 10  # of an id: as a prefix it is unique among millions
WIDE: Final = 400  # columns where nobody looks: a pipe must not get its ids folded
FLAT: Final = 100_000  # columns that no table fills: twenty long names and more
GOOD: Final = frozenset({"COMMITTED", "OPEN", "PAID", "REDEEMED", "accepted", "connected", "yes"})
BAD: Final = frozenset({"ABORTED", "DECLINED", "refused", "NO"})


def console(*, error: bool = False) -> Console:
    """Standard output or standard error, without a single escape code where NO_COLOR is set."""
    stream = sys.stderr if error else sys.stdout
    colourless = bool(os.environ.get("NO_COLOR"))
    return Console(
        stderr=error,
        # None switches bold and the like off as well, which `no_color` would leave on.
        color_system=None if colourless else "auto",
        width=None if stream.isatty() else WIDE,
        markup=False,
        highlight=False,
        emoji=False,
    )


def flat_console() -> Console:
    """Standard output that never folds: a terminal that is too narrow breaks the lines itself. An
    amount that was cut or folded into two would be misread, and a program would not find it."""
    out = console()
    out.width = FLAT
    return out


def say(line: str) -> None:
    """One line of standard output, never folded."""
    click.echo(plain(line))


def short(identifier: object) -> str:
    """The beginning of an id; commands take it for the whole."""
    return plain(identifier or "")[:ID_CHARS]


def amount(value: object, brand: object) -> str:
    """An amount with its unit; "-" where there is none."""
    return "-" if value is None else f"{value} {plain(brand or 'units')}"


def moment(at_us: object) -> str:
    """ISO 8601 in UTC, to the second; "-" where there is none."""
    if not isinstance(at_us, int) or not at_us:
        return "-"
    try:
        return f"{datetime.fromtimestamp(at_us // 1_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, OSError, ValueError):
        return f"{at_us} us"


def minute(at_us: object) -> str:
    """The same to the minute, for tables whose heading says that it is UTC."""
    return moment(at_us).removesuffix(" UTC")[: len("2026-07-18 12:00")]


def span(seconds: object) -> str:
    """A span of whole seconds as people say it: 3 d 4 h, 12 min 5 s."""
    if not isinstance(seconds, int | float):
        return "-"
    left, parts = int(seconds), []
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, unit)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2]) or "0 s"


def yes_no(value: object, yes: str = "yes", no: str = "no") -> str:
    """One of two words."""
    return yes if value else no


def who(of: Json, alias: str = "alias", node: str = "peer") -> str:
    """An alias where one is known, else the beginning of the node's id."""
    return plain(of.get(alias) or "") or short(of.get(node))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """Prints a table; a column whose name begins with ">" is set flush right. No rows: `empty`."""
    lines = [[_cell(value) for value in row] for row in rows]
    if not lines:
        say(empty)
        return
    flat_console().print(table_of(columns, lines), crop=False)


def table_of(
    columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None
) -> Table:
    """The same table, for a `flat_console`, beneath a title."""
    made = Table(
        box=SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        title=None if title is None else Text(plain(title)),
        title_justify="left",
        title_style="",
    )
    for name in columns:
        right = name.startswith(">")
        made.add_column(
            Text(plain(name.removeprefix(">"))),
            justify="right" if right else "left",
            no_wrap=True,
        )
    for row in rows:
        made.add_row(*(value if isinstance(value, Text) else _cell(value) for value in row))
    return made


def gap() -> None:
    """An empty line between a list of facts and a table."""
    click.echo()


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Prints one name and value a line; a value of None is left out."""
    known = [(name, _cell(value)) for name, value in pairs if value is not None]
    out = console()
    width = max((len(name) for name, _ in known), default=0)
    for name, value in known:
        out.print(Text(f"{name:<{width}}  ") + value, soft_wrap=True)


def _cell(value: object) -> Text:
    text = plain(value)
    style = "green" if text in GOOD else "red" if text in BAD else ""
    return Text(text, style=style)
