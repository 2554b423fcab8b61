"""Every end of a promise that is not a booking: refusal, release, expiry, abort."""

from node.core.asking import plan_asking
from node.core.chain import after_given_ended, end_held, release, request_of
from node.core.claim import settle_given, tell_decided
from node.core.dominating import note_contradictions
from node.core.effects import PeerFault
from node.core.escrow import hooks
from node.core.money_leg import covers, end_leg
from node.core.payer import after_first_ended
from node.core.promise import move, partner_of
from node.core.rows import (
    Direction,
    Promise,
    PromisePhase,
    Request,
    RequestPhase,
    Role,
    Shown,
    Transaction,
    replace,
)
from node.core.view import Step
from proto.certificate import (
    AbortCertificate,
    CertificateInvalid,
    CommitCertificate,
    verify_abort_certificate,
)
from proto.keys import NodeId
from proto.levels import may_free
from proto.messages import Abandon, Accepted, Passed, Refuse, Release
from proto.reason import Reason, Refusal


def _given(step: Step, peer: NodeId, promise: bytes) -> Promise | None:
    """A promise of ours that this peer holds; a peer that speaks of another breaks the protocol."""
    found = step.promise(step.settings.node, promise)
    if found is None or found.peer != peer or found.direction is not Direction.OUT:
        step.effects.append(PeerFault(peer, "speaks of a promise that it does not hold"))
        return None
    return found


def acknowledge(step: Step, promise: Promise) -> None:
    """Tells the promisor that we have its promise durably; it is bound by it in any case."""
    if promise.shown is Shown.NOTHING:
        step.send(promise.peer, Accepted(promise.id))
    move(step, promise, PromisePhase.ACCEPTED)


def on_accepted(step: Step, peer: NodeId, body: Accepted) -> None:
    promise = _given(step, peer, body.promise)
    if promise is not None and promise.phase is PromisePhase.OFFERED:
        accepted = move(step, promise, PromisePhase.ACCEPTED)
        settle_given(step, accepted, step.the_transaction(promise.commit))
        plan_asking(step, promise.commit)


def on_refuse(step: Step, peer: NodeId, body: Refuse, evidence: bytes) -> None:
    promise = _given(step, peer, body.promise)
    if promise is None or promise.phase.final:
        return
    if promise.phase is not PromisePhase.OFFERED:
        step.effects.append(PeerFault(peer, "refuses a promise that it had accepted"))
        return
    _end_given(step, promise, PromisePhase.REFUSED, body.because, evidence)


def on_release(step: Step, peer: NodeId, body: Release, evidence: bytes) -> None:
    """The holder gives the promise up, signed: that frees our credit at any level."""
    promise = _given(step, peer, body.promise)
    if promise is None or promise.phase.final:
        return
    _end_given(step, promise, PromisePhase.RELEASED, body.because, evidence)


def _end_given(
    step: Step,
    promise: Promise,
    phase: PromisePhase,
    because: Refusal | None,
    ended_by: bytes = b"",
) -> None:
    ended = move(step, promise, phase, because, ended_by)
    after_given_ended(step, ended)
    after_first_ended(step, ended)
    plan_asking(step, promise.commit)


def on_abandon(step: Step, peer: NodeId, body: Abandon) -> None:
    """The payer no longer wants it. Only passed on; a payee that has not signed releases."""
    promise = step.promise(peer, body.promise)
    if promise is None or promise.direction is not Direction.IN or not promise.pending:
        return
    partner = partner_of(step, promise)
    if partner is not None:
        # Once: a neighbour that repeats it would fill another one's outbox at our expense.
        if partner.pending and promise.because is None:
            step.put(replace(promise, because=Refusal(Reason.ABANDONED)))
            step.send(partner.peer, Abandon(partner.id))
        return
    transaction = step.the_transaction(promise.commit)
    request = request_of(step, promise)
    signed = request is not None and request.phase is RequestPhase.SIGNED
    if promise.owner and not (signed or transaction.commit_evidence):
        _let_go(step, promise, request)
        plan_asking(step, promise.commit)


def _let_go(step: Step, promise: Promise, request: Request | None) -> None:
    """The payee gives up one promise; a seat that had its whole amount hears of it."""
    was_covered = request is not None and covers(step, request)
    release(step, promise, Refusal(Reason.ABANDONED))
    if request is not None and request.bound and was_covered:
        hooks.on_uncovered(step, request)


