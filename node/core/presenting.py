"""Showing evidence upstream (protocol sections 3 and 8)."""

from node.core.rows import Promise, Shown, Transaction, replace
from node.core.view import Step
from proto.certificate import CommitCertificate
from proto.commit import Commit
from proto.levels import Level
from proto.messages import Claim


def present(step: Step, promise: Promise, transaction: Transaction) -> None:
    """Shows upstream the best evidence that its level takes and that was not shown before."""
    if promise.level is not Level.BARE and transaction.commit_certificate:
        shown = Shown.CERTIFICATE
    elif transaction.commit_evidence and not promise.level.needs_stamp:
        shown = Shown.COMMIT
    else:
        return
    if shown <= promise.shown:
        return
    if shown is Shown.CERTIFICATE:
        evidence: Commit | CommitCertificate = CommitCertificate.decode(
            transaction.commit_certificate
        )
    else:
        evidence = Commit(transaction.descriptor, transaction.commit_evidence)
    step.put(replace(promise, shown=shown))
    step.send(promise.peer, Claim(promise.id, evidence))
