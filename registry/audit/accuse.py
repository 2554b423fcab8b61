"""From findings to fraud files: gathers what each kind needs, and believes no file unverified."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from proto.fraud.accused import Accused
from proto.fraud.file import MAX_FRAUD_BYTES, FraudProof, LoggedLeaf, PrefixProof, SignedObservation
from proto.fraud.verdict import FraudInvalid, FraudKind, Verdict
from proto.fraud.verify import verify_fraud
from proto.merkle import leaf_hash
from proto.statement import DecisionLeaf, SignedStatement
from proto.wire import WireFault
from registry.audit.monitoring import counting
from registry.audit.replay import Finding, Seen, Wrong
from registry.audit.source import Source, SourceFault, entry_tiles
from registry.audit.statements import Held
from registry.tlog import TILE_WIDTH, TreeReader, consistency_proof, inclusion_proof


@dataclass(frozen=True, slots=True)
class Shown:
    """One log as a source shows it: the size and the note that its tiles belong to."""

    source: Source
    shard: int
    size: int
    note: bytes

    def leaf(self, index: int) -> bytes:
        """SourceFault."""
        tile = index // TILE_WIDTH
        width = min(TILE_WIDTH, self.size - tile * TILE_WIDTH)
        return self.source.entries(self.shard, tile, width)[index % TILE_WIDTH]

    def read_tile(self, level: int, index: int, width: int) -> bytes:
        """SourceFault."""
        return self.source.tile(self.shard, level, index, width)

    def logged(self, index: int) -> LoggedLeaf:
        """A leaf with its proof. SourceFault."""
        path = inclusion_proof(index, self.size, self.read_tile)
        return LoggedLeaf(self.leaf(index), index, tuple(path), self.note)


@dataclass(frozen=True, slots=True)
class Accuser:
    """`logs`: by shard, as the audited source shows them; `seen`: other checkpoints, by shard."""

    accused: Accused
    logs: dict[int, Shown] = field(default_factory=dict)
    seen: dict[int, list[Seen]] = field(default_factory=dict)

    def file_of(self, finding: Finding) -> tuple[bytes, Verdict] | None:
        """The fraud file of a finding in the log, and its verdict; None where none can show it."""
        try:
            proof = self._proof(finding)
        except (SourceFault, WireFault):
            return None
        return self._checked(proof)

    def two_answers(self, one: Held, other: Held) -> tuple[bytes, Verdict] | None:
        """E1."""
        return self._checked(
            self._new(FraudKind.EQUIVOCATION, statements=(one.signed, other.signed))
        )

    def invalid(self, held: Held) -> tuple[bytes, Verdict] | None:
        """E2: what it was decided on does not bear it. None: it does, or nobody can tell."""
        kind, more = FraudKind.INVALID_DECISION, (held.descriptor, held.evidence)
        proof = self._new(kind, statements=(held.signed,), descriptor=more[0], evidence=more[1])
        return self._checked(proof)

    def differs(self, held: Held, shown: Shown) -> tuple[bytes, Verdict] | None:
        """E3: the log has something else where the statement says it stands."""
        try:
            leaf = shown.logged(held.place[1])
        except SourceFault:
            return None
        proof = self._new(FraudKind.ANSWER_DIFFERS, statements=(held.signed,), leaves=(leaf,))
        return self._checked(proof)

    def withheld(self, held: Held, shard: int) -> tuple[bytes, Verdict] | None:
        """E7: a checkpoint that witnesses saw too late lacks the entry."""
        for seen in self._lacking(shard, held.place[1]):
            kind = FraudKind.WITHHOLDING
            proof = self._new(kind, statements=(held.signed,), checkpoints=(seen.note,))
            found = self._checked(proof)
            if found is not None:
                return found
        return None

    def silent(
        self, held: Held, words: Sequence[SignedObservation]
    ) -> tuple[bytes, Verdict] | None:
        """E7: a quorum of monitors saw no more of the log than lacks the entry."""
        due_us = held.said.decision.decided_at_us + self.accused.mmd_us
        chosen = counting(self.accused, words, *held.place, due_us)
        if not chosen:
            return None
        kind = FraudKind.WITHHOLDING
        return self._checked(self._new(kind, statements=(held.signed,), observations=chosen))

    def split(self, shard: int, seen: Seen) -> tuple[bytes, Verdict] | None:
        """E4: another checkpoint of this size, or of an earlier one that this log does not have."""
        shown = self.logs[shard]
        if seen.size == shown.size:
            notes = (shown.note, seen.note)
            return self._checked(self._new(FraudKind.SPLIT_VIEW, checkpoints=notes))
        try:
            return self._checked(self._other_past(shown, seen))
        except SourceFault:
            return None

    def two_copies(self, shard: int, other: Shown) -> tuple[bytes, Verdict] | None:
        """E4: the first leaf in which two copies of a log differ."""
        shown = self.logs[shard]
        try:
            index = first_difference(shown, other)
            if index is None:
                return None
            leaves = (shown.logged(index), other.logged(index))
        except SourceFault:
            return None
        return self._checked(self._new(FraudKind.SPLIT_VIEW, leaves=leaves))

    def _other_past(self, shown: Shown, seen: Seen) -> FraudProof:
        read = shown.read_tile
        path = consistency_proof(seen.size, shown.size, read)
        prefix = PrefixProof(TreeReader(shown.size, read).root(0, seen.size), tuple(path))
        notes = (seen.note, shown.note)
        return self._new(FraudKind.SPLIT_VIEW, checkpoints=notes, prefix=prefix)

    def _proof(self, finding: Finding) -> FraudProof | None:
        shown = self.logs[finding.shard]
        match finding.wrong:
            case Wrong.TWICE | Wrong.BEHIND_FENCE:
                assert finding.before is not None
                before = self.logs[finding.before[0]].logged(finding.before[1])
                leaves = (before, shown.logged(finding.index))
                return self._new(FraudKind.DOUBLE_LEAF, leaves=leaves)
            case Wrong.LATE_COMMIT:
                # An entry bears no signature of the statement key: its answer does.
                data = shown.source.statement(_commit_id(shown.leaf(finding.index)))
                if data is not None:
                    signed = SignedStatement.decode(data)
                    return self._new(FraudKind.INVALID_DECISION, statements=(signed,))
            case Wrong.BACK_DATED:
                leaf = shown.logged(finding.index)
                for seen in self._lacking(finding.shard, finding.index):
                    kind, notes = FraudKind.BACK_DATING, (seen.note,)
                    proof = self._new(kind, leaves=(leaf,), checkpoints=notes)
                    if self._checked(proof) is not None:
                        return proof
        return None

    def _lacking(self, shard: int, index: int) -> list[Seen]:
        """Checkpoints without this entry that a quorum cosigned; the latest first."""
        late = [s for s in self.seen.get(shard, []) if s.size <= index and s.late_us is not None]
        return sorted(late, key=lambda s: -(s.late_us or 0))

    def _new(self, kind: FraudKind, **parts: object) -> FraudProof:
        return FraudProof(kind, self.accused.record.signed, **parts)  # type: ignore[arg-type]

    def _checked(self, proof: FraudProof | None) -> tuple[bytes, Verdict] | None:
        if proof is None:
            return None
        data = proof.encode()
        a = self.accused
        try:
            verdict = verify_fraud(
                proof, now_us=a.now_us, witnesses_of=a.witnesses_of, monitors_of=a.monitors_of
            )
        except FraudInvalid:
            return None
        return (data, verdict) if len(data) <= MAX_FRAUD_BYTES else None


def _commit_id(leaf: bytes) -> bytes:
    return DecisionLeaf.decode(leaf).commit_id


def first_difference(one: Shown, other: Shown) -> int | None:
    """The first index at which two copies of a log differ. SourceFault."""
    for tile in entry_tiles(0, min(one.size, other.size)):
        here = one.source.entries(one.shard, tile.index, tile.width)
        there = other.source.entries(other.shard, tile.index, tile.width)
        for i, (a, b) in enumerate(zip(here, there, strict=True)):
            if leaf_hash(a) != leaf_hash(b):
                return tile.index * TILE_WIDTH + i
    return None
