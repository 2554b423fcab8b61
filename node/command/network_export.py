"""`pledgeway network export`: what a node knows, as a network file or as the signed adverts."""

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import click

from node.command.argument_types import PATH, require_new_file
from node.command.display import Json, say
from node.command.exit_status import REFUSED, UNUSABLE, TaughtCommand, fail
from node.command.session import Session, at_node

NETWORK: Final = "network"
ADVERTS: Final = "adverts"
EXPORT_TIMEOUT_S: Final = 600.0  # 200,000 adverts take a node that serves others some ten seconds


@click.command("export", cls=TaughtCommand)
@click.option(
    "--format",
    "form",
    type=click.Choice([NETWORK, ADVERTS]),
    default=NETWORK,
    show_default=True,
    help="A network file for `pledgeway route`, or the signed adverts for another node.",
)
@click.option("--out", type=PATH, metavar="FILE", help="Write to a new file, not to the output.")
@at_node
def export(session: Session, form: str, out: Path | None) -> None:
    """Take away the network as a node knows it.

    As a "network" file (JSON), which `pledgeway route` reads: nodes by alias where it is one
    node's alone, else by id. Or as "adverts": everything exactly as it was signed, one advert a
    line in base64, so that somebody else can verify it: `pledgeway network import` does.

    \b
    Example:
      pledgeway network export --out net.json
      pledgeway route --network net.json --from Alice --to Bob --amount 700
      pledgeway network export --at ./alice --format adverts --out net.adverts
    """
    require_new_file(out)
    rows = network_rows(session) if form == NETWORK else _advert_rows(session)
    write_rows(rows, out)
    if out is not None:
        _tell(session, form, out, len(rows))


def network_rows(session: Session) -> list[str]:
    """The lines of a network file that says what the node knows."""
    from pathfinder.files.network_file import entries_text

    registries: list[str] = []
    policies: list[tuple[str, Json]] = []
    nodes: list[tuple[str, Json]] = []
    lines: list[Json] = []

    def take(piece: Json) -> str:
        for section, name, entry in piece.get("entries", ()):
            if section == "registries":
                registries.append(name)
            elif section == "lines":
                lines.append(entry)
            else:
                (policies if section == "policies" else nodes).append((name, entry))
        return f"{len(nodes)} nodes, {len(lines)} lines"

    session.collect("network.export", {}, take, EXPORT_TIMEOUT_S)
    return list(entries_text(registries, policies, nodes, lines))


def _advert_rows(session: Session) -> list[str]:
    from proto.advert_file import FIRST_LINE

    rows = [FIRST_LINE + "\n"]

    def take(piece: Json) -> str:
        rows.extend(f"{advert}\n" for advert in piece.get("adverts", ()))
        return f"{len(rows) - 1} adverts"

    session.collect("network.adverts", {}, take, EXPORT_TIMEOUT_S)
    return rows


def write_rows(rows: Iterable[str], out: Path | None) -> int:
    """Writes text to a new file, or to standard output; how many bytes it has. Ends the command
    where the disk refuses, and then leaves no half of a file behind."""
    if out is None:
        return _print(rows)
    try:
        with out.open("x", encoding="utf-8") as file:
            file.writelines(rows)
        return out.stat().st_size
    except FileExistsError:
        fail(UNUSABLE, f"{out}: exists already, and is left as it is: name another file")
    except OSError as error:
        out.unlink(missing_ok=True)
        fail(UNUSABLE, f"{out}: cannot be written: {error.strerror}")


def _print(rows: Iterable[str]) -> int:
    size = 0
    try:
        for row in rows:
            size += len(row.encode())
            sys.stdout.write(row)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has had enough. Python would complain once more when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(REFUSED)
    except (OSError, UnicodeEncodeError) as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        why = error.strerror if isinstance(error, OSError) else str(error)
        fail(UNUSABLE, f"standard output cannot be written: {why}: use --out FILE")
    return size


def _tell(session: Session, form: str, out: Path, rows: int) -> None:
    answer: dict[str, Any] = {"out": str(out), "format": form, "bytes": out.stat().st_size}
    if form == ADVERTS:
        answer["adverts"] = rows - 1
    if session.as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    if form == ADVERTS:
        say(f"{out}: {rows - 1} adverts. `pledgeway network import {out} --at DIR` verifies them.")
    else:
        say(f"{out}: written. `pledgeway route --network {out} --help` says how to ask it.")
