"""`pledgeway registry audit` and `mirror`: what anybody can find out about a registry."""

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from node.command.display import facts, gap, say, short, table
from node.command.exit_status import REFUSED, UNUSABLE, fail, plain
from node.command.registry_monitor import audit_as, load_monitor, sign_lacking
from node.command.whose_clocks import monitors_by, witnesses_by
from registry.audit.auditor import Found, Report, Wanted
from registry.audit.mirror import Mirror, MirrorRefused
from registry.audit.sightings import AuditState
from registry.audit.source import SourceFault, open_source
from registry.home import write_public
from registry.publishing.tile_files import LogDamaged

FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False)
FOLDER: Final = click.Path(path_type=Path, exists=True, file_okay=False)
PROGRESS_S: Final = 2.0
FOLLOW_S: Final = 10.0


@click.command("audit")
@click.argument("target", metavar="URL|DIR")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Fraud files go here.")
@click.option("--witness", "witnesses", multiple=True, metavar="KEY", help="Count this witness.")
@click.option("--quorum", type=click.IntRange(1), default=None, help="So many of them count.")
@click.option("--statements", type=click.Path(path_type=Path, exists=True), metavar="DIR")
@click.option("--mirror", metavar="URL|DIR", help="Another copy of its log, to compare with.")
@click.option("--state", type=click.Path(path_type=Path), metavar="DIR", help="What was seen last.")
@click.option("--offline", is_flag=True, help="Do not ask the witnesses of its record.")
@click.option("--monitor", type=FILE, metavar="KEYFILE", help="Sign what it fails to log.")
@click.option("--observations", type=FOLDER, metavar="DIR", help="What monitors have signed.")
@click.option("--count-monitor", "monitors", multiple=True, metavar="KEY", help="Count this one.")
def audit_command(
    target: str, as_json: bool, out: Path | None, monitor: Path | None, **by: Any
) -> None:
    """Replay a registry's whole log and say what is wrong with it.

    TARGET is the URL of its archive, its directory, or the directory of a mirror. Every entry is
    hashed up to the signed checkpoint, and looked at: is one transaction decided twice, is a commit
    late or behind a closed epoch, is something back-dated, does it differ from what the last audit
    (--state), a mirror, its witnesses or the statements in your own files (--statements) say?

    What can be shown to others becomes a fraud file in --out, for `pledgeway verify`. KEY is a
    witness's verifier key, name+hash+base64; without any, those of its record count. Memory stays
    below about 200 MB whatever the log's size; some 70 bytes of temporary disk for each entry.

    A monitor (--monitor, with --statements and --out) signs an observation file where the log lacks
    what was due; with --state and --mirror also where nothing answers since. Run it every minute.
    Such files of more than half of the monitors that you count make a fraud file: --observations
    with --count-monitor.

    Exit status: 0 nothing is wrong; 1 something is; 2 TARGET cannot be audited.

    \b
    Examples:
      pledgeway registry audit http://127.0.0.1:7480 --state ./seen --out ./found
      pledgeway payment evidence 9a02 --out ./held/lamp.evidence
      pledgeway registry audit ./mirror-of-r1 --statements ./held
    """
    key = load_monitor(monitor, out)
    wanted = _wanted(target, **by)
    try:
        report = audit_as(key, wanted, _progress(as_json))
        files = _write(report, out)
        signed = sign_lacking(key, report, wanted.now_us, out)
    except SourceFault as fault:
        fail(UNUSABLE, str(fault))
    except OSError as error:
        fail(UNUSABLE, f"{error.filename}: {error.strerror}")
    if as_json:
        observed = {"observations": [str(path) for path in signed]}
        click.echo(json.dumps(_as_json(report, files) | observed))
    else:
        _show(report, files, out)
        for path in signed:
            say(f"observation {path}    for whoever counts your word")
    if report.found:
        sys.exit(REFUSED)


def _wanted(
    target: str,
    witnesses: tuple[str, ...],
    quorum: int | None,
    statements: Path | None,
    mirror: str | None,
    state: Path | None,
    offline: bool,
    observations: Path | None,
    monitors: tuple[str, ...],
) -> Wanted:
    """Ends the command where an option cannot be used."""
    return Wanted(
        source=open_source(target),
        witnesses_of=witnesses_by(witnesses, quorum),
        now_us=time.time_ns() // 1000,
        state=None if state is None else AuditState(state),
        mirror=None if mirror is None else open_source(mirror),
        statements=statements,
        observations=observations,
        monitors_of=monitors_by(monitors, "--count-monitor"),
        ask_witnesses=not offline,
        pause=lambda: time.sleep(1),
    )


