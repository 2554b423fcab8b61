"""Logs of cheating registries as directories, and audits of them."""

from pathlib import Path

from node.command.sim.cast import NOW_US
from proto.fraud.accused import record_witnesses
from registry.audit.auditor import Report, Wanted, audit
from registry.audit.source import DirectorySource
from registry.home import write_public
from registry.publishing.shard_log import ShardLog
from registry.publishing.tile_files import TileFiles
from tests.registry.cheating import YEAR, CheatingRegistry, View
from tests.registry.fraud_corpus import AWAY_US

Finds = list[tuple[str, int, str | None]]


def publish(
    folder: Path,
    r: CheatingRegistry,
    view: View,
    note: bytes | None = None,
    shard: int = YEAR,
) -> DirectorySource:
    """Writes record, tiles and checkpoint as a registry or a mirror has them."""
    folder.mkdir(parents=True, exist_ok=True)
    write_public(folder / "registry.record", r.record.signed)
    files = TileFiles(folder / "log" / str(shard))
    there = files.read_checkpoint()
    size = 0 if there is None else int(there.split(b"\n")[1])
    log = ShardLog(view.origin, files, size)
    for start in range(size, len(view.leaves), 16_384):
        log.extend(view.leaves[start : start + 16_384])
    files.write_checkpoint(view.note() if note is None else note)
    return DirectorySource(folder)


def keep(folder: Path, shard: int, note: bytes) -> None:
    """A checkpoint that a mirror saw earlier."""
    history = folder / "checkpoints" / str(shard)
    history.mkdir(parents=True, exist_ok=True)
    size = int(note.split(b"\n")[1])
    write_public(history / f"{size:019}.note", note)


def report_of(source: DirectorySource, **more: object) -> Report:
    settings = {"witnesses_of": record_witnesses, "now_us": NOW_US + AWAY_US} | more
    return audit(Wanted(source, **settings), lambda *_: None)  # type: ignore[arg-type]


def finds(source: DirectorySource, **more: object) -> Finds:
    """(what is wrong, index, kind of the fraud file) of each finding."""
    found = report_of(source, **more).found
    return [
        (f.finding.wrong.name, f.finding.index, f.verdict.kind.label if f.verdict else None)
        for f in found
    ]
