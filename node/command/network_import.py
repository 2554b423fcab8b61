"""`pledgeway network import`: signed adverts into a node, foreign data into a network file."""

import json
import sys
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from node.command.argument_types import PATH
from node.command.display import Json, facts, say
from node.command.exit_status import REFUSED, UNUSABLE, TaughtCommand, fail, plain
from node.command.network_convert import FORMATS, Conversion, convert
from node.command.session import Session, at_node
from proto.advert_file import FIRST_LINE, MAX_LINE_CHARS, advert_texts

BATCH_CHARS: Final = 200_000  # of one call; the control socket takes 262,144 with all around it
BATCH_ADVERTS: Final = 1000
BATCH_TIMEOUT_S: Final = 60.0  # a thousand signatures take a tenth of a second, and others wait
MAX_SHOWN: Final = 10  # refused adverts that are named one by one
FATES: Final = {
    "applied": "new, verified and passed on",
    "stale": "known already, or older than what is",
    "expired": "past their time",
    "limited": "genuine, and above a bound: of what one signer may say, or of what is kept",
    "refused": "forged, malformed, or dated so that nobody believes it",
}
STATUSES: Final = (
    "Exit status: 0 done, none was refused; 1 the node refused some, and has verified and taken the"
    " others; 2 unusable input, or no node is running; 3 the answer was lost, so whether it took"
    " effect is not known: do it again, which does no harm."
)


@click.command("import", cls=TaughtCommand, epilog=STATUSES)
@click.argument("source", type=PATH, metavar="FILE")
@click.option(
    "--from-format",
    "form",
    type=click.Choice(FORMATS),
    help="Make a network file of foreign data, without any node.",
)
@click.option("--out", type=PATH, metavar="FILE", help="The network file to make.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), help="Of what the data does not say.")
@click.option("--brand", default="USD", show_default=True, help="Of the lines in foreign data.")
@click.option("--both-ways", is_flag=True, help="A row of edges is a line in each direction.")
@at_node
def import_(
    session: Session,
    source: Path,
    form: str | None,
    out: Path | None,
    seed: int | None,
    brand: str,
    both_ways: bool,
) -> None:
    """Bring signed adverts to a running node, or make a network file of foreign data.

    FILE ("-": standard input) holds adverts as `pledgeway network export --format adverts` writes
    them. The node believes
    none of them: each is verified as if a neighbour had passed it on (signature, sequence, expiry,
    limits), and what is new goes to its neighbours.

    With --from-format no node is asked; FILE (text, or gzip of it) becomes a network file:

    \b
      credit-links  nodeA nodeB lower current upper
                    A can promise upper-current to B, and B current-lower to A
      edges         from to [available]: available is drawn where it is not said
    Both: columns by spaces, tabs or commas; empty lines and those that begin with # or % say
    nothing; amounts are rounded down and cut at 10^12; lines of 0 are left out. The data has no
    fees and no registries, so these are drawn by a generator with the --seed: three registries, of
    which a node accepts each with a chance of 4 in 5; three nodes in four watch them; flat fees of
    0 to 9 units and rates of 1 to 1.01, dearer for the riskier mode, of which one node in ten
    refuses some. The same data, seed and version of the program give the same file.

    \b
    Example:
      pledgeway network import net.adverts --at ./bob
      pledgeway network import links.txt.gz --from-format credit-links --seed 7 --out net.json
    """
    if form is None:
        for given, name in ((out, "--out"), (seed, "--seed"), (both_ways or None, "--both-ways")):
            if given is not None:
                fail(UNUSABLE, f"{name} goes with --from-format; a node takes adverts as they are")
        _to_node(session, source)
        return
    if out is None or seed is None:
        fail(UNUSABLE, "--from-format needs --out FILE and --seed NUMBER")
    if both_ways and form != "edges":
        fail(UNUSABLE, "--both-ways is about edges: credit links have both directions already")
    convert(Conversion(source, form, out, seed, brand, both_ways), as_json=session.as_json)


def _to_node(session: Session, source: Path) -> None:
    counts = dict.fromkeys(FATES, 0)
    refusals: list[dict[str, Any]] = []
    numbers: list[int] = []  # of the lines that were asked about and not yet answered

    def refuse(number: int, cause: str) -> None:
        counts["refused"] += 1
        if len(refusals) < MAX_SHOWN:
            refusals.append({"line": number, "cause": plain(cause)})

    def batches(file: BinaryIO) -> Iterator[Json]:
        batch: list[str] = []
        size = 0
        for number, text in advert_texts(iter(lambda: file.readline(MAX_LINE_CHARS), b"")):
            if text is None:
                refuse(number, f"longer than an advert may be: more than {MAX_LINE_CHARS} bytes")
                continue
            if batch and (size + len(text) > BATCH_CHARS or len(batch) >= BATCH_ADVERTS):
                yield {"adverts": batch}
                batch, size = [], 0
            batch.append(text)
            numbers.append(number)
            size += len(json.dumps(text)) + 2
        if batch:
            yield {"adverts": batch}

    def told(answer: Json) -> str:
        became = answer.get("became", ())
        for one, number in zip(became, numbers, strict=False):
            fate = str(one.get("fate")).lower()
            if fate in FATES and fate != "refused":
                counts[fate] += 1
            else:
                refuse(number, str(one.get("reason", "")))
        del numbers[: len(became)]
        return f"{sum(counts.values())} adverts"

    with _opened(source) as file:
        session.ask_each("network.learn", batches(file), told, BATCH_TIMEOUT_S)
    _report(session, source, counts, sorted(refusals, key=itemgetter("line")))


def _opened(source: Path) -> BinaryIO:
    """A file of adverts, behind its first line. Ends the command where it is something else."""
    try:
        # A pipe with a name may have nobody at its other end, and would be waited for without end.
        if source.exists() and not source.is_file() and str(source) != "-":
            fail(UNUSABLE, f'{source}: is no file; "-" is what comes in through a pipe')
        file = sys.stdin.buffer if str(source) == "-" else source.open("rb")
        first = file.readline(len(FIRST_LINE) + 2)
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) else str(error)
        fail(UNUSABLE, f"{source}: cannot be read: {cause}")
    if first.rstrip(b"\r\n") != FIRST_LINE.encode():
        file.close()
        what = f"holds no adverts: the first line is not {FIRST_LINE}"
        if first.lstrip()[:1] == b"{":
            what = (
                "a network file proves nothing, and a node takes only what is signed:"
                " `pledgeway network export --format adverts` writes that"
            )
        fail(UNUSABLE, f"{source}: line 1: {what}")
    return file


def _report(
    session: Session, source: Path, counts: dict[str, int], refusals: list[dict[str, Any]]
) -> None:
    if session.as_json:
        answer = {**counts, "refusals": refusals}
        click.echo(json.dumps(answer, ensure_ascii=False))
    else:
        facts((name, f"{counts[name]:>7}  {FATES[name]}") for name in FATES if counts[name])
        if not any(counts.values()):
            say(f"{source}: holds no adverts.")
        for refusal in refusals:
            say(f"{source}: line {refusal['line']}: {refusal['cause']}")
        if counts["refused"] > len(refusals):
            say(f"… and {counts['refused'] - len(refusals)} more that were refused.")
    if counts["refused"]:
        raise SystemExit(REFUSED)
