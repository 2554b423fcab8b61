"""What becomes of a registry that is proven to cheat (registry section 8, fraud proofs).

A verified file ends the owner's trust for new promises, flags those that are open, and goes on to
the neighbours. The file comes from the owner, by gossip, or is made here: whoever is shown both a
commit and an abort certificate holds two statements that no honest registry signs.
"""

import logging
from collections import deque
from collections.abc import Iterable
from functools import partial
from typing import Final

import trio

from node.core.events import RegistryExposed
from node.core.rows import Incident, IncidentKind, Row, Transaction
from node.engine import Engine, StoreUnavailable
from node.terms import Book
from proto.adverts import FraudAdvert
from proto.certificate import AbortCertificate, CommitCertificate
from proto.descriptor import decode_descriptor
from proto.fraud.file import FraudProof, read_fraud_proof
from proto.fraud.verdict import FraudInvalid, FraudKind, Verdict
from proto.fraud.verify import verify_fraud
from proto.registry_record import read_record
from proto.statement import SignedStatement, Statement
from proto.wire import WireFault
from runtime.clock import Clock
from runtime.gossip import Gossip

log = logging.getLogger(__name__)

MAX_WAITING: Final = 64  # files not looked at yet: each costs some signatures, and none is urgent
MAX_EXPOSED: Final = 256  # strangers kept with their file: some 15 MB, what is accepted apart
FLAGS_AT_ONCE: Final = 256  # transactions in one group: payments go on in between
PAUSE_S: Final = 1.0  # before the store is tried again


class Unknown(Exception):
    """The file proves something of a registry that this node has no record of."""


class Exposer:
    """On trio. `hear` takes what gossip brings; `run` looks at it, and at what the core noted."""

    def __init__(self, engine: Engine, book: Book, gossip: Gossip, clock: Clock) -> None:
        self._engine = engine
        self._book = book
        self._gossip = gossip
        self._clock = clock
        self._waiting: deque[bytes] = deque(maxlen=MAX_WAITING)
        self._news = trio.Event()
        engine.listen(self._changed)

    def hear(self, advert: FraudAdvert) -> None:
        """A file from a neighbour; it is passed on once it has been verified here."""
        known = self._book.registries.get(advert.accused)
        if known is None or known.fraud == advert.data or not known.excusable:
            return
        settings = self._engine.memory.settings
        if advert.accused in settings.accepts or len(settings.exposed) < MAX_EXPOSED:
            self._put(advert.data)

    async def expose(self, data: bytes) -> Verdict:
        """Verifies a file and acts on it. WireFault, FraudInvalid, Unknown, StoreUnavailable.

        Once it returns the registry is dropped durably and open promises are flagged.
        """
        proof = read_fraud_proof(data)
        accused = read_record(proof.record).registry
        known = self._book.registries.get(accused)
        if known is None:
            raise Unknown(accused.hex())
        now_us = self._clock.now_us()
        records = self._engine.memory.settings.records
        verdict = verify_fraud(proof, now_us=now_us, known=records)
        if writes := self._book.expose(accused, data):
            log.error("registry %s is dropped: %s", known.record.name, verdict.kind.name)
            await self._engine.write(writes)
            # Crash here: it is dropped; the start flags what is open under it.
            self._engine.use_settings(self._book.settings())
            self._gossip.say([FraudAdvert(accused, data)], now_us)
        if known.exposed:
            await self._flag(accused, verdict.ground.value)
        return verdict

    async def run(self) -> None:
        """For ever. It begins with what a crash may have left undone."""
        for accused, known in list(self._book.registries.items()):
            if known.fraud:
                self._gossip.say([FraudAdvert(accused, known.fraud)], self._clock.now_us())
                self._put(known.fraud)
        self._changed(self._engine.memory.owned(Incident))
        while True:
            await self._news.wait()
            self._news = trio.Event()
            while self._waiting:
                # Taken out first: one more that comes meanwhile must not push out one unseen.
                await self._look_at(self._waiting.popleft())

    async def _look_at(self, data: bytes) -> None:
        while True:
            try:
                await self.expose(data)
            except (WireFault, FraudInvalid, Unknown) as fault:
                # Of a withholding or a back-dating our own witnesses may say less than others'.
                log.info("a fraud proof that proves nothing here: %s", fault)
            except StoreUnavailable:
                await trio.sleep(PAUSE_S)
                continue
            return

    def _put(self, data: bytes) -> None:
        if data not in self._waiting:
            self._waiting.append(data)
            self._news.set()

    async def _flag(self, accused: bytes, how: str) -> None:
        rows = self._engine.memory.rows.values()
        open_ones = [r.commit for r in rows if isinstance(r, Transaction) and _concerns(r, accused)]
        for start in range(0, len(open_ones), FLAGS_AT_ONCE):
            part = open_ones[start : start + FLAGS_AT_ONCE]
            await self._engine.ask(
                *(partial(RegistryExposed, commit=c, registry=accused, how=how) for c in part)
            )

    def _changed(self, rows: Iterable[Row]) -> None:
        """Both certificates of one transaction: the proof is at hand."""
        for row in rows:
            if isinstance(row, Incident) and row.kind is IncidentKind.CONTRADICTION:
                for data in self._contradictions(row):
                    self._put(data)

    def _contradictions(self, incident: Incident) -> list[bytes]:
        commit = CommitCertificate.decode(incident.evidence)
        row = self._engine.memory.row((Transaction.table, commit.commit_id, b""))
        if not isinstance(row, Transaction) or not row.abort_certificate:
            return []
        refused = {_by(s): s for s in AbortCertificate.decode(row.abort_certificate).statements}
        records = self._engine.memory.settings.records
        return [
            FraudProof(
                FraudKind.EQUIVOCATION, records[accused].signed, (statement, refused[accused])
            ).encode()
            for statement in commit.statements
            if (accused := _by(statement)) in refused and accused in records
        ]


def _by(signed: SignedStatement) -> bytes:
    return Statement.decode(signed.statement).registry


def _concerns(transaction: Transaction, accused: bytes) -> bool:
    return accused in decode_descriptor(transaction.descriptor).policy.members
