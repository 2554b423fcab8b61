"""Signs what is durable, and nothing else (registry sections 2 and 5.3). Pure.

One Ed25519 signature for each statement, not one over a batch: such signatures are deterministic,
so a replay is byte-identical without a copy of every answer, whatever group it was decided in.
"""

from dataclasses import dataclass

from proto.envelope import Proof, sign
from proto.keys import SigningKey
from proto.statement import INTERIM_KIND, STATEMENT_KIND, Interim, SignedStatement, Statement
from registry.log import Logged, Pause


@dataclass(frozen=True, slots=True)
class SignedInterim:
    """An answer that releases nothing, and its signature."""

    interim: bytes
    proof: Proof


@dataclass(frozen=True, slots=True)
class Signer:
    """The online statement key, and whose log its statements point into."""

    registry: bytes
    log_origin: str
    key: SigningKey

    def statement(self, logged: Logged) -> SignedStatement:
        """The statement about a decision. `Logged` exists only once decision and entry do."""
        statement = Statement(self.registry, logged.row.data, self.log_origin, logged.index)
        payload = statement.encode()
        return SignedStatement(payload, (sign(self.key, STATEMENT_KIND, payload),))

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
