"""What of the log is published: the newest checkpoint of each shard, and who cosigned it when.

Read from the files that everybody else is given (log/<shard>/checkpoint), so that what status and
pages say is what a stranger can check.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proto.checkpoint import cosignature_times_s, read_checkpoint
from proto.limits import MAX_NOTE_BYTES, US
from proto.registry_record import RegistryRecord
from proto.shard import shard_origin
from proto.wire import WireFault

CHECKPOINT: Final = "checkpoint"  # the file's name in a shard's folder
_SHARD: Final = re.compile(r"[0-9]{1,4}")


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A witness by its name, and the time (µs UTC) that its cosignature bears."""

    name: str
    at_us: int


@dataclass(frozen=True, slots=True)
class Published:
    """The newest checkpoint of a shard. `at_us`: when its file was written, by the machine."""

    shard: int
    origin: str
    size: int
    root: bytes
    at_us: int
    cosigned: tuple[Cosigned, ...]


def read_published(folder: Path, record: RegistryRecord) -> list[Published]:
    """Every shard's checkpoint below `folder`, by shard; what is none is left out. Blocks."""
    if not folder.is_dir():
        return []
    shards = sorted(int(path.name) for path in folder.iterdir() if _SHARD.fullmatch(path.name))
    found = (_read(folder / f"{shard}" / CHECKPOINT, shard, record) for shard in shards)
    return [published for published in found if published is not None]


def _read(path: Path, shard: int, record: RegistryRecord) -> Published | None:
    try:
        at_us = path.stat().st_mtime_ns // 1000
        data = path.read_bytes()[: MAX_NOTE_BYTES + 1]
    except OSError:
        return None  # a shard whose first checkpoint is still to come
    # Shard 0 is the log from before there were shards: its origin had no year.
    origin = shard_origin(record.log_origin, shard) if shard else record.log_origin
    return checkpoint_shown(data, origin, shard, at_us, record)


def checkpoint_shown(
    note: bytes, origin: str, shard: int, at_us: int, record: RegistryRecord
) -> Published | None:
    """A checkpoint's note as far as a log key of the record signed it for `origin`; else None."""
    for key in record.log_note_keys(origin):
        try:
            checkpoint, read = read_checkpoint(note, key)
        except WireFault:
            continue  # perhaps signed by the key before or after it
        times = cosignature_times_s(read, [witness.key for witness in record.witnesses])
        cosigned = tuple(Cosigned(name, time_s * US) for name, time_s in sorted(times.items()))
        return Published(shard, origin, checkpoint.size, checkpoint.root, at_us, cosigned)
    return None