def _progress(quiet: bool) -> Callable[[int, int, int], None]:
    """A line on standard error every two seconds: short work says nothing."""
    told = time.monotonic()

    def tell(shard: int, done: int, total: int) -> None:
        nonlocal told
        if not quiet and time.monotonic() - told > PROGRESS_S:
            told = time.monotonic()
            click.echo(f"shard {shard}: {done:,} of {total:,} entries", err=True)

    return tell


def _write(report: Report, out: Path | None) -> dict[int, Path]:
    """Writes the fraud files; where each finding's is, by its number."""
    files: dict[int, Path] = {}
    if out is None:
        return files
    for number, found in enumerate(report.found):
        if found.verdict is not None:
            out.mkdir(parents=True, exist_ok=True)
            where = f"{found.finding.shard}-{found.finding.index}"
            files[number] = out / f"{found.verdict.kind.label}-{where}-{number}.fraud"
            write_public(files[number], found.file)
    return files


def _show(report: Report, files: dict[int, Path], out: Path | None) -> None:
    record = report.record
    facts([("registry", record.registry.hex()), ("name", record.name)])
    gap()
    shards = ((s.origin, f"{s.size:,}", short(s.root.hex()), s.compared) for s in report.shards)
    table((">log", ">entries", "root", ">compared with"), shards, "It has published no log.")
    for note in report.notes:
        say(f"not compared: {plain(note)}")
    if not report.found:
        say("Nothing is wrong with it.")
        return
    gap()
    rows = ((_label(f), f.finding.shard, f.finding.index, _what(f)) for f in report.found)
    table(("kind", ">shard", ">entry", "what is wrong"), rows, "")
    for path in files.values():
        say(f"fraud file  {path}    pledgeway verify {path}")
    if out is None and any(f.verdict for f in report.found):
        say("With --out DIR these become files that anybody can verify.")


def _label(found: Found) -> str:
    return "-" if found.verdict is None else found.verdict.kind.label


def _what(found: Found) -> str:
    detail = f" ({found.finding.detail})" if found.finding.detail else ""
    return f"{found.finding.wrong.value}{detail}"


def _as_json(report: Report, files: dict[int, Path]) -> dict[str, object]:
    return {
        "registry": report.record.registry.hex(),
        "sound": not report.found,
        "shards": [
            {
                "shard": s.shard,
                "origin": s.origin,
                "size": s.size,
                "root": s.root.hex(),
                "compared": s.compared,
            }
            for s in report.shards
        ],
        "statements": report.statements,
        "not_compared": report.notes,
        "found": [
            {
                "wrong": f.finding.wrong.name,
                "shard": f.finding.shard,
                "index": f.finding.index,
                "detail": f.finding.detail,
                "kind": None if f.verdict is None else f.verdict.kind.label,
                "file": str(files[number]) if number in files else None,
            }
            for number, f in enumerate(report.found)
        ],
    }


@click.command("mirror")
@click.argument("url", metavar="URL")
@click.argument("directory", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--follow", is_flag=True, help="Go on until Ctrl-C, a look every ten seconds.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each look.")
def mirror_command(url: str, directory: Path, follow: bool, as_json: bool) -> None:
    """Keep a verified copy of a registry's log in DIR.

    Takes over what is new since the last time, and nothing that does not continue the copy: then
    both checkpoints are kept in DIR/evidence, and the copy stays as it was. DIR can be audited, and
    served by any static web server. Exit status: 0 the copy is up to date; 1 the registry shows
    something else than before; 2 it cannot be read.

    \b
    Example:
      pledgeway registry mirror http://127.0.0.1:7480 ./mirror-of-r1 --follow
    """
    source, mirror = open_source(url), Mirror(directory)
    while True:
        try:
            copied = mirror.copy(source, time.time_ns() // 1000, _progress(as_json))
        except MirrorRefused as fault:
            kept = "".join(f"; kept: {path}" for path in fault.evidence)
            step = f"pledgeway registry audit {url} --mirror {directory}"
            fail(REFUSED, f"{fault}{kept}; next: {step}")
        except LogDamaged as fault:
            fail(UNUSABLE, str(fault))
        except SourceFault as fault:
            if not follow:
                fail(UNUSABLE, str(fault))
            click.echo(f"pledgeway: {plain(fault)}", err=True)  # a registry may be down for a while
        except OSError as error:
            fail(UNUSABLE, f"{error.filename}: {error.strerror}")
        else:
            for one in copied:
                if as_json:
                    answer = {"shard": one.shard, "before": one.before, "size": one.size}
                    click.echo(json.dumps(answer))
                elif one.size != one.before or not follow:
                    at = f"{datetime.now(UTC):%H:%M:%S}"
                    say(f"{at}  shard {one.shard}: {one.size:,} entries, {one.before:,} before")
        if not follow:
            return
        try:
            time.sleep(FOLLOW_S)
        except KeyboardInterrupt:
            return  # that is how following ends
