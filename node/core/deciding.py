"""A registry's answers become certificates, and certificates end promises (protocol section 7)."""

from dataclasses import replace

from node.core.claim import learn_commit
from node.core.ending import learn_abort
from node.core.events import RegistrySaid
from node.core.rows import Transaction
from node.core.view import Step
from proto.certificate import (
    AbortCertificate,
    CertificateInvalid,
    CommitCertificate,
    verify_abort_certificate,
    verify_commit_certificate,
    verify_statement,
)
from proto.commit import Commit
from proto.descriptor import decode_descriptor
from proto.statement import DecisionLeaf, Outcome, SignedStatement, Statement


def on_registry_said(step: Step, event: RegistrySaid) -> None:
    """One member's answer. Interim answers and refusals change nothing: the plan asks again."""
    transaction = step.transaction(event.commit)
    if transaction is None or transaction.decided or event.final is None:
        return
    descriptor = decode_descriptor(transaction.descriptor)
    try:
        registry, leaf = verify_statement(
            event.final, descriptor, transaction.commit, step.settings.records
        )
    except CertificateInvalid:
        return
    if registry != event.registry:
        return
    if leaf.outcome is Outcome.COMMITTED and event.evidence and not transaction.commit_evidence:
        transaction = replace(transaction, commit_evidence=event.evidence)
    transaction = _keep(transaction, event.final)
    if not _conclude(step, transaction, descriptor.policy.qc, descriptor.policy.qa, event):
        step.put(transaction)


def _keep(transaction: Transaction, statement: SignedStatement) -> Transaction:
    data = statement.encode()
    if data in transaction.statements:
        return transaction
    return replace(transaction, statements=(*transaction.statements, data))


def _conclude(step: Step, transaction: Transaction, qc: int, qa: int, event: RegistrySaid) -> bool:
    """Whether the statements at hand make a certificate; then everything that follows is done."""
    sides: dict[Outcome, list[SignedStatement]] = {o: [] for o in Outcome}
    for data in transaction.statements:
        signed = SignedStatement.decode(data)
        leaf = DecisionLeaf.decode(Statement.decode(signed.statement).leaf)
        sides[leaf.outcome].append(signed)
    committed, refused = sides[Outcome.COMMITTED], sides[Outcome.NOT_COMMITTED]
    evidence = event.evidence or transaction.commit_evidence
    if len(committed) >= qc and evidence:
        certificate = CommitCertificate(Commit(transaction.descriptor, evidence), tuple(committed))
        try:
            verify_commit_certificate(certificate, step.settings.records)
        except CertificateInvalid:
            return False
        step.put(transaction)
        learn_commit(step, transaction.commit, certificate)
        return True
    if len(refused) >= qa:
        abort = AbortCertificate(transaction.descriptor, tuple(refused))
        try:
            verify_abort_certificate(abort, step.settings.records)
        except CertificateInvalid:
            return False
        learn_abort(step, transaction, abort, None)
        return True
    return False
