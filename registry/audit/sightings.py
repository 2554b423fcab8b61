"""What others saw of a log: the last audit, a mirror, its witnesses. One entry for each checkpoint.

Every note is verified before it is used, and the cosignatures of notes with one text are put
together: three witnesses who each kept their own copy make one quorum.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from proto.checkpoint import Checkpoint, cosignature_times_s
from proto.fraud.accused import Accused
from proto.fraud.verdict import FraudInvalid
from proto.limits import US
from proto.note import Note
from proto.record_parts import RecordWitness
from registry.audit.replay import Seen
from registry.audit.source import Source
from registry.home import write_public
from registry.publishing.witness_calls import WitnessCalls, WitnessSilent

# Between looks further apart a registry may have been there: then its silence begins anew.
LOOKS_APART_US: Final = 300 * US


@dataclass(frozen=True, slots=True)
class AuditState:
    """A folder with the newest checkpoint of each log that an audit found sound."""

    folder: Path

    def last(self, origin: str) -> bytes | None:
        try:
            return self._path(origin).read_bytes()
        except FileNotFoundError:
            return None

    def keep(self, origin: str, note: bytes) -> None:
        """Replaces it. OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_public(self._path(origin), note)

    def silent_since_us(self, registry: bytes, now_us: int) -> int:
        """Since when a registry cannot be had; this look, which failed, is kept. OSError."""
        path = self._silent(registry)
        try:
            first_us, last_us = map(int, path.read_text().split())
        except (FileNotFoundError, ValueError):
            first_us = last_us = now_us
        if not 0 <= now_us - last_us <= LOOKS_APART_US:
            first_us = now_us
        self.folder.mkdir(parents=True, exist_ok=True)
        write_public(path, b"%d %d\n" % (first_us, now_us))
        return first_us

    def heard(self, registry: bytes) -> None:
        """It answered: what it was silent before is over. OSError."""
        self._silent(registry).unlink(missing_ok=True)

    def _silent(self, registry: bytes) -> Path:
        return self.folder / f"{registry.hex()}.silent"

    def _path(self, origin: str) -> Path:
        return self.folder / f"{sha256(origin.encode()).hexdigest()}.note"


def ask_witnesses(
    witnesses: Iterable[RecordWitness], origin: str, silent: list[str]
) -> Iterator[tuple[bytes, str]]:
    """(note, whose) that each witness with an address cosigned last. `silent`: who did not say."""
    for witness in witnesses:
        if not witness.url:
            continue
        with closing(WitnessCalls(witness)) as calls:
            try:
                note = calls.newest(origin)
            except WitnessSilent as fault:
                silent.append(str(fault))
                continue
            finally:
                calls.drop()
            if note is not None:
                yield note, f"witness {witness.key.name}"


def gather(
    accused: Accused, origin: str, notes: Iterable[tuple[bytes, str]], bad: list[str]
) -> list[Seen]:
    """The sound ones of `notes`, (bytes, whence) each. `bad`: whence the others are."""
    merged: dict[str, tuple[Checkpoint, Note, str]] = {}
    for data, whence in notes:
        try:
            checkpoint, note = accused.checkpoint(data)
        except FraudInvalid:
            bad.append(whence)
            continue
        if checkpoint.origin != origin:
            bad.append(whence)
            continue
        if note.text in merged:
            _, known, first = merged[note.text]
            note, whence = known.with_signatures(note.signatures), first
        merged[note.text] = (checkpoint, note, whence)
    return [_seen(accused, *entry) for entry in merged.values()]


def _seen(accused: Accused, checkpoint: Checkpoint, note: Note, whence: str) -> Seen:
    keys, quorum = accused.witnesses_of(accused.newest)
    times = sorted((t * US for t in cosignature_times_s(note, keys).values()), reverse=True)
    late_us = times[quorum - 1] if 0 < quorum <= len(times) else None
    early_us = times[-1] if times else None
    return Seen(checkpoint.size, checkpoint.root, note.encode(), late_us, early_us, whence)


def kept_notes(source: Source, shard: int, whence: str) -> Iterator[tuple[bytes, str]]:
    """The newest and all older notes of a source. SourceFault."""
    newest = source.checkpoint(shard)
    if newest is not None:
        yield newest, whence
    yield from ((note, whence) for note in source.history(shard))
