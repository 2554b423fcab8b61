"""How the end of one promise of a node bears on its partner, and what becomes an incident."""

from node.core.promise import move, partner_of
from node.core.rows import Direction, Incident, IncidentKind, Promise, PromisePhase, Shown
from node.core.view import Step
from proto.messages import Release
from proto.reason import Reason, Refusal

_AHEAD = {
    PromisePhase.REFUSED: Reason.REFUSED_AHEAD,
    PromisePhase.RELEASED: Reason.REFUSED_AHEAD,
    PromisePhase.EXPIRED: Reason.EXPIRED_AHEAD,
    PromisePhase.ABORTED: Reason.ABORTED_AHEAD,
}


def after_given_ended(step: Step, given: Promise | None) -> None:
    """A promise that we gave ended unredeemed: what covers it is released at once.

    Outcome known, so nobody upstream waits for a clock. Not while a commit is known or shown: then
    the promise that we hold is worth its amount, whatever became of ours.
    """
    if given is None or given.phase not in _AHEAD:
        return
    held = partner_of(step, given)
    if held is None or not held.pending or held.shown is not Shown.NOTHING:
        return
    transaction = step.the_transaction(held.commit)
    if transaction.commit_evidence:
        return
    release(step, held, given.because or Refusal(_AHEAD[given.phase]))


def release(step: Step, held: Promise, because: Refusal) -> None:
    """Gives up a promise that we hold. Only where no promise that it covers can be claimed."""
    assert held.direction is Direction.IN
    partner = partner_of(step, held)
    assert partner is None or (partner.phase.final and partner.phase is not PromisePhase.REDEEMED)
    move(step, held, PromisePhase.RELEASED, because)
    step.send(held.peer, Release(held.id, because))


def note_loss(step: Step, held: Promise, given: Promise) -> None:
    """We owe downstream and are not owed upstream: the risk of this mode has become true."""
    record(
        step,
        IncidentKind.LOSS,
        held,
        f"promise held ended {held.phase.name}, promise given was redeemed for {given.amount}",
        amount=given.amount,
    )


def record(
    step: Step,
    kind: IncidentKind,
    promise: Promise,
    detail: str,
    evidence: bytes = b"",
    amount: int | None = None,
) -> None:
    """An entry of the operator's inbox; the same one twice stays the first one."""
    incident = Incident(
        subject=promise.promisor[:16] + promise.id,
        kind=kind,
        at_us=step.now_us,
        peer=promise.peer,
        amount=promise.amount if amount is None else amount,
        detail=detail,
        evidence=evidence,
    )
    if step.row(incident.key) is None:
        step.put(incident)
