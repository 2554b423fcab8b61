"""The accused, and which signatures in a file are surely its own (registry sections 8 and 9).

A file must not frame an honest registry. Whoever makes one chooses the record in it, so an old
record may stand there, and old keys may have been stolen. Hence: a key whose life is over, or that
was revoked, counts only for what a log or witnesses had seen before its end; and a record by a root
that the verifier knows to be replaced does not count at all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from proto.checkpoint import Checkpoint, cosignature_times_s, log_note_key
from proto.fraud.file import FraudProof, LoggedLeaf
from proto.fraud.verdict import FraudFault, FraudInvalid
from proto.keys import KeyCertificate
from proto.lateness import LONGEST_MMD_US
from proto.limits import US
from proto.log_leaf import LogLeaf, decision_of, read_leaf
from proto.log_tree import inclusion_holds
from proto.merkle import leaf_hash
from proto.note import Note, NoteKey, note_signed
from proto.registry_record import RegistryRecord, read_record
from proto.statement import (
    STATEMENT_KIND,
    DecisionLeaf,
    DecisionReason,
    SignedStatement,
    Statement,
)
from proto.tlog_proof import LogProof
from proto.wire import WireFault

WitnessesOf = Callable[[RegistryRecord], tuple[tuple[NoteKey, ...], int]]
"""Whose times count against a registry, and how many of them are needed; 0 = nobody's."""

MonitorsOf = Callable[[RegistryRecord], tuple[tuple[bytes, ...], int]]
"""The same for monitors: Ed25519 public keys."""

NOBODY: Final = 0


def record_witnesses(record: RegistryRecord) -> tuple[tuple[NoteKey, ...], int]:
    """Those that the record names, and at least as many as it waits for.

    Where it waits for half of them or fewer, those that it reached and those that somebody asked
    behind its back could be different ones: so many are needed that the two sets share one.
    """
    keys = tuple(witness.key for witness in record.witnesses)
    quorum = record.witness_quorum
    return keys, max(quorum, len(keys) - quorum + 1) if quorum else NOBODY


def no_monitors(_: RegistryRecord) -> tuple[tuple[bytes, ...], int]:
    """Nobody: a monitor convinces only whoever has named it."""
    return (), NOBODY


@dataclass(frozen=True, slots=True)
class Said:
    """A statement that the accused surely signed, and what it says."""

    statement: Statement
    decision: DecisionLeaf

    @property
    def is_epoch(self) -> bool:
        return self.decision.reason is DecisionReason.EPOCH


@dataclass(frozen=True, slots=True)
class Placed:
    """A leaf that the accused's log surely has at an index."""

    data: bytes
    leaf: LogLeaf
    index: int
    checkpoint: Checkpoint

    @property
    def origin(self) -> str:
        return self.checkpoint.origin


