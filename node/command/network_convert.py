"""Foreign data into a network file: `pledgeway network import --from-format`."""

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import BinaryIO, Final, cast

import click

from node.command.argument_types import require_new_file
from node.command.display import facts, say
from node.command.exit_status import UNUSABLE, fail, plain
from node.command.network_export import write_rows
from node.command.waiting import waiting

CREDIT_LINKS: Final = "credit-links"
EDGES: Final = "edges"
FORMATS: Final = (CREDIT_LINKS, EDGES)
GZIP_MAGIC: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Conversion:
    """What to make of what. `seed`: of all that the data does not say."""

    source: Path
    form: str
    out: Path
    seed: int
    brand: str
    both_ways: bool = False


def convert(asked: Conversion, *, as_json: bool) -> None:
    """Writes the network file and says what is in it. Ends the command where the data is bad."""
    from pathfinder.files.foreign import ForeignFault, credit_links, edges
    from pathfinder.files.network_file import network_text
    from pathfinder.network import name_fault

    require_new_file(asked.out)
    if cause := name_fault(asked.brand):
        fail(UNUSABLE, f"--brand: {cause}")
    draw = Random(asked.seed)
    try:
        with waiting(f"reading {asked.source}"), rows_of(asked.source) as rows:
            if asked.form == CREDIT_LINKS:
                network = credit_links(rows, asked.brand, draw)
            else:
                network = edges(rows, asked.brand, draw, both_ways=asked.both_ways)
    except ForeignFault as fault:
        place = f"row {fault.row}: " if fault.row else ""
        fail(UNUSABLE, f"{asked.source}: {place}{fault.cause}")
    except (OSError, EOFError, zlib.error, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        fail(UNUSABLE, f"{asked.source}: cannot be read: {why}")
    with waiting(f"writing {asked.out}"):
        size = write_rows(network_text(network), asked.out)
    answer = {
        "out": str(asked.out),
        "source": str(asked.source),
        "format": asked.form,
        "seed": asked.seed,
        "brand": asked.brand,
        "registries": len(network.registries),
        "nodes": len(network.nodes),
        "lines": len(network.lines),
        "bytes": size,
    }
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    facts((name, value) for name, value in answer.items())
    say(f"Fees, registries and the like are drawn with seed {asked.seed}: the data has none.")


@contextmanager
def rows_of(source: Path) -> Iterator[Iterator[str]]:
    """The rows of a text, or of a text in gzip. OSError and what gzip raises."""
    from pathfinder.files.foreign import MAX_ROW_CHARS

    if source.exists() and not source.is_file():
        fail(UNUSABLE, f"{plain(source)}: is no file")
    with source.open("rb") as file:
        packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        file.seek(0)
        opened: BinaryIO = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packed else file
        # Bytes that are no text make a name that is none, which is refused with its row.
        # Never more than a row may have, however much a stranger has put between two line ends.
        pieces = iter(lambda: opened.readline(MAX_ROW_CHARS + 2), b"")
        yield (piece.decode("utf-8", "surrogateescape").rstrip("\r\n") for piece in pieces)
