"""What a witness cosigns and what it refuses (C2SP tlog-witness, registry section 8). Pure.

A cosignature says: as of this time, this is the largest tree of this log that I have seen, and it
extends every one that I saw before. So nothing is cosigned twice at different sizes without a
proof between them, and the time never goes back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final

from proto.checkpoint import Checkpoint
from proto.limits import MAX_NOTE_BYTES, US
from proto.log_tree import EMPTY_ROOT, HASH_BYTES, consistency_holds
from proto.plain_text import from_base64, from_decimal
from proto.wire import WireFault

MAX_PROOF_LINES: Final = 63  # C2SP tlog-witness; a tree of 2^63 leaves needs no more
MAX_REQUEST_BYTES: Final = 32 + MAX_PROOF_LINES * 45 + MAX_NOTE_BYTES


@unique
class Refused(Enum):
    """Why a checkpoint is not cosigned."""

    MALFORMED = "the request is not one"
    SHRINKS = "the old size is above the checkpoint's"
    UNKNOWN_LOG = "no record of this log was added here"
    UNKNOWN_KEY = "no key that the log's record certifies signed it"
    STALE = "the old size is not the size cosigned last"
    OTHER_ROOT = "of this size another root was cosigned"
    UNPROVEN = "the consistency proof does not hold"
    CLOCK_UNSAFE = "this witness does not rely on its clock now"
    TOO_OFTEN = "this log asks too often"
    TOO_MANY_SHARDS = "this log has too many shards"


@dataclass(frozen=True, slots=True)
class Refusal:
    """`size`: of the checkpoint cosigned last, 0 for none. `prefix`: of the log of an
    UNKNOWN_KEY, whose record may have a successor that certifies the key."""

    reason: Refused
    size: int = 0
    prefix: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Seen:
    """The checkpoint of an origin that was cosigned last, and when (POSIX seconds)."""

    checkpoint: Checkpoint
    time_s: int


@dataclass(frozen=True, slots=True)
class Request:
    """An add-checkpoint request: `note` is the signed note, unread."""

    old_size: int
    proof: tuple[bytes, ...]
    note: bytes


@dataclass(frozen=True, slots=True)
class ClockLook:
    """One look at the clock, in µs. `mark_s`: the latest time ever cosigned here, seconds."""

    now_us: int
    error_us: int
    max_error_us: int
    mark_s: int

    @property
    def usable(self) -> bool:
        """Fails closed: an error too large, or a clock that went back behind what it said."""
        behind = self.now_us + self.error_us < self.mark_s * US
        return 0 <= self.error_us <= self.max_error_us and not behind and self.now_us > 0


def read_request(data: bytes) -> Request:
    """ "old N", proof lines, an empty line, the note. Raises WireFault."""
    if len(data) > MAX_REQUEST_BYTES:
        raise WireFault(f"a witness request has at most {MAX_REQUEST_BYTES} bytes")
    head, gap, note = data.partition(b"\n\n")
    if not gap or not note:
        raise WireFault("a witness request without a note behind an empty line")
    first, *lines = head.split(b"\n")
    if len(lines) > MAX_PROOF_LINES:
        raise WireFault(f"a consistency proof has at most {MAX_PROOF_LINES} lines")
    word, _, digits = first.partition(b" ")
    if word != b"old":
        raise WireFault("a witness request begins with the old size")
    try:
        size, hashes = from_decimal(digits.decode()), [from_base64(x.decode()) for x in lines]
    except UnicodeDecodeError as error:
        raise WireFault("a witness request that is not text") from error
    if any(len(part) != HASH_BYTES for part in hashes):
        raise WireFault(f"a proof line is a hash of {HASH_BYTES} bytes")
    return Request(size, tuple(hashes), note)


def judge(
    seen: Seen | None, old_size: int, proof: Sequence[bytes], offered: Checkpoint, clock: ClockLook
) -> int | Refusal:
    """The time (POSIX seconds, rounded down) to cosign `offered` at, or why not.

    `offered` is signed by its log; `seen` is what was cosigned last of the same origin.
    """
    size = 0 if seen is None else seen.checkpoint.size
    if old_size > offered.size:
        return Refusal(Refused.SHRINKS, size)
    if seen is not None and offered.size == size and offered.root != seen.checkpoint.root:
        # Whatever the old size says: two roots of one size are a split view.
        return Refusal(Refused.OTHER_ROOT, size)
    if old_size != size:
        return Refusal(Refused.STALE, size)
    if not _extends(seen, proof, offered):
        return Refusal(Refused.UNPROVEN, size)
    if not clock.usable:
        return Refusal(Refused.CLOCK_UNSAFE, size)
    now_s = clock.now_us // US
    return now_s if seen is None else max(now_s, seen.time_s)


def _extends(seen: Seen | None, proof: Sequence[bytes], offered: Checkpoint) -> bool:
    size, root = (0, EMPTY_ROOT) if seen is None else (seen.checkpoint.size, seen.checkpoint.root)
    return consistency_holds(size, root, offered.size, offered.root, proof)
