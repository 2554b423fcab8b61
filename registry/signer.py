"""Signs what is durable, and nothing else (registry sections 2 and 5.3). Pure.

A statement is the same bytes whenever it is given, since nothing in it tells when it was signed.
Alone it gets a signature of its own, which is deterministic. The statements of one frame get one
signature over their Merkle root (protocol section 2), each with its inclusion path, so that each
stands alone: whoever asked for many verifies one signature, and so does everybody whom they reach.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from proto.batch_bytes import sign_batch_bytes
from proto.envelope import Proof, sign, sign_batch
from proto.keys import SigningKey
from proto.shard import shard_origin
from proto.statement import (
    INTERIM_KIND,
    STATEMENT_KIND,
    DecisionReason,
    Interim,
    SignedStatement,
    Statement,
)
from proto.wire_bytes import sized
from registry.log import Logged, Pause

BATCH_FROM: Final = 4  # below it the paths cost more bytes than the signatures cost time
_STATEMENT: Final = b"\x0a"  # SignedStatement.statement and so on: types.proto
_SIGNATURES: Final = b"\x12"


@dataclass(frozen=True, slots=True)
class SignedInterim:
    """An answer that releases nothing, and its signature."""

    interim: bytes
    proof: Proof


@dataclass(frozen=True, slots=True)
class Signer:
    """The online statement key, and whose logs its statements point into, one for each shard."""

    registry: bytes
    log_origin: str
    key: SigningKey

    def statement(self, logged: Logged) -> SignedStatement:
        """The statement about a decision. `Logged` exists only once decision and entry do."""
        payload = self._payload(logged)
        return SignedStatement(payload, (sign(self.key, STATEMENT_KIND, payload),))

    def statements(self, decisions: Sequence[Logged]) -> list[SignedStatement]:
        """The statements about the decisions of one frame, in their order."""
        if len(decisions) < BATCH_FROM:
            return [self.statement(logged) for logged in decisions]
        payloads = [self._payload(logged) for logged in decisions]
        proofs = sign_batch(self.key, [(STATEMENT_KIND, payload) for payload in payloads])
        signed = zip(payloads, proofs, strict=True)
        return [SignedStatement(payload, (proof,)) for payload, proof in signed]

    def statements_bytes(self, decisions: Sequence[Logged]) -> list[bytes]:
        """As `statements`, each serialised, as which they leave us by the hundred."""
        if len(decisions) < BATCH_FROM:
            return [self.statement(logged).encode() for logged in decisions]
        payloads = [self._payload(logged) for logged in decisions]
        signatures = sign_batch_bytes(self.key, STATEMENT_KIND, payloads)
        pairs = zip(payloads, signatures, strict=True)
        return [sized(_STATEMENT, payload) + sized(_SIGNATURES, s) for payload, s in pairs]

    def _payload(self, logged: Logged) -> bytes:
        """`log_origin` alone names the log that there was before there were shards."""
        origin = shard_origin(self.log_origin, logged.shard) if logged.shard else self.log_origin
        row = logged.row
        about = row.leaf.commit_id if row.leaf.reason is DecisionReason.EPOCH else b""
        return Statement(self.registry, row.data, origin, logged.index, about).encode()

    def interim(self, pause: Pause) -> SignedInterim:
        payload = Interim(
            kind=pause.kind,
            subject=pause.subject,
            as_of_us=pause.as_of_us,
            max_error_us=pause.max_error_us,
            final_after_us=pause.final_after_us,
            registry=self.registry,
        ).encode()
        return SignedInterim(payload, sign(self.key, INTERIM_KIND, payload))