@dataclass(frozen=True, slots=True)
class Accused:
    """`record`: the file's, verified. `known`: the verifier's own, where it has one."""

    record: RegistryRecord
    known: RegistryRecord | None
    now_us: int
    witnesses_of: WitnessesOf
    monitors_of: MonitorsOf

    @property
    def newest(self) -> RegistryRecord:
        """Whose word on witnesses counts: the file's maker could have chosen an old record."""
        return self.known or self.record

    @property
    def mmd_us(self) -> int:
        """The longer of both promises; a record that allows itself more than anybody honest needs
        would make what was dated back timely by decree."""
        return min(max(self.record.mmd_us, self.newest.mmd_us), LONGEST_MMD_US)

    def said(self, signed: SignedStatement) -> Said:
        """A statement by a key that counts. FraudInvalid."""
        try:
            statement = Statement.decode(signed.statement)
            decision = decision_of(statement)
        except WireFault as fault:
            raise FraudInvalid(FraudFault.STATEMENT) from fault
        if statement.registry != self.record.registry:
            raise FraudInvalid(FraudFault.OTHER_REGISTRY)
        dead = False
        for proof in signed.proofs:
            certificates = [c for c in self.record.statement_keys if c.key == proof.key]
            if not certificates or not proof.proves(STATEMENT_KIND, signed.statement):
                continue
            end_us = self._end_us(certificates)
            if self.now_us <= end_us or self._was_logged(signed, statement, decision, end_us):
                return Said(statement, decision)
            dead = True
        raise FraudInvalid(FraudFault.DEAD_KEY if dead else FraudFault.SIGNATURE)

    def checkpoint(self, data: bytes) -> tuple[Checkpoint, Note]:
        """A checkpoint by a log key that counts. FraudInvalid."""
        try:
            note = Note.decode(data)
            checkpoint = Checkpoint.parse(note.text)
        except WireFault as fault:
            raise FraudInvalid(FraudFault.CHECKPOINT) from fault
        signers = [
            c
            for c in self.record.log_keys
            if note_signed(note, log_note_key(checkpoint.origin, c.key))
        ]
        if not signers:
            raise FraudInvalid(FraudFault.CHECKPOINT)
        ends = [self._end_us([c for c in signers if c.key == s.key]) for s in signers]
        if not any(self.now_us <= end or self._was_cosigned(note, end) for end in ends):
            raise FraudInvalid(FraudFault.DEAD_KEY)
        return checkpoint, note

    def placed(self, logged: LoggedLeaf) -> Placed:
        """A leaf in the accused's log. FraudInvalid."""
        checkpoint, _ = self.checkpoint(logged.checkpoint)
        try:
            leaf = read_leaf(logged.leaf)
        except WireFault as fault:
            raise FraudInvalid(FraudFault.LEAF) from fault
        if not inclusion_holds(
            leaf_hash(logged.leaf), logged.index, checkpoint.size, logged.path, checkpoint.root
        ):
            raise FraudInvalid(FraudFault.NOT_IN_LOG)
        return Placed(logged.leaf, leaf, logged.index, checkpoint)

    def _end_us(self, certificates: list[KeyCertificate]) -> int:
        key = certificates[0].key
        revoked = [r.revoked_from_us(key) for r in (self.record, self.newest)]
        return min(max(c.not_after_us for c in certificates), *revoked)

    def _was_logged(
        self, signed: SignedStatement, statement: Statement, said: DecisionLeaf, end_us: int
    ) -> bool:
        """Whether the log has this decision: then no thief of the statement key made it up."""
        # A fence is in the log whatever id somebody writes beside it.
        if statement.commit_id or said.decided_at_us > end_us:
            return False
        try:
            proof = LogProof.decode(signed.tlog_proof)
            placed = self.placed(
                LoggedLeaf(statement.leaf, proof.index, proof.path, proof.checkpoint)
            )
        except (WireFault, FraudInvalid):
            return False
        place = (statement.log_origin, statement.log_index)
        return place == (placed.origin, placed.index)

    def _was_cosigned(self, note: Note, end_us: int) -> bool:
        """Whether enough witnesses saw this checkpoint before its key's end."""
        keys, quorum = self.witnesses_of(self.newest)
        times_s = cosignature_times_s(note, keys).values()
        return quorum > NOBODY and sum(t * US <= end_us for t in times_s) >= quorum


def read_accused(
    proof: FraudProof,
    known: Mapping[bytes, RegistryRecord],
    now_us: int,
    witnesses_of: WitnessesOf,
    monitors_of: MonitorsOf,
) -> Accused:
    """Verifies the record in the file. FraudInvalid."""
    try:
        record = read_record(proof.record)
    except WireFault as fault:
        raise FraudInvalid(FraudFault.RECORD) from fault
    mine = known.get(record.registry)
    if mine is not None and record.roots[: len(mine.roots)] != mine.roots:
        raise FraudInvalid(FraudFault.REPLACED_ROOT)
    return Accused(record, mine, now_us, witnesses_of, monitors_of)
