"""The hash-chained log of a hand-over: what was sealed when, never what was in it.

An entry has 74 bytes: a version, the head before it, what happened, the SHA-256 of the ciphertext,
and the time. The first follows from the sale, so that no log serves two of them. The agent signs
the head (proto.sale.handover.HandedOver) and shows the entries to buyer and seller; an arbiter who
is shown a ciphertext later finds it here, or it is not the one of that time. Of a credential
itself there is not even a hash, since a password could be guessed from one.
"""

from dataclasses import dataclass
from enum import Enum, IntEnum, unique
from hashlib import sha256
from struct import Struct
from typing import Final

from proto.limits import MAX_AMOUNT
from proto.sale.letters import MAX_LOG_ENTRIES, MAX_LOG_ENTRY_BYTES
from proto.sale.offer import HASH_BYTES, SALE_ID_BYTES
from proto.wire import WireFault

VERSION: Final = 1
HEAD_TAG: Final = b"pledgeway/handover-log/v1\0"
MAX_AT_US: Final = MAX_AMOUNT  # µs, in a signed 64-bit column
_LAYOUT: Final = Struct(f">B{HASH_BYTES}sB{HASH_BYTES}sQ")
assert _LAYOUT.size <= MAX_LOG_ENTRY_BYTES

Log = tuple[bytes, ...]
"""Entries as they travel in proto.sale.letters.Lock, the oldest first."""


@unique
class LogKind(IntEnum):
    """What the agent did; the ciphertext that belongs to it is behind each."""

    RECEIVED = 1  # what the seller sealed
    CHECKED = 2  # the same: he could use it
    CHANGED = 3  # the same: what was in it is no longer valid
    RESEALED = 4  # what he sealed to the buyer
    REFUSED = 5  # what the seller sealed: he could not use it


@dataclass(frozen=True, slots=True)
class LogEntry:
    """`previous`: the head before it; `sealed_hash`: SHA-256 of the ciphertext; `at_us`: by the
    agent's clock, never before the entry before."""

    previous: bytes
    kind: LogKind
    sealed_hash: bytes
    at_us: int

    def encode(self) -> bytes:
        """Its only form, 74 bytes."""
        return _LAYOUT.pack(VERSION, self.previous, self.kind, self.sealed_hash, self.at_us)


@unique
class LogBreak(Enum):
    """What is wrong with an entry, or with the log as a whole. A closed list."""

    TOO_LONG = "the log has more entries than a hand-over can have"
    MALFORMED = "no entry of a log"
    UNCHAINED = "does not follow from the entry before it"
    BACKWARDS = "is older than the entry before it"
    OTHER_HEAD = "the log ends otherwise than its head says: it was cut, lengthened or changed"


@dataclass(frozen=True, slots=True)
class LogFault:
    """The first broken entry, counted from 0; the number of entries where all follow each other
    and yet do not lead to the head."""

    index: int
    what: LogBreak


class LogFull(Exception):
    """No more entries: a hand-over that takes so many tries has failed."""


def decode_entry(data: bytes) -> LogEntry:
    """Raises WireFault."""
    if len(data) != _LAYOUT.size:
        raise WireFault(f"an entry of a log has {_LAYOUT.size} bytes, not {len(data)}")
    version, previous, kind, sealed_hash, at_us = _LAYOUT.unpack(data)
    if version != VERSION or not 0 < at_us <= MAX_AT_US:
        raise WireFault("an entry of a log of an unknown version, or without a time")
    try:
        return LogEntry(previous, LogKind(kind), sealed_hash, at_us)
    except ValueError as error:
        raise WireFault("an entry of a log about something unknown") from error


def append(sale: bytes, log: Log, kind: LogKind, ciphertext: bytes, at_us: int) -> Log:
    """The log with one entry more; `log` is one's own. Raises LogFull.

    A clock that was set back does not make an honest log look forged: the time before is kept.
    """
    if len(log) >= MAX_LOG_ENTRIES:
        raise LogFull(f"a log of a hand-over has at most {MAX_LOG_ENTRIES} entries")
    last_us = decode_entry(log[-1]).at_us if log else 0
    hashed = sha256(ciphertext).digest()
    entry = LogEntry(head(sale, log), kind, hashed, max(at_us, last_us))
    return (*log, entry.encode())


def head(sale: bytes, log: Log) -> bytes:
    """What stands for the whole log, 32 bytes: HandedOver.log_head."""
    if not log:
        assert len(sale) == SALE_ID_BYTES
        return sha256(HEAD_TAG + sale).digest()
    return sha256(HEAD_TAG + log[-1]).digest()


def check(sale: bytes, log: Log, said: bytes) -> LogFault | None:
    """What is wrong first, if anything, with a log that is shown for this sale and whose head the
    agent said to be `said`."""
    if len(log) > MAX_LOG_ENTRIES:
        return LogFault(MAX_LOG_ENTRIES, LogBreak.TOO_LONG)
    before_us = 0
    for index, data in enumerate(log):
        try:
            entry = decode_entry(data)
        except WireFault:
            return LogFault(index, LogBreak.MALFORMED)
        if entry.previous != head(sale, log[:index]):
            return LogFault(index, LogBreak.UNCHAINED)
        if entry.at_us < before_us:
            return LogFault(index, LogBreak.BACKWARDS)
        before_us = entry.at_us
    return None if head(sale, log) == said else LogFault(len(log), LogBreak.OTHER_HEAD)


def places(log: Log, ciphertext: bytes) -> tuple[tuple[int, LogEntry], ...]:
    """Where a log that `check` found whole speaks of just this ciphertext: nowhere, if what is
    shown in a dispute is not what there was."""
    hashed = sha256(ciphertext).digest()
    entries = [(index, decode_entry(data)) for index, data in enumerate(log)]
    return tuple((index, entry) for index, entry in entries if entry.sealed_hash == hashed)
