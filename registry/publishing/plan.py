"""What the publisher needs to know: whose log, where it lies, who cosigns it, by when."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from proto.checkpoint import cosignature_times_s, log_note_key
from proto.keys import SigningKey
from proto.note import Note, NoteKey
from proto.record_parts import RecordWitness
from proto.shard import shard_of, shard_origin
from registry.publishing.leaf_source import BARE_SHARD
from registry.publishing.tile_files import TileFiles


@dataclass(frozen=True, slots=True)
class LogPlan:
    """`folder` holds a folder for each shard; `database` is how people are told where it is.

    `key_at`: the log key that signs at a time (µs UTC); `known_keys`: all that were ever certified,
    whose checkpoints may still be about.
    """

    folder: Path
    database: str
    prefix: str
    key_at: Callable[[int], SigningKey]
    known_keys: tuple[bytes, ...]
    witnesses: tuple[RecordWitness, ...]
    quorum: int
    mmd_us: int
    farthest_us: int  # decisions lie at most so far ahead of the clock
    epoch_us: int  # and, where they may still be made, at most so far behind it

    def origin(self, shard: int) -> str:
        """The first line of the shard's checkpoints."""
        return self.prefix if shard == BARE_SHARD else shard_origin(self.prefix, shard)

    def files(self, shard: int) -> TileFiles:
        return TileFiles(self.folder / str(shard))

    def note_keys(self, origin: str) -> tuple[NoteKey, ...]:
        """Every key of ours that may have signed a checkpoint of this origin."""
        return tuple(log_note_key(origin, key) for key in self.known_keys)

    def quorum_of(self, shard: int) -> int:
        """The log from before there were shards has ended, and no witness ever knew it."""
        return 0 if shard == BARE_SHARD else self.quorum

    @property
    def remembering(self) -> int:
        """How many witnesses must have said what they know before anything is decided.

        Whatever was published bears the cosignatures of a quorum: one of them is among so many.
        """
        return max(self.quorum, len(self.witnesses) - self.quorum + 1) if self.quorum else 0

    def enough(self, shard: int, note: Note) -> bool:
        """Whether a quorum of our witnesses cosigned it."""
        keys = [witness.key for witness in self.witnesses]
        return len(cosignature_times_s(note, keys)) >= self.quorum_of(shard)

    def shards_of(self, now_us: int, entered: Iterable[int]) -> list[int]:
        """Shards about which somebody may know more than the database: all that can have entries.

        A database that was set back may lack a whole shard, so those of the open years count too.
        """
        first, last = shard_of(max(0, now_us - self.epoch_us)), shard_of(now_us + self.farthest_us)
        folders = self.folder.iterdir() if self.folder.is_dir() else ()
        on_disk = (int(f.name) for f in folders if f.name.isdecimal())
        return sorted({*entered, *on_disk, *range(first, last + 1)})
