"""The desk of a registrar: signed batches in, signed answers out, each effect once.

Whatever waits is done together: one transaction, one flush of the disk. What an answer tells of is
durable before it leaves, and the answer is kept with it, so that whoever asks again gets it again.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final, TypeVar

import trio

from node.registrar.books import Books, Rows
from node.registrar.core import Ran, ended, run
from node.registrar.court import Court, Evidence
from node.registrar.owner import is_claim, open_account
from node.registrar.pool_rows import Pool, PoolDecision
from node.registrar.rows import Leg
from node.registrar.step import House, Refused, Step
from node.registrar.tables import Answered
from proto.certificate import Certificate, CertificateInvalid
from proto.envelope import Envelope
from proto.escrow.batch import Asked, BatchReply, OpBatch, sign_reply
from proto.escrow.legs import sign_leg_promise
from proto.escrow.ops import Look, OpRefusal, RegistrarError, Settle
from proto.escrow.rights import sign_right
from proto.keys import SigningKey
from proto.limits import US
from proto.sale.contract import read_contract
from proto.sale.offer import read_agent_offer
from proto.sale.ops import Advertise, OpenPool, OpenVote
from proto.sale.promise import sign_pool_promise
from proto.sale.votes import read_vote, sign_rating
from proto.wire import WireFault
from runtime.away import run_away
from runtime.clock import Clock
from runtime.faults import StoreFailed, StoreFault

log = logging.getLogger(__name__)

T = TypeVar("T")

KEPT_US: Final = 30 * 86_400 * US  # answers are given again for so long; older questions are stale
MARGIN_US: Final = 2 * 86_400 * US  # a clock that is set back a little still finds its answers
AHEAD_US: Final = 300 * US  # by so much a sender's clock may be wrong
MAX_WAITING: Final = 512  # batches; some are done in a millisecond each
MAX_GROUP: Final = 128  # batches in one transaction: nobody waits for more than that of others
# A no that may become a yes by itself: it is not kept, so that the same question may be repeated.
PASSING: Final = frozenset({RegistrarError.NOT_YET, RegistrarError.QUOTA, RegistrarError.STALE})

SEE: Final = "see `pledgeway registrar pools`"


class Crowded(Exception):
    """Too much waits already; nothing was done."""


class Unsigned(Exception):
    """The signature of a batch does not prove it."""


@dataclass(frozen=True, slots=True)
class _Asked:
    envelope: Envelope
    asked: Asked


@dataclass(frozen=True, slots=True)
class _Act:
    """What the owner does."""

    act: Callable[[Step], object]


@dataclass(frozen=True, slots=True)
class _Tidy:
    """Removes what is too old to be asked about."""


_Work = _Asked | _Act | _Tidy | Certificate


@dataclass(slots=True)
class _Waiting:
    work: _Work
    done: trio.Event
    given: object = None


class Desk:
    """Used from trio; what it does on the database is done elsewhere, one group at a time."""

    def __init__(
        self,
        books: Books,
        key: SigningKey,
        clock: Clock,
        evidence: Callable[[], Evidence],
        told: Callable[[Sequence[Leg]], None],
        claimed: Callable[[Sequence[Pool]], None] | None = None,
    ) -> None:
        """`evidence` is asked on trio, for each group; `told` hears of every leg that changed, and
        `claimed` of pools about which a registry signed both ways."""
        self._books = books
        self._key = key
        self._clock = clock
        self._evidence = evidence
        self._told = told
        self._claimed = claimed
        self._claims: list[Pool] = []  # of the group that was done last
        self._waiting: deque[_Waiting] = deque()
        self._wake = trio.Event()
        self._one = trio.CapacityLimiter(1)
        self.batches = self.groups = 0

    @property
    def node(self) -> bytes:
        return self._key.node_id

    # ------------------------------------------------------------------ what is asked of it

    async def answer(self, envelope: Envelope, asked: Asked) -> bytes:
        """The signed reply to a batch. Crowded, Unsigned, StoreFailed."""
        if len(self._waiting) >= MAX_WAITING:
            raise Crowded
        given = await self._done(_Asked(envelope, asked))
        assert isinstance(given, bytes)
        return given

    async def settle(self, certificate: Certificate) -> None:
        """Applies a decision that this node has found by itself. Refused, StoreFailed."""
        await self._done(certificate)

    async def act(self, act: Callable[[Step], T]) -> T:
        """Does something for the owner. Refused, StoreFailed."""
        return await self._done(_Act(act))  # type: ignore[return-value]

    async def prune(self) -> int:
        """Forgets what nobody can ask about any more; how many rows. StoreFailed."""
        given = await self._done(_Tidy())
        assert isinstance(given, int)
        return given

    async def _done(self, work: _Work) -> object:
        waiting = _Waiting(work, trio.Event())
        self._waiting.append(waiting)
        self._wake.set()
        await waiting.done.wait()
        if isinstance(waiting.given, BaseException):
            raise waiting.given
        return waiting.given

    # ------------------------------------------------------------------ how it is done

    async def run(self) -> None:
        """Until cancelled. What is under way then is done, and nobody is told."""
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            while self._waiting:
                count = min(len(self._waiting), MAX_GROUP)
                group = [self._waiting.popleft() for _ in range(count)]
                await self._group(group)

    async def _group(self, group: Sequence[_Waiting]) -> None:
        now_us = self._clock.now_us()
        court = Court(self._evidence(), now_us)
        works = [waiting.work for waiting in group]
        given: Sequence[object]
        try:
            given, legs = await run_away(self._perform, works, court, now_us, limiter=self._one)
            self._told(legs)
            if self._claims and self._claimed is not None:
                self._claimed(self._claims)
            self.groups += 1
            self.batches += len(group)
        except StoreFailed as failed:
            log.warning("nothing was done: %s", failed)
            if failed.kind is StoreFault.SERIALISATION and len(group) > 1:
                for one in group:  # one of them may be at fault, and the others not
                    await self._group([one])
                return
            given = [failed] * len(group)
        for waiting, outcome in zip(group, given, strict=True):
            waiting.given = outcome
            waiting.done.set()

    def _perform(
        self, works: Sequence[_Work], court: Court, now_us: int
    ) -> tuple[list[object], list[Leg]]:
        house = House(
            self._key.node_id,
            lambda promise: sign_leg_promise(self._key, promise),
            lambda right: sign_right(self._key, right),
            lambda promise: sign_pool_promise(self._key, promise),
            lambda rating: sign_rating(self._key, rating),
            court.judge,
            court.dominates,
        )
        # Signatures before the transaction: nobody else's rows wait for them.
        proven = [not isinstance(w, _Asked) or _is_proven(w) for w in works]
        certificates = [c for w, p in zip(works, proven, strict=True) if p for c in _shown(w)]
        if certificates:
            _prejudge(self._books, certificates, court, now_us)
        for work, ok in zip(works, proven, strict=True):
            if ok:
                _look_ahead(work)

        def all_of_them(rows: Rows) -> list[object]:
            given = [
                self._one_of_them(rows, house, work, now_us) if ok else Unsigned()
                for work, ok in zip(works, proven, strict=True)
            ]
            self._claims = [pool for pool in rows.changed_pools if pool.claimed]
            return given

        done = self._books.perform(all_of_them)
        for pool in self._claims:
            log.warning("pool %s: a registry signed both ways: %s", pool.id.hex()[:8], SEE)
        return done

    def _one_of_them(self, rows: Rows, house: House, work: _Work, now_us: int) -> object:
        match work:
            case _Asked():
                return self._batch(rows, house, work, now_us)
            case _Act(act):
                step = Step(rows, house, house.node, now_us)
                try:
                    given = act(step)
                except Refused as refused:
                    return refused
                rows.absorb(ended(step))
                return given
            case _Tidy():
                return rows.prune(now_us - KEPT_US - MARGIN_US, now_us - MARGIN_US)
            case certificate:
                ran = run(rows, house, house.node, (Settle(certificate),), now_us)
                rows.absorb(ran)
                no = ran.refusal
                return None if no is None else Refused(no.error, no.figure)

    def _batch(self, rows: Rows, house: House, work: _Asked, now_us: int) -> bytes:
        asked = work.asked
        digest = sha256(work.envelope.kind.encode() + b"\0" + work.envelope.payload).digest()
        known = rows.find(Answered, (asked.sender, asked.id))
        if known is not None:
            if known.digest == digest:
                return known.answer
            return self._signed(asked, _no(RegistrarError.REPEATED_OTHERWISE))
        age_us = now_us - asked.sent_at_us
        if not -AHEAD_US <= age_us <= KEPT_US:
            off_us = age_us - KEPT_US if age_us > 0 else -age_us - AHEAD_US
            return self._signed(asked, _no(RegistrarError.STALE, off_us))
        ran = _run(rows, house, asked, now_us)
        rows.absorb(ran)
        answer = self._signed(asked, ran)
        # Of passers-by nothing is kept that has changed nothing: they would fill the disk.
        passing = ran.refusal is not None and ran.refusal.error in PASSING
        if ran.changes or ran.gone or (ran.known and not passing and not _only_looks(asked)):
            rows.put(Answered(asked.sender, asked.id, digest, answer, asked.sent_at_us))
        return answer

    def _signed(self, asked: Asked, ran: Ran) -> bytes:
        node = self._key.node_id
        reply = BatchReply(node, asked.sender, asked.id, ran.results, ran.refusal)
        return sign_reply(self._key, reply)


def _is_proven(work: _Asked) -> bool:
    envelope = work.envelope
    return envelope.signer == work.asked.sender and envelope.proof.proves(
        envelope.kind, envelope.payload
    )


def _only_looks(asked: Asked) -> bool:
    """Whoever looks every second does not want to be told in a month what he saw today."""
    return isinstance(asked, OpBatch) and all(isinstance(op, Look) for op in asked.ops)


def _no(error: RegistrarError, figure: int = 0) -> Ran:
    return Ran(refusal=OpRefusal(0, error, figure))


def _run(rows: Rows, house: House, asked: Asked, now_us: int) -> Ran:
    if isinstance(asked, OpBatch):
        return run(rows, house, asked.sender, asked.ops, now_us)
    step = Step(rows, house, asked.sender, now_us)
    try:
        results = open_account(step, asked)
    except Refused as no:
        return _no(no.error, no.figure)
    return replace(ended(step, *results), known=True)


def _shown(work: _Work) -> list[Certificate]:
    if isinstance(work, _Asked):
        ops = work.asked.ops if isinstance(work.asked, OpBatch) else ()
        return [op.certificate for op in ops if isinstance(op, Settle)]
    return [] if isinstance(work, _Act | _Tidy) else [work]


def _look_ahead(work: _Work) -> None:
    """Verifies signed documents in the ops of a batch; what was read is remembered by its reader.
    One that proves nothing will be told so."""
    ops = work.asked.ops if isinstance(work, _Asked) and isinstance(work.asked, OpBatch) else ()
    for op in ops:
        try:
            match op:
                case OpenPool():
                    read_contract(op.contract)
                case OpenVote():
                    read_vote(op.vote)
                case Advertise():
                    read_agent_offer(op.offer)
        except WireFault:
            continue


def _prejudge(books: Books, shown: Sequence[Certificate], court: Court, now_us: int) -> None:
    """Verifies what is about a leg or a pool of ours, and nothing else: it costs."""

    def of_us(rows: Rows) -> list[Certificate]:
        found = (
            (c, rows.legs_of(c.commit_id) or rows.find(PoolDecision, (c.commit_id,))) for c in shown
        )
        return [certificate for certificate, ours in found if ours]

    ours, _ = books.perform(of_us)
    for certificate in ours:
        try:
            court.judge(certificate, now_us)
        except CertificateInvalid:
            continue  # it will be told so


def claims(legs: Sequence[Leg]) -> list[Leg]:
    """Those of them that the operator has to see to."""
    return [leg for leg in legs if is_claim(leg)]
