"""`pledgeway people statement`: what went in and out of an account, for people or as CSV."""

import csv
import json
import sys
from datetime import UTC, datetime
from typing import Any, Final

import click

from node.command.display import Json, moment, say
from node.command.exit_status import TaughtCommand
from node.command.people.look import entries_table, kind_words
from node.command.session import Session, with_node
from proto.limits import US

PAGE: Final = 1000  # entries in one answer
COLUMNS: Final = ("time", "what", "amount", "brand", "with", "for", "reference")
# A cell that begins so is a formula to a spreadsheet, and its text is a stranger's.
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


@click.command("statement", cls=TaughtCommand)
@click.argument("name")
@click.option("--from", "begin", metavar="DAY", help="From this day on (UTC), as 2026-11-01.")
@click.option("--until", "end", metavar="DAY", help="To the end of the day before this one.")
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated, oldest first.")
@with_node
def statement(
    session: Session, name: str, begin: str | None, end: str | None, as_csv: bool
) -> None:
    """Show what went in and out of the account of NAME; amounts in smallest units.

    \b
    Example:
      pledgeway people statement ada --from 2026-11-01
      pledgeway people statement ada --csv > ada.csv
    """
    given = {"from_us": _day_us(begin, "--from"), "until_us": _day_us(end, "--until")}
    arguments: dict[str, Any] = {"name": name, "limit": PAGE}
    arguments |= {key: value for key, value in given.items() if value is not None}
    entries: list[Json] = []
    while True:
        answer = session.ask("people.statement", arguments).value
        entries += answer.get("entries", ())
        if not answer.get("next"):
            break
        arguments["after"] = answer["next"]
    if session.as_json:
        whole = {"name": answer.get("name"), "entries": entries}
        click.echo(json.dumps(whole, ensure_ascii=False))
    elif as_csv:
        _write_csv(entries)
    else:
        entries_table(entries)
        for line in _sums(entries):
            say(line)


def _day_us(text: str | None, option: str) -> int | None:
    if text is None:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise click.BadParameter("say a day as 2026-11-01", param_hint=option) from None
    return max(0, int(day.timestamp())) * US


def _write_csv(entries: list[Json]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    for e in reversed(entries):
        cells = (e.get("brand"), e.get("other") or e.get("name"), e.get("text"), e.get("reference"))
        words = (moment(e.get("at_us")), kind_words(e))
        writer.writerow((*words, e.get("amount"), *(_cell(c) for c in cells)))


def _cell(value: object) -> str:
    text = str(value or "")
    return f"'{text}" if text.startswith(FORMULA) else text


def _sums(entries: list[Json]) -> list[str]:
    """What all of it comes to, by brand."""
    sums: dict[str, list[int]] = {}
    for e in entries:
        both = sums.setdefault(str(e.get("brand")), [0, 0])
        value = e.get("amount")
        number = value if isinstance(value, int) else 0
        both[number < 0] += abs(number)
    return [
        f"{came} {brand} came in, {went} went out." for brand, (came, went) in sorted(sums.items())
    ]
