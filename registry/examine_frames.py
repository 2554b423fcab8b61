"""What a registry and its examining processes say to each other: bytes over a pipe, no pickles.

Every frame is its length (4 bytes, big-endian) and that many bytes; to a process the first of them
says what it is. The first frame tells whom to work for and is answered by READY; as later ones of
its kind, which are not answered, it counts for what comes behind it. A frame of commits is answered
by a frame with two bytes for each.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final

LENGTH_BYTES: Final = 4
TIME_BYTES: Final = 8
MAX_FRAME_BYTES: Final = 1 << 24  # a request of 1 MiB and its lengths lie far below
ANSWER_BYTES: Final = 2  # verdict, and how many statements of others count
MAX_RELAYED: Final = 255
READY: Final = b"ready"
EMPLOYER: Final = b"E"
COMMITS: Final = b"C"

Shown = tuple[bytes, bytes]
"""A commit as it came: (descriptor, evidence)."""


@unique
class Verdict(IntEnum):
    """What was found out about a commit. UNSATISFIED also where a row exists already."""

    INVALID = 0  # its descriptor breaks a rule
    UNSATISFIED = 1
    SATISFIED = 2


@dataclass(frozen=True, slots=True)
class Findings:
    """About one commit; `relayed` as in `CommitShown`."""

    verdict: Verdict
    relayed: int = 0


@dataclass(frozen=True, slots=True)
class Employer:
    """Whom an examining process works for: `records` are signed, `database` is a URL."""

    registry: bytes
    database: str
    records: tuple[bytes, ...]

    def encode(self) -> bytes:
        return EMPLOYER + join([self.registry, self.database.encode(), *self.records])

    @classmethod
    def decode(cls, data: bytes) -> "Employer":
        registry, database, *records = split(data[1:])
        return cls(registry, database.decode(), tuple(records))


def framed(body: bytes) -> bytes:
    """A body with its length before it."""
    assert len(body) <= MAX_FRAME_BYTES, len(body)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def join(parts: Iterable[bytes]) -> bytes:
    """Parts, each with its length before it."""
    return b"".join([x for part in parts for x in (len(part).to_bytes(LENGTH_BYTES, "big"), part)])


def split(data: bytes) -> list[bytes]:
    """What was joined. Both ends are ours, so anything else is our bug."""
    parts = []
    at = 0
    while at < len(data):
        start = at + LENGTH_BYTES
        at = start + int.from_bytes(data[at:start], "big")
        parts.append(data[start:at])
    assert at == len(data), (at, len(data))
    return parts


def encode_commits(shown: Iterable[Shown], now_us: int) -> bytes:
    """`now_us`: by the registry's clock, by which keys of its members count."""
    parts = [part for commit in shown for part in commit]
    return COMMITS + join([now_us.to_bytes(TIME_BYTES, "big"), *parts])


def decode_commits(data: bytes) -> tuple[list[Shown], int]:
    now, *parts = split(data[1:])
    return list(zip(parts[::2], parts[1::2], strict=True)), int.from_bytes(now, "big")


def encode_findings(findings: Sequence[Findings]) -> bytes:
    return bytes([x for f in findings for x in (f.verdict, min(f.relayed, MAX_RELAYED))])


def decode_findings(data: bytes, count: int) -> list[Findings]:
    """ValueError, AssertionError where this is no answer about so many commits: our bug."""
    assert len(data) == count * ANSWER_BYTES, (len(data), count)
    pairs = zip(data[::ANSWER_BYTES], data[1::ANSWER_BYTES], strict=True)
    return [_FOUND.get(pair) or Findings(Verdict(pair[0]), pair[1]) for pair in pairs]


_FOUND: Final[dict[tuple[int, int], Findings]] = {
    (int(v), 0): Findings(v) for v in Verdict
}  # nearly all of them
