"""The desk between the wires and the deciding thread: examine, queue, decide, sign.

gRPC and HTTP hand the same things in here and get the same answers back.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final, TypeVar

import trio
from sqlalchemy import Engine

from proto.descriptor import commit_id, decode_accepted
from proto.limits import US
from proto.v1 import registry_pb2 as rpb
from registry.answers import answers_bytes, final_message, refusal_bytes
from registry.asks import (
    Ask,
    AskAnnounce,
    AskById,
    AskCommit,
    AskDecline,
    AskNothing,
    AskQuery,
)
from registry.buckets import LOCAL
from registry.calendar import Calendar
from registry.decider import Item, Unbound
from registry.examine import Examiner, examine_decline, read_subject
from registry.examine_frames import Findings, Verdict
from registry.examine_pool import ExaminerPool
from registry.hub import Hub
from registry.log import (
    Announce,
    Answer,
    CommitShown,
    Logged,
    Pause,
    Query,
    Reason,
    Refused,
    Subject,
)
from registry.meter import Meter
from registry.publishing.release import Release
from registry.quota import Quota
from registry.signer import Signer
from registry.store import LedgerReader
from registry.worker import MAX_WAITING_ITEMS, DecisionWorker

MAX_ITEMS: Final = 256  # registry 6: a frame of them is what one group commit digests at once
MAX_ANSWER_BYTES: Final = 1 << 20  # registry 6; the transport's limit lies a little above
PROOF_FRAMING: Final = 8  # tag and length of a proof, and what it adds to those around it
ANSWER_ROOM: Final = 1024  # statement, signature with its path, framing; without the Commit
SHED_ABOVE: Final = MAX_WAITING_ITEMS // 2  # the other half of the queue is for the announced
ID_BYTES: Final = 32
INLINE_COMMITS: Final = 8  # checked sooner than a thread is reached and a database asked
EXAMINERS: Final = 1  # a second thread gains nothing while signatures share one interpreter
LOOKERS: Final = 2  # archive readers; they never stand in the way of an examination

T = TypeVar("T")

Examined = Item | Refused


class Desk:
    """Owned by trio. `reads` is the engine of reading connections."""

    def __init__(
        self,
        worker: DecisionWorker,
        engine: Engine,
        examiner: Examiner,
        signer: Signer,
        calendar: Calendar,
        pool: ExaminerPool,
        quota: Quota,
        release: Release,
        meter: Meter | None = None,
    ) -> None:
        self._meter = meter
        self._worker = worker
        self._engine = engine
        self._examiner = examiner
        self._pool = pool
        self.signer = signer
        self.calendar = calendar
        self._quota = quota
        self._release = release
        self._examining = trio.CapacityLimiter(EXAMINERS)
        self._looking_up = trio.CapacityLimiter(LOOKERS)

    async def answer(self, asks: Sequence[Ask], caller: str = LOCAL) -> list[rpb.Answer]:
        """As `answer_bytes`, to be read by ourselves."""
        return [rpb.Answer.FromString(data) for data in await self.answer_bytes(asks, caller)]

    async def answer_bytes(self, asks: Sequence[Ask], caller: str = LOCAL) -> list[bytes]:
        """Answers in item order, each serialised. One bad item never fails the others.

        `caller`: the part of the net that asks (`prefix_of`); its quota comes before all work.
        """
        return (await self.answer_calls([(asks, caller)]))[0]

    async def answer_calls(self, calls: Sequence[tuple[Sequence[Ask], str]]) -> list[list[bytes]]:
        """As `answer_bytes` for each (asks, caller), all examined, decided and signed together."""
        began_s = trio.current_time()
        taken: list[Ask | Refused] = []
        reserved: list[list[int]] = []
        for asks, caller in calls:
            some, rooms = _take(asks, self._release.reserved)
            taken += self._quota.within(some, caller, _monotonic_us())
            reserved.append(rooms)
        settled = await self._settle(taken, [caller for asks, caller in calls for _ in asks])
        subjects = [_subject_of(ask) for asks, _ in calls for ask in asks]
        # No call's proofs take more than it has room for: those of all take no more.
        spare = min((MAX_ANSWER_BYTES - sum(rooms) for rooms in reserved), default=0)
        released, proofs = await self._release.finish(settled, spare)
        written = answers_bytes(list(zip(subjects, released, strict=True)), self.signer, proofs)
        took_us = int((trio.current_time() - began_s) * US)
        fitting: list[list[bytes]] = []
        start = 0
        for rooms in reserved:
            end = start + len(rooms)
            for at in range(start, end):
                if proof := proofs.get(at):
                    rooms[at - start] += len(proof) + PROOF_FRAMING
            if self._meter is not None:
                self._meter.answered(released[start:end], took_us)
            fitting.append(_fit(written[start:end], subjects[start:end], rooms))
            start = end
        return fitting

    async def _settle(self, asks: Sequence[Ask | Refused], callers: Sequence[str]) -> list[Answer]:
        examined = await self._examine(asks)
        shed = [item if self._has_room(item) else _TOO_BUSY for item in examined]
        items = [item for item in shed if not isinstance(item, Refused)]
        answers = iter(await self._worker.answer(items))
        return [
            item if isinstance(item, Refused) else self._admit(item, next(answers), caller)
            for item, caller in zip(shed, callers, strict=True)
        ]

    async def released(self, found: Sequence[Logged]) -> list[rpb.Answer] | Refused:
        """Decisions that were found by their archive id, each with its log proof if it has one.

        Refused where this registry gives no statement without its proof, and one has none yet.
        """
        answers, proofs = await self._release.finish(found, MAX_ANSWER_BYTES)
        released = []
        for at, answer in enumerate(answers):
            match answer:
                case Logged():
                    released.append(final_message(answer, self.signer, proofs.get(at)))
                case Refused():
                    return answer
                case Pause():
                    raise AssertionError("a decision does not become undecided")
        return released

    async def find(self, uuid: bytes) -> list[Logged]:
        """All decisions with an archive id (16 bytes) that the archive index knows by now."""
        return await self.look_up(partial(self._find, uuid))

    async def look_up(self, read: Callable[[], T]) -> T:
        """Runs what only reads in a thread; never many at once, so that decisions come first."""
        return await trio.to_thread.run_sync(read, limiter=self._looking_up)

    @property
    def queue(self) -> int:
        """How many items wait for the deciding thread."""
        return MAX_WAITING_ITEMS - self._worker.room

    def _find(self, uuid: bytes) -> list[Logged]:
        with self._engine.connect() as connection:
            return LedgerReader(connection).by_uuid(uuid)

    async def ask_unbound(self, subject: bytes) -> Answer:
        """What is known about an id, the newest decisions included."""
        if not self._has_room(Unbound(subject)):
            return _TOO_BUSY
        return (await self._worker.answer([Unbound(subject)]))[0]

    async def _examine(self, asks: Sequence[Ask | Refused]) -> list[Examined]:
        shown = [(ask.descriptor, ask.evidence) for ask in asks if isinstance(ask, AskCommit)]
        if len(shown) <= INLINE_COMMITS:
            return [self._read(ask, ()) for ask in asks]
        if (findings := await self._pool.examine(shown)) is None:
            return await trio.to_thread.run_sync(self._examine_all, asks, limiter=self._examining)
        found = iter(findings)
        return [
            _as_found(ask, next(found)) if isinstance(ask, AskCommit) else self._read(ask, ())
            for ask in asks
        ]

    def _examine_all(self, asks: Sequence[Ask | Refused]) -> list[Examined]:
        """In a thread. What is decided already is looked up first: it costs no signature."""
        subjects = [read_subject(ask.descriptor) for ask in asks if isinstance(ask, AskCommit)]
        keys = [subject.key for subject in subjects if isinstance(subject, Subject)]
        with self._engine.connect() as connection:
            known = {key[1] for key in LedgerReader(connection).find(keys)}
        return [self._read(ask, known) for ask in asks]

    def _read(self, ask: Ask | Refused, known: Iterable[bytes]) -> Examined:
        match ask:
            case Refused():
                return ask
            case AskNothing():
                return Refused(Reason.INVALID_DESCRIPTOR)
            case AskById():
                valid = len(ask.commit_id) == ID_BYTES
                return Unbound(ask.commit_id) if valid else Refused(Reason.INVALID_DESCRIPTOR)
        subject = read_subject(ask.descriptor)
        if isinstance(subject, Refused):
            return subject
        match ask:
            case AskCommit():
                return self._examiner.commit(subject, ask.evidence, subject.commit_id in known)
            case AskDecline():
                return examine_decline(subject, ask.preimage)
            case AskQuery():
                return Query(subject)
            case AskAnnounce():
                return Announce(subject)

    def _has_room(self, item: Examined) -> bool:
        # Whoever was admitted is never rate limited, nor what another member has accepted: shedding
        # that would split the collective.
        if isinstance(item, CommitShown) and (
            item.relayed or self.calendar.holds(*item.subject.key)
        ):
            return True
        return self._worker.room > SHED_ABOVE

    def _admit(self, item: Item, answer: Answer, caller: str) -> Answer:
        if not isinstance(item, Announce) or not isinstance(answer, Pause):
            return answer
        key = item.subject.key
        if self.calendar.holds(*key):
            return answer
        if not self._quota.may_keep(caller, key[0], answer.as_of_us, _monotonic_us()):
            return Refused(Reason.OVER_QUOTA)
        if self.calendar.reserve(item.subject.kept):
            return answer
        return Refused(Reason.OVER_QUOTA)


def _monotonic_us() -> int:
    return round(trio.current_time() * US)


def spread(hub: Hub, calendar: Calendar, decisions: Sequence[Logged]) -> None:
    """Called on trio for everything that was just decided or looked up."""
    for logged in decisions:
        calendar.release(*logged.row.key)
        hub.ring(logged.row.leaf.commit_id)


def _as_found(ask: AskCommit, found: Findings) -> Examined:
    """An examining process has read the descriptor, checked it, and looked for its row."""
    if found.verdict is Verdict.INVALID:
        return Refused(Reason.INVALID_DESCRIPTOR)
    subject = Subject(commit_id(ask.descriptor), decode_accepted(ask.descriptor), ask.descriptor)
    satisfied = found.verdict is Verdict.SATISFIED
    return CommitShown(subject, ask.evidence, satisfied, found.relayed)


_TOO_BUSY: Final = Refused(Reason.OVER_QUOTA)


def _take(asks: Sequence[Ask], proof_room: int) -> tuple[list[Ask | Refused], list[int]]:
    """What of a request is worked on, and how many bytes of answer each item has for itself."""
    taken: list[Ask | Refused] = []
    reserved: list[int] = []
    total = 0
    for position, ask in enumerate(asks):
        room = ANSWER_ROOM + proof_room
        if isinstance(ask, AskCommit):
            room += len(ask.descriptor) + len(ask.evidence)
        if position < MAX_ITEMS and total + room <= MAX_ANSWER_BYTES:
            total += room
            taken.append(ask)
            reserved.append(room)
        else:
            taken.append(Refused(Reason.OVER_QUOTA, MAX_ITEMS))
            reserved.append(0)
    return taken, reserved


def _fit(
    answers: Sequence[bytes], subjects: Sequence[bytes], reserved: Sequence[int]
) -> list[bytes]:
    """Stored commits larger than their item's room give way where the whole would be too big.

    What this call decided always fits: its Commit came with the call. So OVER_QUOTA here is the
    truth as well: nothing changed, ask again in a smaller batch.
    """
    spare = MAX_ANSWER_BYTES - sum(reserved)
    fitting: list[bytes] = []
    for answer, subject, room in zip(answers, subjects, reserved, strict=True):
        excess = len(answer) - room if room else 0
        if excess > spare:
            fitting.append(refusal_bytes(subject, _TOO_BUSY))
            continue
        spare -= max(0, excess)
        fitting.append(answer)
    return fitting


def _subject_of(ask: Ask) -> bytes:
    match ask:
        case AskById():
            return ask.commit_id[:ID_BYTES]
        case AskNothing():
            return b""
        case _:
            return commit_id(ask.descriptor)
