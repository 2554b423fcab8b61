"""Which logs a witness cosigns: those of the registries whose records lie in its logs/ folder.

All shards of a record's log are accepted, under the keys that the record certifies for logs. The
folder is looked at anew whenever it has changed, so a record that is added or renewed counts at
once, without a restart.
"""

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

from proto.limits import MAX_RECORD_BYTES
from proto.note import NoteKey
from proto.registry_record import RegistryRecord, read_record
from proto.shard import FIRST_SHARD, LAST_SHARD
from proto.wire import WireFault
from registry.home import HomeFault
from registry.witness.home import private_file

log = logging.getLogger(__name__)

MAX_LOGS: Final = 256  # registries; each may have a row for each year of its deadlines
SUFFIX: Final = ".record"


@dataclass(frozen=True, slots=True)
class TrustedLog:
    """One registry's log, all its shards."""

    record: RegistryRecord

    def keys(self, origin: str, now_us: int) -> tuple[NoteKey, ...]:
        """The keys that may sign a checkpoint now: certified, alive, not revoked."""
        alive = {key.key for key in self.record.log_keys if key.valid_at(now_us)}
        return tuple(k for k in self.record.log_note_keys(origin) if k.public in alive)


def shard_in(origin: str) -> tuple[str, int] | None:
    """(prefix, year) of the origin of a shard; None where it is none."""
    prefix, slash, digits = origin.rpartition("/")
    if not (slash and prefix and digits.isascii() and digits.isdecimal() and len(digits) == 4):
        return None
    year = int(digits)
    return (prefix, year) if FIRST_SHARD <= year <= LAST_SHARD else None


class TrustedLogs:
    """The records in a folder. Used from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._stamp: object = None
        self._logs: dict[str, TrustedLog] = {}

    def find(self, origin: str) -> TrustedLog | None:
        """The log that this shard belongs to."""
        shard = shard_in(origin)
        return None if shard is None else self.all().get(shard[0])

    def all(self) -> dict[str, TrustedLog]:
        """By log_origin, the prefix of its shards."""
        with self._lock:
            stamp = _stamp(self._folder)
            if stamp != self._stamp:
                self._logs = {
                    record.log_origin: TrustedLog(record) for record in load_logs(self._folder)
                }
                self._stamp = stamp
            return self._logs


def _stamp(folder: Path) -> object:
    """Changes whenever a record does: records are replaced as whole files."""
    try:
        with os.scandir(folder) as entries:
            stats = [(e.name, e.inode(), e.stat().st_mtime_ns) for e in entries if _is_record(e)]
    except FileNotFoundError:
        return ()
    return tuple(sorted(stats))


def _is_record(entry: os.DirEntry[str]) -> bool:
    return entry.name.endswith(SUFFIX) and not entry.name.startswith(".")


def load_logs(folder: Path) -> list[RegistryRecord]:
    """What can be read of it; what cannot is told to the operator, and hinders no other log."""
    records = []
    for path in sorted(folder.glob(f"[!.]*{SUFFIX}")):
        try:
            records.append(read_log_record(path))
        except HomeFault as fault:
            log.error("%s", fault)
    return records


def read_log_record(path: Path) -> RegistryRecord:
    """A registry's record with a log that can be cosigned. HomeFault."""
    return _log_record(_bytes_of(path), str(path))


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_RECORD_BYTES + 1)
    except OSError as error:
        raise HomeFault(f"{path}: cannot be read: {error.strerror}") from error


def _log_record(data: bytes, where: str) -> RegistryRecord:
    try:
        record = read_record(data)
    except WireFault as fault:
        raise HomeFault(f"{where}: {fault}") from fault
    if not record.log_keys:
        raise HomeFault(f"{where}: certifies no key for a log, so there is nothing to cosign")
    return record


def add_log(folder: Path, path: Path) -> RegistryRecord:
    """Takes a registry's record into the folder; a newer one replaces the older. HomeFault."""
    return take_record(folder, _bytes_of(path), str(path))


def take_record(
    folder: Path, data: bytes, where: str, *, only: bytes | None = None
) -> RegistryRecord:
    """As `add_log`, of bytes that came from `where`. HomeFault, also where it is not of `only`."""
    record = _log_record(data, where)
    if only is not None and record.registry != only:
        raise HomeFault(f"{where}: shows the record of another registry, {record.registry.hex()}")
    known = load_logs(folder)
    for other in known:
        if other.registry == record.registry:
            _require_newer(where, record, other)
        elif other.log_origin == record.log_origin:
            raise HomeFault(f"{where}: registry {other.registry.hex()} has a log of this name")
    if len(known) >= MAX_LOGS and all(k.registry != record.registry for k in known):
        raise HomeFault(f"{folder}: holds {MAX_LOGS} records, which is the most")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        private_file(folder / f"{record.registry.hex()}{SUFFIX}", record.signed)
    except OSError as error:
        raise HomeFault(f"{folder}: cannot be written: {error.strerror}") from error
    return record


def _require_newer(where: str, record: RegistryRecord, known: RegistryRecord) -> None:
    if record.log_origin != known.log_origin:
        raise HomeFault(f"{where}: renames the log from {known.log_origin}, which never changes")
    if record.signed != known.signed and not record.replaces(known):
        raise HomeFault(
            f"{where}: sequence {record.sequence} does not continue {known.sequence}, which is here"
        )
