"""A certificate that counts no more, because its registry's key has ended since (registry 9).

Whoever holds a promise that is pending loses nothing by it: the registry signs the stored decision
anew under the key that followed, and the claim is made once more with what it signed.
"""

from node.core.asking import plan_asking, refused
from node.core.events import RegistrySaid
from node.core.presenting import present
from node.core.rows import Shown, Transaction, replace
from node.core.view import Step
from proto.certificate import (
    CertificateInvalid,
    CommitCertificate,
    verify_commit_certificate,
    verify_statement,
)
from proto.descriptor import decode_descriptor
from proto.statement import Outcome, SignedStatement


def renew(step: Step, transaction: Transaction, event: RegistrySaid) -> None:
    """A registry's answer about a commit whose claim was refused: shown if it says more."""
    assert event.final is not None
    records = step.settings.records
    try:
        registry, leaf = verify_statement(
            event.final,
            decode_descriptor(transaction.descriptor),
            transaction.commit,
            records,
            step.now_us,
        )
    except CertificateInvalid:
        return  # perhaps by a key whose record is still to come: it is asked again
    if registry != event.registry or leaf.outcome is not Outcome.COMMITTED:
        return
    certificate = CommitCertificate.decode(transaction.commit_certificate)
    statements = tuple(_better(old, event.final) for old in certificate.statements)
    if statements == certificate.statements:
        return
    renewed = CommitCertificate(certificate.commit, statements)
    transaction = replace(transaction, commit_certificate=renewed.encode())
    step.put(transaction)
    try:
        verify_commit_certificate(
            renewed, records, step.now_us, verified=transaction.commit_evidence
        )
    except CertificateInvalid:
        return  # another member's statement is still to be signed anew
    for promise in refused(step, transaction.commit):
        present(step, replace(promise, shown=Shown.NOTHING), transaction)
    plan_asking(step, transaction.commit)


def _better(old: SignedStatement, fresh: SignedStatement) -> SignedStatement:
    """The same statement under another key, or with the log's proof; else what there was."""
    if fresh.statement != old.statement:
        return old
    signed_anew = {p.key for p in fresh.proofs} - {p.key for p in old.proofs}
    if not signed_anew and (old.tlog_proof or not fresh.tlog_proof):
        return old
    return SignedStatement(fresh.statement, fresh.proofs, fresh.tlog_proof or old.tlog_proof)
