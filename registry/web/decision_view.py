"""What a page says about one decision, read out of the very statement that is handed out. Pure."""

from dataclasses import dataclass

from proto.descriptor import decode_descriptor, transaction_uuid
from proto.log_leaf import decision_of
from proto.policy import RegistryPolicy
from proto.registry_record import RegistryRecord
from proto.statement import DecisionLeaf, Outcome, SignedStatement, Statement
from proto.tlog_proof import LogProof, proven_in
from registry.published import Published, checkpoint_shown
from runtime.looks.words import span


@dataclass(frozen=True, slots=True)
class DecisionView:
    """One decision. `policy` is None where no descriptor was kept (refusals by deadline).

    `proof`: the checkpoint that covers it, None while there is none yet.
    """

    leaf: DecisionLeaf
    log_origin: str
    log_index: int
    policy: RegistryPolicy | None
    evidence: bool
    proof: Published | None

    @property
    def committed(self) -> bool:
        return self.leaf.outcome is Outcome.COMMITTED

    @property
    def commit_id(self) -> str:
        return self.leaf.commit_id.hex()

    @property
    def uuid(self) -> str:
        return str(transaction_uuid(self.leaf.commit_id))

    @property
    def members(self) -> int:
        """How many registries decide about it; 0 where we cannot tell."""
        return 0 if self.policy is None else len(self.policy.members)

    @property
    def alone(self) -> bool:
        """Whether this one statement, with its commit, is the whole certificate."""
        return self.policy is not None and self.policy.qc == self.policy.qa == self.members == 1

    @property
    def margin(self) -> str:
        """How long before or after the deadline it was decided."""
        left_us = self.leaf.deadline_us - self.leaf.decided_at_us
        return f"{span(left_us)} before" if left_us >= 0 else f"{span(-left_us)} after"


def decision_view(
    signed: SignedStatement, descriptor: bytes, evidence: bool, record: RegistryRecord
) -> DecisionView:
    """`signed` is a statement of our own; `descriptor` its transaction's, empty if not kept."""
    statement = Statement.decode(signed.statement)
    return DecisionView(
        leaf=decision_of(statement),
        log_origin=statement.log_origin,
        log_index=statement.log_index,
        policy=decode_descriptor(descriptor).policy if descriptor else None,
        evidence=evidence,
        proof=_proof(signed.tlog_proof, statement, record),
    )


def _proof(data: bytes, statement: Statement, record: RegistryRecord) -> Published | None:
    """The checkpoint of a log proof, verified as a stranger would."""
    if not data:
        return None
    proof = LogProof.decode(data)
    origin = statement.log_origin
    if proven_in(proof, statement.leaf, record.log_note_keys(origin)) is None:
        return None
    shown = checkpoint_shown(proof.checkpoint, origin, 0, 0, record)
    assert shown is not None, "the same keys just proved it"
    return shown
