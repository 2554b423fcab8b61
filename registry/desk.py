"""The desk between the wires and the deciding thread: examine, queue, decide, sign.

gRPC and HTTP hand the same things in here and get the same answers back.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar

import trio
from sqlalchemy import Engine

from proto.descriptor import commit_id, decode_accepted
from proto.limits import US
from proto.v1 import registry_pb2 as rpb
from registry.answer_room import MAX_ANSWER_BYTES, fit, take
from registry.answers import answers_bytes, final_message
from registry.asks import (
    Ask,
    AskAnnounce,
    AskById,
    AskCommit,
    AskDecline,
    AskNothing,
    AskQuery,
)
from registry.calendar import Calendar
from registry.decider import Item, Unbound
from registry.examine import Examiner, examine_decline, read_subject
from registry.examine_frames import Findings, Verdict
from registry.examine_pool import ExaminerPool
from registry.examine_process import examine_commits
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
from runtime.away import run_away
from runtime.buckets import LOCAL

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

    @property
    def waits(self) -> bool:
        """Whether answers wait for more than the disk: for witnesses."""
        return self._release.reserved > 0

    async def answer(
        self, asks: Sequence[Ask], caller: str = LOCAL, *, wait: bool = True
    ) -> list[rpb.Answer]:
        """As `answer_bytes`, to be read by ourselves. `wait`: for witnesses too."""
        (written,) = await self.answer_calls([(asks, caller)], wait=wait)
        return [rpb.Answer.FromString(data) for data in written]

    async def answer_bytes(self, asks: Sequence[Ask], caller: str = LOCAL) -> list[bytes]:
        """Answers in item order, each serialised. One bad item never fails the others.

        `caller`: the part of the net that asks (`prefix_of`); its quota comes before all work.
        """
        return (await self.answer_calls([(asks, caller)]))[0]

    async def answer_calls(
        self, calls: Sequence[tuple[Sequence[Ask], str]], *, wait: bool = True
    ) -> list[list[bytes]]:
        """As `answer_bytes` for each (asks, caller), all examined, decided and signed together."""
        began_s = trio.current_time()
        taken: list[Ask | Refused] = []
        reserved: list[list[int]] = []
        for asks, caller in calls:
            some, rooms = take(asks, self._release.reserved)
            taken += self._quota.within(some, caller, _monotonic_us())
            reserved.append(rooms)
        settled = await self._settle(taken, [caller for asks, caller in calls for _ in asks])
        subjects = [_subject_of(ask) for asks, _ in calls for ask in asks]
        released, proofs = await self._release.finish(settled, wait=wait)
        start = 0
        for rooms in reserved:
            self._release.fit(released, proofs, start, rooms, MAX_ANSWER_BYTES)
            start += len(rooms)
        pairs = list(zip(subjects, released, strict=True))
        written = answers_bytes(pairs, self.signer, proofs)
        took_us = int((trio.current_time() - began_s) * US)
        fitting: list[list[bytes]] = []
        start = 0
        for rooms in reserved:
            end = start + len(rooms)
            if self._meter is not None:
                self._meter.answered(released[start:end], took_us)
            fitting.append(fit(written[start:end], subjects[start:end], rooms))
            start = end
        return fitting

    async def _settle(self, asks: Sequence[Ask | Refused], callers: Sequence[str]) -> list[Answer]:
        examined = await self._examine(asks)
        self._note_bad(examined, callers)
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
        answers, proofs = await self._release.finish(found)
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
        return await run_away(read, limiter=self._looking_up)

    @property
    def queue(self) -> int:
        """How many items wait for the deciding thread."""
        return MAX_WAITING_ITEMS - self._worker.room

    @property
    def silent_s(self) -> float:
        """For how long the database has let the deciding thread wait, s."""
        return self._worker.silent_s

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
            return [self._read(ask) for ask in asks]
        findings = await self._pool.examine(shown)
        if findings is None:
            work = partial(examine_commits, self._examiner, self._engine, shown)
            findings = await run_away(work, limiter=self._examining)
        found = iter(findings)
        return [
            _as_found(ask, next(found)) if isinstance(ask, AskCommit) else self._read(ask)
            for ask in asks
        ]

    def _read(self, ask: Ask | Refused) -> Examined:
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
                return self._examiner.commit(subject, ask.evidence, known=False)
            case AskDecline():
                return examine_decline(subject, ask.preimage)
            case AskQuery():
                return Query(subject)
            case AskAnnounce():
                return Announce(subject)

    def _note_bad(self, examined: Sequence[Examined], callers: Sequence[str]) -> None:
        for item, caller in zip(examined, callers, strict=True):
            if not isinstance(item, CommitShown) or item.satisfied:
                continue
            if self.calendar.holds(*item.subject.key):
                self._quota.spoil(caller, item.subject.commit_id)

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


def _subject_of(ask: Ask) -> bytes:
    match ask:
        case AskById():
            return ask.commit_id[:ID_BYTES]
        case AskNothing():
            return b""
        case _:
            return commit_id(ask.descriptor)
