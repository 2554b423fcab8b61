"""A monitor's word about a log that fell silent (E7 without witnesses, registry section 8).

It convinces whoever has named the monitor, so a monitor signs only what it saw: the log answered
and had not grown past a statement that was due; or it could not be had when the entry was due, nor
at any look since, for longer than the registry allows itself. An entry that may have come and gone
between two looks of ours is no reason to accuse anybody.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from proto.fraud.accused import Accused
from proto.fraud.file import MAX_OBSERVATIONS, SignedObservation
from proto.fraud.verdict import FraudInvalid
from proto.keys import SigningKey
from proto.limits import MAX_NOTE_BYTES, US
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, parse
from registry.audit.replay import Seen
from registry.audit.source import SourceFault
from registry.home import write_public

SUFFIX: Final = ".observation"
MAX_FILE_BYTES: Final = MAX_NOTE_BYTES + 1024  # a note, a name, a time and a signature
LAG_US: Final = 10 * US  # a cache may show a checkpoint of seconds ago, and our clock may be fast
MAX_FILES: Final = 10_000  # of all monitors and looks; each is read and parsed


def was_silent(due_us: int, now_us: int, silent_since_us: int | None, mmd_us: int) -> bool:
    """Whether a monitor may say of an entry due at `due_us` that the log does not have it.

    `silent_since_us`: since when the log cannot be had; None where it answers.
    """
    if now_us - due_us <= LAG_US:
        return False
    return silent_since_us is None or (
        silent_since_us <= due_us and now_us - silent_since_us > mmd_us
    )


def newest_lacking(shown: bytes, size: int, seen: Sequence[Seen], index: int) -> bytes | None:
    """The largest checkpoint known to anybody; None where one of them has the entry."""
    notes = [(size, shown), *((s.size, s.note) for s in seen)]
    largest, note = max(notes, key=lambda one: one[0])
    return note if largest <= index else None


def write_observation(
    folder: Path, monitor: SigningKey, origin: str, at_us: int, note: bytes
) -> Path:
    """A file for whoever audits next. `at_us`: of the look's beginning, so never late. OSError."""
    signed = SignedObservation.make(monitor, origin, at_us, note)
    name = f"{monitor.public.hex()[:16]}-{sha256(origin.encode()).hexdigest()[:16]}-{at_us}{SUFFIX}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    write_public(path, signed.to_message().SerializeToString(deterministic=True))
    return path


def read_observations(folder: Path) -> list[SignedObservation]:
    """Those in the files below a folder, not verified; others are passed over. SourceFault."""
    found = []
    try:
        paths = [p for p in sorted(folder.rglob(f"*{SUFFIX}")) if p.is_file()]
        if len(paths) > MAX_FILES:
            raise SourceFault(f"{folder}: more than {MAX_FILES} files")
        for path in paths:
            if path.stat().st_size > MAX_FILE_BYTES:
                continue
            try:
                message = parse(pb.SignedObservation, path.read_bytes())
                found.append(SignedObservation.from_message(message))
            except WireFault:
                continue
    except OSError as error:
        raise SourceFault(f"{error.filename}: {error.strerror}") from error
    return found


def counting(
    accused: Accused, words: Sequence[SignedObservation], origin: str, index: int, due_us: int
) -> tuple[SignedObservation, ...]:
    """One word of each monitor that counts; a single one that does not would spoil the file."""
    keys, _ = accused.monitors_of(accused.newest)
    chosen: dict[bytes, SignedObservation] = {}
    for signed, said in _read(words):
        if said.monitor != signed.proof.key or said.monitor not in keys:
            continue
        if said.log_origin != origin or said.at_us <= due_us:
            continue
        try:
            checkpoint, _ = accused.checkpoint(said.checkpoint)
        except FraudInvalid:
            continue
        if checkpoint.origin == origin and checkpoint.size <= index:
            chosen.setdefault(said.monitor, signed)
    return tuple(chosen.values())[:MAX_OBSERVATIONS]


def _read(
    words: Sequence[SignedObservation],
) -> Iterator[tuple[SignedObservation, pb.Observation]]:
    for signed in words:
        try:
            yield signed, parse(pb.Observation, signed.observation)
        except WireFault:
            continue
