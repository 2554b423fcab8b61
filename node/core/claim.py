"""Evidence travels towards the payer: claims, bookings and denials (protocol sections 3 and 8)."""

from node.core.asking import plan_asking
from node.core.chain import close_request, end_held, note_loss, record
from node.core.dominating import note_contradiction, note_contradictions
from node.core.effects import PeerFault
from node.core.escrow import hooks
from node.core.payer import after_first_redeemed
from node.core.presenting import present
from node.core.promise import book_given, book_held, partner_of
from node.core.rows import (
    Direction,
    IncidentKind,
    Promise,
    PromisePhase,
    Role,
    Shown,
    Transaction,
    replace,
)
from node.core.view import Step
from proto.certificate import (
    CertificateInvalid,
    CommitCertificate,
    verify_commit_certificate,
)
from proto.commit import Commit, commit_is_valid
from proto.descriptor import decode_descriptor
from proto.keys import NodeId
from proto.levels import Level, admissible, may_free
from proto.messages import Claim, Denied, Redeemed
from proto.reason import Reason, Refusal


def on_claim(step: Step, peer: NodeId, body: Claim, evidence: bytes) -> None:
    """The holder of a promise of ours shows a commit."""
    promise = step.promise(step.settings.node, body.promise)
    if promise is None or promise.peer != peer or promise.direction is not Direction.OUT:
        step.send(peer, Denied(body.promise, Refusal(Reason.CLAIM_UNKNOWN)))
        return
    if promise.phase is PromisePhase.REDEEMED:
        return  # repeated: the answer is on its way already
    refusal = _check_claim(step, promise, body)
    if refusal is not None:
        step.send(peer, Denied(body.promise, refusal))
        return
    # From here on it must succeed.
    _pay(step, promise, evidence)
    # What redeemed another level than BARE by certificate was verified as a certificate.
    verified = isinstance(body.evidence, CommitCertificate) and promise.level is not Level.BARE
    learn_commit(step, promise.commit, body.evidence, verified=verified)


def _pay(step: Step, promise: Promise, evidence: bytes = b"") -> None:
    """Books what we owe. If the promise that covered it has ended, that is the loss (late leak)."""
    given = book_given(step, promise, evidence)
    held = partner_of(step, promise)
    if held is not None and held.phase.final and held.phase is not PromisePhase.REDEEMED:
        note_loss(step, held, given)
    after_first_redeemed(step, promise)


def _check_claim(step: Step, promise: Promise, body: Claim) -> Refusal | None:
    certified = isinstance(body.evidence, CommitCertificate)
    transaction = step.the_transaction(promise.commit)
    if body.evidence.descriptor != transaction.descriptor:
        return Refusal(Reason.CLAIM_INVALID)
    if promise.level.needs_stamp and not certified:
        return Refusal(Reason.CLAIM_UNSTAMPED)
    if not _evidence_holds(step, promise, transaction, body.evidence):
        return Refusal(Reason.CLAIM_INVALID)
    if promise.phase.final:
        if isinstance(body.evidence, CommitCertificate) and transaction.abort_certificate:
            _learn_dominating(step, promise, body.evidence)
        return Refusal(Reason.CLAIM_ENDED)
    if not admissible(promise.level, step.now_us, promise.expires_at_us, certified=certified):
        return Refusal(Reason.CLAIM_LATE, step.now_us - promise.expires_at_us)
    return None


def _learn_dominating(step: Step, promise: Promise, certificate: CommitCertificate) -> None:
    """The registry signed both ways. The commit dominates, but not by a transition.

    What is shown is judged even where we have the same certificate: this one may have its proofs.
    """
    verified = promise.level is not Level.BARE
    learn_commit(step, promise.commit, certificate, verified=verified)
    transaction = step.the_transaction(promise.commit)
    for each in step.promises_of(promise.commit) if verified else ():
        note_contradiction(step, each, transaction, certificate)


def _evidence_holds(
    step: Step, promise: Promise, transaction: Transaction, evidence: Commit | CommitCertificate
) -> bool:
    if isinstance(evidence, CommitCertificate) and promise.level is not Level.BARE:
        if evidence.encode() == transaction.commit_certificate:
            return True  # verified before
        try:
            verify_commit_certificate(evidence, step.settings.records, step.now_us)
        except CertificateInvalid:
            return False
        return True
    # BARE is redeemed by the commit alone, whether or not this node knows the registry.
    commit = evidence.commit if isinstance(evidence, CommitCertificate) else evidence
    if transaction.commit_evidence and commit.evidence == transaction.commit_evidence:
        return True  # verified before; where nothing was, nothing shown is not the same
    return commit_is_valid(decode_descriptor(transaction.descriptor), commit)