def expire(step: Step, promise: Promise) -> None:
    """The own clock has passed e and the grace."""
    if promise.phase.final:
        return
    transaction = step.the_transaction(promise.commit)
    aborted = bool(transaction.abort_certificate)
    if not may_free(promise.level, step.now_us, promise.expires_at_us, aborted=aborted):
        return
    phase = PromisePhase.ABORTED if promise.level.late_ok else PromisePhase.EXPIRED
    if promise.direction is Direction.OUT:
        _end_given(step, promise, phase, None)
        return
    if promise.shown is not Shown.NOTHING:
        return  # our claim is under way: the promisor's answer ends it, Redeemed or Denied
    end_held(step, promise, phase)
    plan_asking(step, promise.commit)


def on_passed(step: Step, peer: NodeId, body: Passed) -> None:
    """A neighbour passes on that the transaction can never commit."""
    take_abort(step, body.certificate, peer)


def take_abort(step: Step, certificate: AbortCertificate, source: NodeId | None) -> None:
    """A stranger's word that it can never commit, verified here. `source`: the neighbour that
    said so; None = not one of them."""
    transaction = step.transaction(certificate.commit_id)
    if transaction is None or transaction.abort_certificate:
        return
    try:
        verify_abort_certificate(certificate, step.settings.records, step.now_us)
    except CertificateInvalid:
        # It may be right and we may lack a record: our own question settles it.
        return
    if transaction.commit_certificate:
        _contradicted(step, transaction, certificate)
    else:
        learn_abort(step, transaction, certificate, source)


def _contradicted(step: Step, transaction: Transaction, abort: AbortCertificate) -> None:
    """The registry signed both ways. The commit dominates: nothing moves, the proof is kept."""
    transaction = replace(transaction, abort_certificate=abort.encode())
    step.put(transaction)
    commit = CommitCertificate.decode(transaction.commit_certificate)
    note_contradictions(step, transaction, commit)


def learn_abort(
    step: Step, transaction: Transaction, certificate: AbortCertificate, source: NodeId | None
) -> None:
    """A verified abort certificate: keep it, end what it ends, pass it on."""
    assert not transaction.decided
    step.put(replace(transaction, abort_certificate=certificate.encode()))
    for promise in _pending(step, transaction.commit, Direction.OUT):
        if promise.level.late_ok and promise.peer != source:
            step.send(promise.peer, Passed(promise.id, certificate))
        _end_by_abort(step, promise)
    for promise in _pending(step, transaction.commit, Direction.IN):
        if promise.level.late_ok and promise.peer != source:
            step.send(promise.peer, Passed(promise.id, certificate))
        _end_by_abort(step, promise)
    for promise in _pending(step, transaction.commit, Direction.IN):
        _release_hopeless(step, promise)
    for request in _legs(step, transaction):
        end_leg(step, request)
    plan_asking(step, transaction.commit)
    tell_decided(step, transaction.commit)


def _legs(step: Step, transaction: Transaction) -> list[Request]:
    """Bound requests that have been promised something under this commit_id, each once."""
    if transaction.role is not Role.SEAT:
        return []
    found = (request_of(step, promise) for promise in step.promises_of(transaction.commit))
    return list({request.id: request for request in found if request and request.bound}.values())


def _pending(step: Step, commit: bytes, direction: Direction) -> list[Promise]:
    return [p for p in step.promises_of(commit) if p.pending and p.direction is direction]


def _end_by_abort(step: Step, promise: Promise) -> None:
    """ATOMIC at once; SECURED once its own expiry has passed too; the others by their clocks."""
    if not promise.level.late_ok:
        return
    if not may_free(promise.level, step.now_us, promise.expires_at_us, aborted=True):
        # Written, so that it waits for its time anew: on a clock that has been set back since, that
        # time may have come before, when there was no certificate.
        step.put(promise)
        return
    if promise.direction is Direction.OUT:
        ended = move(step, promise, PromisePhase.ABORTED)
        after_first_ended(step, ended)
    elif promise.shown is not Shown.COMMIT:
        end_held(step, promise, PromisePhase.ABORTED)


def _release_hopeless(step: Step, promise: Promise) -> None:
    """No commit can come any more: what we hold and cannot use is given up, not waited out."""
    transaction = step.the_transaction(promise.commit)
    partner = partner_of(step, promise)
    free = partner is None or (partner.phase.final and partner.phase is not PromisePhase.REDEEMED)
    if free and promise.shown is Shown.NOTHING and not transaction.commit_evidence:
        release(step, promise, Refusal(Reason.ABORTED_AHEAD))
