"""Checkpoints of a log and the witnesses' cosignatures (C2SP tlog-checkpoint, tlog-cosignature).

A checkpoint is a note that says: the log of this origin has so many leaves, and this is the root of
its tree. A cosignature says: at this time that was the longest tree of this origin that I had seen,
and it continued the one before.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from proto.keys import SIGNATURE_BYTES, SigningKey, verify_raw
from proto.limits import MAX_LOG_SIZE
from proto.log_tree import HASH_BYTES
from proto.note import (
    COSIGNATURE,
    ED25519,
    Note,
    NoteKey,
    NoteSignature,
    is_note_name,
    note_signed,
    sign_note,
)
from proto.plain_text import from_base64, from_decimal, to_base64
from proto.wire import WireFault

_HEADER_LINES: Final = 3
_TIME_BYTES: Final = 8  # u64, big-endian, before the signature
MAX_TIME_S: Final = 2**63 - 1  # C2SP; later than it no cosignature counts


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: whose log, how many leaves, root hash (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Reads a note's text; lines behind the three are tolerated. Raises WireFault."""
        lines = text.removesuffix("\n").split("\n")
        if not text.endswith("\n") or len(lines) < _HEADER_LINES or not all(lines):
            raise WireFault("a checkpoint is an origin, a size and a root hash, a line each")
        origin, size, root = lines[:_HEADER_LINES]
        if not is_note_name(origin):
            raise WireFault("a checkpoint whose origin no key could be named after")
        checkpoint = cls(origin, from_decimal(size), from_base64(root))
        if len(checkpoint.root) != HASH_BYTES or checkpoint.size > MAX_LOG_SIZE:
            raise WireFault("a checkpoint with a root hash that is none")
        return checkpoint


def log_note_key(origin: str, public: bytes) -> NoteKey:
    """The key of a log: its signatures bear the log's origin."""
    return NoteKey(origin, ED25519, public)


def sign_checkpoint(checkpoint: Checkpoint, key: SigningKey) -> Note:
    """The log's own note. A log signs no two checkpoints of which neither begins the other."""
    text = checkpoint.text()
    return Note(text, (sign_note(text, checkpoint.origin, key),))


def read_checkpoint(data: bytes, key: NoteKey) -> tuple[Checkpoint, Note]:
    """What the log with this key signed. Raises WireFault where it did not, or for another log."""
    note = Note.decode(data)
    checkpoint = Checkpoint.parse(note.text)
    if checkpoint.origin != key.name:
        raise WireFault("a checkpoint of another log")
    if not note_signed(note, key):
        raise WireFault("a checkpoint that its log did not sign")
    return checkpoint, note


def cosign(note: Note, name: str, key: SigningKey, time_s: int) -> NoteSignature:
    """A witness's cosignature/v1 over the whole text. `time_s`: POSIX seconds UTC."""
    assert 0 <= time_s <= MAX_TIME_S, time_s
    signature = key.sign_raw(_cosigned(note.text, time_s))
    data = time_s.to_bytes(_TIME_BYTES, "big") + signature
    return NoteSignature(name, NoteKey(name, COSIGNATURE, key.public).key_hash, data)


def cosigned_at_s(note: Note, witness: NoteKey) -> int | None:
    """When this witness cosigned the note (POSIX seconds); None where it did not.

    The earliest time where it did so more than once: each of them is a true statement, so whoever
    needs a later one shows the note without the earlier.
    """
    times = [_time_s(note, s, witness) for s in note.signatures if s.claims(witness)]
    return min((time_s for time_s in times if time_s is not None), default=None)


def cosignature_times_s(note: Note, witnesses: Iterable[NoteKey]) -> dict[str, int]:
    """Which of these witnesses cosigned, by name, and when. One key counts once.

    Under a second name it would still be the same witness.
    """
    times: dict[str, int] = {}
    counted: set[bytes] = set()
    for witness in witnesses:
        time_s = cosigned_at_s(note, witness)
        if time_s is not None and witness.name not in times and witness.public not in counted:
            times[witness.name] = time_s
            counted.add(witness.public)
    return times


def _cosigned(text: str, time_s: int) -> bytes:
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def _time_s(note: Note, signature: NoteSignature, witness: NoteKey) -> int | None:
    if witness.algorithm != COSIGNATURE or len(signature.data) != _TIME_BYTES + SIGNATURE_BYTES:
        return None
    time_s = int.from_bytes(signature.data[:_TIME_BYTES], "big")
    signed = _cosigned(note.text, time_s)
    if time_s > MAX_TIME_S or not verify_raw(witness.public, signed, signature.data[_TIME_BYTES:]):
        return None
    return time_s