def learn_commit(
    step: Step, commit: bytes, evidence: Commit | CommitCertificate, *, verified: bool = False
) -> None:
    """A verified commit: keep it, show it upstream, settle what it settles.

    `verified`: its statements have been checked too, where it is a certificate. A stamped claim
    on a BARE promise is worth its commit alone, and its stamps only where we can check them.
    """
    transaction = step.the_transaction(commit)
    before = transaction
    if isinstance(evidence, CommitCertificate):
        if not transaction.commit_certificate and (verified or _usable(step, evidence)):
            transaction = replace(
                transaction,
                commit_certificate=evidence.encode(),
                commit_evidence=evidence.commit.evidence,
            )
        elif not transaction.commit_evidence:
            transaction = replace(transaction, commit_evidence=evidence.commit.evidence)
    elif not transaction.commit_evidence:
        transaction = replace(transaction, commit_evidence=evidence.evidence)
    if transaction != before:
        step.put(transaction)
    if transaction.commit_certificate and transaction.abort_certificate:
        certificate = CommitCertificate.decode(transaction.commit_certificate)
        note_contradictions(step, transaction, certificate)
    for promise in step.promises_of(commit):
        if promise.pending and promise.direction is Direction.OUT:
            settle_given(step, promise, transaction)
    for promise in step.promises_of(commit):
        if promise.pending and promise.direction is Direction.IN:
            present(step, promise, transaction)
    plan_asking(step, commit)
    if transaction.commit_certificate and not before.commit_certificate:
        tell_decided(step, commit)


def tell_decided(step: Step, commit: bytes) -> None:
    """Where we have a part in an exchange, that part settles in the same step."""
    transaction = step.the_transaction(commit)
    if transaction.role is Role.SEAT:
        hooks.on_decided(step, transaction)


def _usable(step: Step, certificate: CommitCertificate) -> bool:
    """Whether we can stand behind it upstream: we hold the records to verify it ourselves."""
    try:
        verify_commit_certificate(certificate, step.settings.records, step.now_us)
    except CertificateInvalid:
        return False
    return True


def settle_given(step: Step, promise: Promise, transaction: Transaction) -> None:
    """With a certificate the debt under SECURED and ATOMIC is certain: book it without waiting.

    Nobody's credit stays locked because the holder is slow to claim. Not before the holder has
    accepted: a refusal may be on its way, and then nobody holds what we would owe.
    """
    accepted = promise.phase is PromisePhase.ACCEPTED
    if accepted and transaction.commit_certificate and promise.level.late_ok:
        _pay(step, promise)


def on_redeemed(step: Step, peer: NodeId, body: Redeemed, evidence: bytes) -> None:
    """The promisor booked its debt: our mirror follows, number by number."""
    promise = step.promise(peer, body.promise)
    if promise is None or promise.direction is not Direction.IN or promise.line != body.line:
        step.effects.append(PeerFault(peer, "redeems a promise that it did not make"))
        return
    line = step.the_line(promise.line)
    if promise.phase is PromisePhase.REDEEMED:
        if body.sequence > line.sequence_in:
            step.effects.append(PeerFault(peer, "books one promise twice"))
        return
    if (body.sequence, body.total) != (line.sequence_in + 1, line.booked_in + promise.amount):
        step.effects.append(PeerFault(peer, "books another debt than it promised"))
        return
    book_held(step, promise, evidence)
    close_request(step, promise)
    plan_asking(step, promise.commit)


def on_denied(step: Step, peer: NodeId, body: Denied) -> None:
    """Our claim redeems nothing. For BARE and PROXY that is the end; the others wait for better
    evidence, and the operator is told where nothing honest explains the answer."""
    promise = step.promise(peer, body.promise)
    if promise is None or promise.direction is not Direction.IN or promise.phase.final:
        return
    if promise.shown is Shown.NOTHING:
        step.effects.append(PeerFault(peer, "denies a claim that was not made"))
        return
    if promise.level.late_ok:
        _denied_for_now(step, promise, body.because)
    else:
        if body.because.reason not in (Reason.CLAIM_LATE, Reason.CLAIM_ENDED):
            _note_denial(step, promise, body.because)
        end_held(step, promise, PromisePhase.EXPIRED, body.because)
    plan_asking(step, promise.commit)


def _note_denial(step: Step, promise: Promise, because: Refusal) -> None:
    record(step, IncidentKind.CLAIM_DENIED, promise, f"denied with {because.reason.name}")


def _denied_for_now(step: Step, promise: Promise, because: Refusal) -> None:
    """SECURED or ATOMIC: a bare commit came too late, or the registry had decided otherwise."""
    aborted = bool(step.the_transaction(promise.commit).abort_certificate)
    bare = because.reason is Reason.CLAIM_LATE
    if promise.shown >= Shown.CERTIFICATE and bare:
        return  # the answer to the bare commit that was shown before; the other one will come
    if promise.shown >= Shown.CERTIFICATE:
        _note_denial(step, promise, because)
        if not aborted:
            if because.reason is Reason.CLAIM_INVALID:
                # Perhaps the registry's key has ended: asked again, it may sign by another.
                step.put(replace(promise, shown=Shown.REFUSED))
            return
    # No claim is under way any more: a certificate may still be shown, or an abort ends it.
    promise = replace(promise, shown=Shown.NOTHING)
    step.put(promise)
    if may_free(promise.level, step.now_us, promise.expires_at_us, aborted=aborted):
        end_held(step, promise, PromisePhase.ABORTED, because)
