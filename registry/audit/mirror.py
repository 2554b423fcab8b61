"""A verified copy of a registry's log: tiles, entries and every checkpoint that was seen.

Nothing enters it that does not continue what is there. So it stands witness, to whoever trusts its
keeper, for what the registry showed; and any static web server can serve it.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proto.checkpoint import Checkpoint
from proto.fraud.accused import Accused, no_monitors, record_witnesses
from proto.fraud.file import FraudProof
from proto.fraud.verdict import FraudInvalid, FraudKind
from proto.merkle import leaf_hash
from proto.note import Note
from proto.registry_record import RegistryRecord, read_record
from proto.shard import shard_of
from proto.wire import WireFault
from registry.audit.auditor import Progress, origin_of
from registry.audit.source import HISTORY, Source, entry_tiles
from registry.home import write_public
from registry.publishing.shard_log import ShardLog
from registry.publishing.tile_files import LogDamaged, TileFiles
from registry.tlog import TILE_WIDTH, Tile, decode_entries, encode_entries, read_frontier

STEP_TILES: Final = 32  # taken over at a time: some megabytes


class MirrorRefused(Exception):
    """What the registry shows contradicts the copy, or itself; one line. The copy stays as it was.

    `evidence`: files that were written about it.
    """

    def __init__(self, line: str, evidence: tuple[Path, ...] = ()) -> None:
        super().__init__(line)
        self.evidence = evidence


@dataclass(frozen=True, slots=True)
class Copied:
    """A shard of the mirror: how many entries it had, and has."""

    shard: int
    before: int
    size: int


@dataclass(frozen=True, slots=True)
class Mirror:
    """The folder of a mirror: registry.record, log/<shard>/, checkpoints/<shard>/, evidence/."""

    folder: Path

    def copy(self, source: Source, now_us: int, progress: Progress) -> list[Copied]:
        """Takes over what is new. SourceFault, MirrorRefused, OSError; each leaves a sound copy."""
        record = self._record(source)
        accused = Accused(record, None, now_us, record_witnesses, no_monitors)
        last = shard_of(now_us + max(0, record.max_deadline_us))
        copied = []
        for shard in source.shards(shard_of(now_us), last):
            note = source.checkpoint(shard)
            if note is not None:
                copied.append(self._shard(source, accused, shard, note, progress))
        return copied

    def _record(self, source: Source) -> RegistryRecord:
        path = self.folder / "registry.record"
        try:
            shown = read_record(source.record())
            known = read_record(path.read_bytes()) if path.exists() else None
        except WireFault as fault:
            raise MirrorRefused(f"{source.name}: {fault}") from fault
        if known is None or shown.replaces(known):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_public(path, shown.signed)
            return shown
        if shown.registry != known.registry:
            raise MirrorRefused(f"{source.name}: another registry than {path}")
        return known

    def _shard(
        self, source: Source, accused: Accused, shard: int, note: bytes, progress: Progress
    ) -> Copied:
        try:
            new, _ = accused.checkpoint(note)
        except FraudInvalid as fault:
            raise MirrorRefused(f"{source.name}: shard {shard}: {fault}") from fault
        if new.origin != origin_of(accused.record, shard):
            raise MirrorRefused(f"{source.name}: shard {shard} shows the log {new.origin}")
        files = TileFiles(self.folder / "log" / str(shard))
        old_note = files.read_checkpoint()
        old = Checkpoint(new.origin, 0, b"") if old_note is None else self._own(old_note)
        if new.size < old.size:
            # A web cache may lag; a log that was set back would not catch up.
            if ShardLog(old.origin, files, old.size).root_at(new.size) != new.root:
                raise self._contradiction(accused, shard, old_note or b"", note, old, new)
            return Copied(shard, old.size, old.size)
        if new.size == old.size and old_note is not None and new.root != old.root:
            raise self._contradiction(accused, shard, old_note, note, old, new)
        if new.size > old.size:
            try:
                self._extend(source, shard, files, old, new, progress)
            except _OtherRoot as fault:
                raise self._contradiction(
                    accused, shard, old_note or b"", note, old, new
                ) from fault
        if note != old_note:
            history = self.folder / HISTORY / str(shard)
            history.mkdir(parents=True, exist_ok=True)
            write_public(history / f"{new.size:019}.note", note)
            files.write_checkpoint(note)
        return Copied(shard, old.size, new.size)

    def _own(self, note: bytes) -> Checkpoint:
        """It was verified when it was taken over; its key's life may have ended since."""
        try:
            return Checkpoint.parse(Note.decode(note).text)
        except WireFault as fault:
            raise MirrorRefused(f"{self.folder}: its own checkpoint is damaged: {fault}") from fault

    def _extend(
        self,
        source: Source,
        shard: int,
        files: TileFiles,
        old: Checkpoint,
        new: Checkpoint,
        progress: Progress,
    ) -> None:
        """First everything into a draft, to see whether it gives the root; then into the copy.

        Crash in the first half: a temporary folder is left. In the second: some tiles are there
        beyond the checkpoint, all of them verified; the next run writes the same ones.
        """
        try:
            frontier = read_frontier(old.size, files.read_tile)
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".incoming-", dir=self.folder) as name:
                draft = Path(name)
                for tile in entry_tiles(old.size, new.size):
                    leaves = source.entries(shard, tile.index, tile.width)
                    skip = max(0, old.size - tile.index * TILE_WIDTH)
                    for leaf in leaves[skip:]:
                        frontier.append(leaf_hash(leaf))
                    (draft / str(tile.index)).write_bytes(encode_entries(leaves[skip:]))
                    progress(shard, frontier.size, new.size)
                if frontier.root() != new.root:
                    raise _OtherRoot
                log = ShardLog(new.origin, files, old.size)
                for leaves in _steps(draft, entry_tiles(old.size, new.size)):
                    log.extend(leaves)
        except LogDamaged as fault:
            raise MirrorRefused(str(fault).partition(";")[0]) from fault
        assert log.checkpoint() == new, new

    def _contradiction(
        self,
        accused: Accused,
        shard: int,
        old_note: bytes,
        note: bytes,
        old: Checkpoint,
        new: Checkpoint,
    ) -> MirrorRefused:
        """Keeps both notes; of one size they are a fraud file, of two a reason to audit."""
        folder = self.folder / "evidence"
        folder.mkdir(parents=True, exist_ok=True)
        name = f"split-{shard}-{old.size}-{new.root.hex()[:16]}"
        if old.size == new.size:
            path = folder / f"{name}.fraud"
            notes = (old_note, note)
            proof = FraudProof(FraudKind.SPLIT_VIEW, accused.record.signed, checkpoints=notes)
            write_public(path, proof.encode())
        else:
            path = folder / f"{name}.notes"
            write_public(path, old_note + b"\n" + note)
        line = f"log {new.origin}: {new.size} entries do not continue the {old.size} of this copy"
        return MirrorRefused(line, (path,))


class _OtherRoot(Exception):
    """The entries do not give the root of the new checkpoint."""


def _steps(draft: Path, tiles: Iterator[Tile]) -> Iterator[list[bytes]]:
    leaves: list[bytes] = []
    for count, tile in enumerate(tiles, 1):
        leaves += decode_entries((draft / str(tile.index)).read_bytes()) or []
        if count % STEP_TILES == 0:
            yield leaves
            leaves = []
    yield leaves
