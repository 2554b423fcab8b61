"""A registry with witnesses, and log proofs of its statements as they would come out later."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from node.command.sim.cast import (
    R1,
    CastRegistry,
    certified,
    record_message,
    signing_key,
    statement_key_certificate,
)
from proto.checkpoint import Checkpoint, cosign, sign_checkpoint
from proto.envelope import sign
from proto.keys import KeyCertificate, KeyPurpose, SigningKey
from proto.limits import US
from proto.merkle import leaf_hash
from proto.note import COSIGNATURE, NoteKey
from proto.registry_record import RegistryRecord, read_record, sign_record
from proto.shard import shard_of, shard_origin
from proto.statement import STATEMENT_KIND, DecisionLeaf, SignedStatement, Statement
from proto.tlog_proof import LogProof
from proto.v1 import types_pb2 as pb
from tests.proto.log_reference import mth, numbered, path

INDEX, SIZE = 5, 9
QUORUM = 2
NAMES = ("w1.example", "w2.example", "w3.example")


@dataclass(frozen=True)
class WitnessedRegistry(CastRegistry):
    """Its statements name the shard and index at which the proofs show their leaf."""

    __test__ = False
    log: SigningKey = field(repr=False, kw_only=True)
    cosigners: tuple[SigningKey, ...] = field(repr=False, kw_only=True)
    proves: bool = field(default=False, kw_only=True)  # its checkpoints are cosigned by now

    def sign_statement(self, leaf: bytes, *, key: SigningKey | None = None) -> SignedStatement:
        origin = self.origin(leaf)
        statement = Statement(self.id, leaf, origin, INDEX).encode()
        proof = sign(key or self.online, STATEMENT_KIND, statement)
        signed = SignedStatement(statement, (proof,))
        return self.timely(signed) if self.proves else signed

    def origin(self, leaf: bytes) -> str:
        deadline_us = DecisionLeaf.decode(leaf).deadline_us
        return shard_origin(self.record.log_origin, shard_of(deadline_us))

    def proof(
        self,
        signed: SignedStatement,
        times_s: Mapping[int, int],
        *,
        index: int = INDEX,
        leaf: bytes = b"",
        key: SigningKey | None = None,
        names: Iterable[str] = NAMES,
    ) -> SignedStatement:
        """With the proof that witness i cosigned at `times_s[i]`. The rest is for liars."""
        said = Statement.decode(signed.statement).leaf
        leaves = (*numbered(index), leaf_hash(leaf or said), *numbered(SIZE - index - 1))
        checkpoint = Checkpoint(self.origin(said), SIZE, mth(leaves))
        note = sign_checkpoint(checkpoint, key or self.log)
        called = tuple(names)
        lines = [cosign(note, called[i], self.cosigners[i], t) for i, t in times_s.items()]
        proof = LogProof(index, tuple(path(index, leaves)), note.with_signatures(lines).encode())
        return replace(signed, tlog_proof=proof.encode())

    def timely(self, signed: SignedStatement, count: int = QUORUM) -> SignedStatement:
        """So many witnesses cosigned in the last second that counts."""
        leaf = DecisionLeaf.decode(Statement.decode(signed.statement).leaf)
        last_s = (leaf.decided_at_us + self.record.mmd_us) // US
        return self.proof(signed, dict.fromkeys(range(count), last_s))


def witnessed(of: CastRegistry = R1, *, quorum: int = QUORUM) -> WitnessedRegistry:
    """The same registry under its next record, which names a log key and three witnesses."""
    log = signing_key(f"{of.name} log")
    cosigners = tuple(signing_key(f"witness {name}") for name in NAMES)
    keys = (
        statement_key_certificate(of.id, of.online),
        KeyCertificate(of.id, KeyPurpose.LOG, log.public, 0, 2**62),
    )
    operators = of.operators
    signed = [certified(key, operators[:2]) for key in keys]
    message = record_message(of.name, operators, signed)
    message.sequence = 2
    message.witness_quorum = quorum
    for name, key in zip(NAMES, cosigners, strict=True):
        shown = NoteKey(name, COSIGNATURE, key.public).encode()
        message.witnesses.append(pb.Witness(key=shown, url=f"https://{name}"))
    record = read_record(sign_record(message, operators[:2]))
    return WitnessedRegistry(of.name, operators, of.online, record, log=log, cosigners=cosigners)


def next_record(of: WitnessedRegistry, *, sequence: int, witnesses: int) -> RegistryRecord:
    """A later record of the same registry, which names fewer witnesses and asks for them all."""
    signed = pb.SignedRegistryRecord.FromString(of.record.signed)
    message = pb.RegistryRecord.FromString(signed.record)
    message.sequence = sequence
    del message.witnesses[witnesses:]
    message.witness_quorum = witnesses
    return read_record(sign_record(message, of.operators[:2]))


W1 = witnessed()
