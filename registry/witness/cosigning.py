"""One add-checkpoint request from bytes to cosignature; and what was cosigned before.

Called in worker threads, several at a time. The database puts them in order: the old size is
compared, and the new checkpoint written, in one transaction that nobody else writes beside.
"""

from dataclasses import dataclass
from threading import Lock

from proto.checkpoint import Checkpoint, cosign, read_checkpoint
from proto.keys import SigningKey
from proto.limits import US
from proto.note import Note, NoteSignature
from proto.wire import WireFault
from registry.witness.evidence import EvidenceShelf
from registry.witness.rule import (
    ClockLook,
    Refusal,
    Refused,
    Request,
    Seen,
    judge,
    read_request,
)
from registry.witness.store import MAX_SHARDS, Cosigned, Latest, reading, writing
from registry.witness.trust import TrustedLog, TrustedLogs
from runtime.clock import Clock
from runtime.store import Store


@dataclass(frozen=True, slots=True)
class Given:
    """A cosignature line (C2SP signed-note), with its newline."""

    line: str


@dataclass(frozen=True, slots=True)
class _Offer:
    """What a request offers, once a key of its log has signed it."""

    log: TrustedLog
    request: Request
    checkpoint: Checkpoint
    note: bytes  # with the signatures of the log's own keys, and nobody else's


class Pace:
    """New checkpoints of one log in a second: `per_s`, and as many at once. Thread-safe."""

    def __init__(self, per_s: int) -> None:
        self._per_s = per_s
        self._lock = Lock()
        self._left: dict[str, tuple[int, int]] = {}  # millionths of a turn left, at µs

    def allows(self, origin: str, now_us: int) -> bool:
        """Takes one turn, if there is one. `now_us`: monotonic."""
        most = self._per_s * US
        with self._lock:
            left, at_us = self._left.get(origin, (most, now_us))
            left = min(most, left + (now_us - at_us) * self._per_s)
            allowed = left >= US
            self._left[origin] = (left - US if allowed else left, now_us)
            return allowed


class Cosigner:
    """The witness itself: one key, one store."""

    def __init__(
        self,
        store: Store,
        logs: TrustedLogs,
        clock: Clock,
        max_error_us: int,
        name: str,
        key: SigningKey,
        evidence: EvidenceShelf,
        pace: Pace,
    ) -> None:
        self._store = store
        self._logs = logs
        self._clock = clock
        self._max_error_us = max_error_us
        self._name = name
        self._key = key
        self._evidence = evidence
        self._pace = pace

    def add(self, body: bytes) -> Given | Refusal:
        """Answers an add-checkpoint request. Blocks on the disk."""
        offer = self._read(body)
        if isinstance(offer, Refusal):
            return offer
        # A look without the lock: what will be refused costs nobody a turn.
        with reading(self._store) as latest:
            before, judged = self._judge(latest, offer)
        if not isinstance(judged, Refusal) and not _repeats(before, offer, judged):
            if not self._pace.allows(offer.checkpoint.origin, self._clock.monotonic_us()):
                return Refusal(Refused.TOO_OFTEN, _size(before))
            with writing(self._store) as latest:
                before, judged = self._judge(latest, offer)
                if not isinstance(judged, Refusal):
                    seen = Seen(offer.checkpoint, judged)
                    latest.put(offer.log.record.log_origin, Cosigned(seen, offer.note))
            # Crash here: it is ours now, and the log was not told. It asks again with the old
            # size, hears 409 with the new one, and asks for the same checkpoint from there.
        if isinstance(judged, Refusal):
            self._keep_evidence(offer, before, judged)
            return judged
        return Given(self._cosigned(Note.decode(offer.note), judged).line())

    def newest(self, origin_hash: bytes) -> bytes | None:
        """The newest note cosigned of this origin, with our cosignature; None: never any."""
        with reading(self._store) as latest:
            found = latest.by_hash(origin_hash)
        if found is None:
            return None
        note = Note.decode(found.note)
        return note.with_signatures([self._cosigned(note, found.seen.time_s)]).encode()

    def look(self) -> tuple[list[Cosigned], ClockLook]:
        """Everything cosigned last, and the clock."""
        with reading(self._store) as latest:
            return latest.all(), self._clock_look(latest)

    def _read(self, body: bytes) -> _Offer | Refusal:
        try:
            request = read_request(body)
            note = Note.decode(request.note)
            origin = Checkpoint.parse(note.text).origin
        except WireFault:
            return Refusal(Refused.MALFORMED)
        log = self._logs.find(origin)
        if log is None:
            return Refusal(Refused.UNKNOWN_LOG)
        signed: list[NoteSignature] = []
        checkpoint = None
        for key in log.keys(origin, self._clock.now_us()):
            try:
                checkpoint, _ = read_checkpoint(request.note, key)
            except WireFault:
                continue  # another key of the log may have signed it
            signed += [s for s in note.signatures if s.claims(key)]
        if checkpoint is None:
            return Refusal(Refused.UNKNOWN_KEY, prefix=log.record.log_origin)
        return _Offer(log, request, checkpoint, Note(note.text, tuple(signed)).encode())

    def _judge(self, latest: Latest, offer: _Offer) -> tuple[Cosigned | None, int | Refusal]:
        found = latest.of(offer.checkpoint.origin)
        if found is None and latest.shards(offer.log.record.log_origin) >= MAX_SHARDS:
            return None, Refusal(Refused.TOO_MANY_SHARDS)
        seen = None if found is None else found.seen
        request = offer.request
        judged = judge(
            seen, request.old_size, request.proof, offer.checkpoint, self._clock_look(latest)
        )
        return found, judged

    def _clock_look(self, latest: Latest) -> ClockLook:
        clock = self._clock
        return ClockLook(clock.now_us(), clock.error_us(), self._max_error_us, latest.mark_s())

    def _keep_evidence(self, offer: _Offer, before: Cosigned | None, refusal: Refusal) -> None:
        if before is None:
            return
        if refusal.reason is Refused.OTHER_ROOT:
            self._evidence.keep_split(offer.log.record, before.note, offer.note)
        elif refusal.reason is Refused.UNPROVEN:
            self._evidence.keep_unproven(offer.log.record, before.note, offer.note)

    def _cosigned(self, note: Note, time_s: int) -> NoteSignature:
        """Ed25519 is deterministic: the same row gives the same line, however often it is asked."""
        return cosign(note, self._name, self._key, time_s)


def _repeats(before: Cosigned | None, offer: _Offer, time_s: int) -> bool:
    """Whether exactly this was cosigned in this very second: it is durable already."""
    return before == Cosigned(Seen(offer.checkpoint, time_s), offer.note)


def _size(before: Cosigned | None) -> int:
    return 0 if before is None else before.checkpoint.size
