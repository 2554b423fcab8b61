"""`pledgeway registry monitor-key`, and what an audit does that signs as a monitor."""

import json
import os
from dataclasses import replace
from pathlib import Path

import click

from node.command.display import say
from node.command.exit_status import REFUSED, UNUSABLE, fail
from proto.keys import KEY_BYTES, SigningKey
from proto.registry_record import read_record
from proto.wire import WireFault
from registry.audit.auditor import Progress, Report, Wanted, audit
from registry.audit.monitoring import write_observation
from registry.audit.replay import Wrong
from registry.audit.source import SourceFault
from registry.home import HomeFault, key_text, read_key
from runtime.tls import write_private


@click.command("monitor-key")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def monitor_key(file: Path, as_json: bool) -> None:
    """Make the key of a monitor in FILE, and show the public one.

    A monitor looks at a registry's log again and again, and signs that it lacks what the registry
    has said. Its word counts with whoever names its public key. FILE must not exist.

    \b
    Example:
      pledgeway registry monitor-key ./monitor.key
      pledgeway registry audit http://127.0.0.1:7480 --statements ./evidence --mirror ./mirror \\
        --state ./seen --monitor ./monitor.key --out ./found
    """
    key = SigningKey(os.urandom(KEY_BYTES))
    try:
        write_private(file, key_text(key))
    except FileExistsError:
        fail(REFUSED, f"{file}: exists already, and is left as it is")
    except OSError as error:
        fail(UNUSABLE, f"{file}: cannot be written: {error.strerror}")
    if as_json:
        click.echo(json.dumps({"monitor": key.public.hex(), "file": str(file)}))
        return
    say(f"monitor  {key.public.hex()}    tell it to those who are to count your word")


def load_monitor(file: Path | None, out: Path | None) -> SigningKey | None:
    """The key to sign with, if any. Ends the command where it cannot be used."""
    if file is None:
        return None
    if out is None:
        fail(UNUSABLE, "--monitor signs files: say where they go with --out DIR")
    try:
        return read_key(file)
    except HomeFault as fault:
        fail(UNUSABLE, str(fault))


def audit_as(monitor: SigningKey | None, wanted: Wanted, progress: Progress) -> Report:
    """As `audit`. A monitor goes on with its mirror where the registry cannot be had, and keeps in
    its state since when. SourceFault, OSError."""
    try:
        report = audit(wanted, progress)
    except SourceFault as fault:
        mirror, state = wanted.mirror, wanted.state
        if monitor is None or mirror is None or state is None:
            raise
        try:
            registry = read_record(mirror.record()).registry
        except WireFault as broken:
            raise SourceFault(f"{mirror.name}: {broken}") from broken
        since_us = state.silent_since_us(registry, wanted.now_us)
        # The mirror is ours: that it is sound says nothing about what the registry shows.
        kept = replace(wanted, source=mirror, mirror=None, silent_since_us=since_us)
        report = audit(kept, progress)
        report.notes.append(str(fault))
        # Others may have seen more of the log than our copy has, and that is no fault.
        report.found = [f for f in report.found if f.finding.wrong is not Wrong.SHRUNK]
        return report
    if wanted.state is not None:
        wanted.state.heard(report.record.registry)
    return report


def sign_lacking(
    monitor: SigningKey | None, report: Report, now_us: int, out: Path | None
) -> list[Path]:
    """Writes an observation for each log that lacks what was due. OSError."""
    if monitor is None or out is None:
        return []
    lacking = sorted(report.lacking.items())
    return [write_observation(out, monitor, origin, now_us, note) for origin, note in lacking]
