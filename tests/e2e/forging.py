"""A registry's own keys in the hands of somebody who cheats with them.

Whoever has a registry's directory can sign as it does: by the same signer, into logs of the same
tiles. What the real daemon adds to that, one row for each transaction, is left out here.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from proto.checkpoint import sign_checkpoint
from proto.fraud.file import FraudProof
from proto.fraud.verdict import FraudKind
from proto.keys import SigningKey
from proto.registry_record import RegistryRecord
from proto.shard import shard_of, shard_origin
from proto.statement import DecisionLeaf, DecisionReason, Outcome, SignedStatement
from registry.home import Home, load_record, read_key
from registry.log import Logged, Row
from registry.publishing.shard_log import ShardLog
from registry.publishing.tile_files import TileFiles
from registry.signer import Signer

ERROR_US = 1_000


def leaf(reason: DecisionReason, commit_id: bytes, deadline_us: int) -> DecisionLeaf:
    """A decision that looks right: a commit a second before its deadline, or a decline."""
    committed = reason is DecisionReason.COMMIT
    return DecisionLeaf(
        commit_id=commit_id,
        outcome=Outcome.COMMITTED if committed else Outcome.NOT_COMMITTED,
        reason=reason,
        deadline_us=deadline_us,
        limit_us=deadline_us,
        decided_at_us=deadline_us - 1_000_000,
        max_error_us=ERROR_US,
        evidence_hash=bytes(32),
    )


@dataclass(frozen=True)
class Forger:
    """`directory`: the registry's own."""

    directory: Path

    @property
    def home(self) -> Home:
        return Home(self.directory)

    @cached_property
    def record(self) -> RegistryRecord:
        return load_record(self.home.record)

    @cached_property
    def signer(self) -> Signer:
        key = read_key(self.home.statement_key)
        return Signer(self.record.registry, self.record.log_origin, key)

    @property
    def log_key(self) -> SigningKey:
        return read_key(self.home.log_key)

    def state(self, decision: DecisionLeaf, index: int = 0) -> SignedStatement:
        """A statement that the decision stands at this index of its log, whatever stands there."""
        row = Row(decision, decision.encode(), b"", b"")
        return self.signer.statement(Logged(row, index, shard_of(decision.deadline_us)))

    def signed_both_ways(self, commit_id: bytes, deadline_us: int) -> bytes:
        """The fraud file (E1) of a transaction whose end the registry sold twice."""
        reasons = (DecisionReason.COMMIT, DecisionReason.DECLINED)
        statements = tuple(self.state(leaf(r, commit_id, deadline_us)) for r in reasons)
        return FraudProof(FraudKind.EQUIVOCATION, self.record.signed, statements).encode()

    def append(self, decision: DecisionLeaf) -> int:
        """Logs a decision in the directory's tiles and signs the checkpoint; its index.

        Only where no daemon publishes from the same directory.
        """
        shard = shard_of(decision.deadline_us)
        files = TileFiles(self.home.log / str(shard))
        shown = files.read_checkpoint()
        assert shown is not None, "nothing has been published of this shard"
        index = int(shown.split(b"\n")[1])
        log = ShardLog(shard_origin(self.record.log_origin, shard), files, index)
        log.extend([decision.encode()])
        files.write_checkpoint(sign_checkpoint(log.checkpoint(), self.log_key).encode())
        return index
