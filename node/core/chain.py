"""How the end of one promise bears on its partner or its request, and what becomes an incident."""

from node.core.promise import move, partner_of
from node.core.rows import (
    Direction,
    Incident,
    IncidentKind,
    Promise,
    PromisePhase,
    Request,
    RequestPhase,
    Shown,
    replace,
)
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


def end_held(
    step: Step, promise: Promise, phase: PromisePhase, because: Refusal | None = None
) -> None:
    """A promise that we hold ended unredeemed. If we paid for it already, that is the loss."""
    ended = move(step, promise, phase, because)
    partner = partner_of(step, promise)
    if partner is not None and partner.phase is PromisePhase.REDEEMED:
        note_loss(step, ended, partner)
    close_request(step, promise)


def request_of(step: Step, promise: Promise) -> Request | None:
    """The request whose live attempt this promise is part of; None for every other promise."""
    if promise.direction is not Direction.IN or not promise.owner:
        return None
    request = step.request(promise.owner)
    return request if request and request.commit == promise.commit else None


def close_request(step: Step, promise: Promise) -> None:
    """Once nothing that the payee signed for is pending, the request is paid or open again.

    A bound request is paid by what was redeemed, whoever signed: the registry has decided.
    """
    request = request_of(step, promise)
    if request is None or not (request.phase is RequestPhase.SIGNED or _is_unpaid_leg(request)):
        return
    held = step.promises_for(request)
    if any(p.pending for p in held) or not any(p.phase is PromisePhase.REDEEMED for p in held):
        return
    for promise in held:
        # What was given up had been so before we signed: what is signed for is not.
        if promise.phase not in (PromisePhase.REDEEMED, PromisePhase.RELEASED):
            record(step, IncidentKind.LOSS, promise, "another part of the request was paid")
    step.put(replace(request, phase=RequestPhase.PAID, ended_at_us=step.now_us))


def _is_unpaid_leg(request: Request) -> bool:
    return bool(request.bound) and request.phase is not RequestPhase.PAID


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
) -> bool:
    """An entry of the operator's inbox; whether it is new, since the first one stays."""
    incident = Incident(
        subject=promise.promisor[:16] + promise.id,
        kind=kind,
        at_us=step.now_us,
        peer=promise.peer,
        amount=promise.amount if amount is None else amount,
        detail=detail,
        evidence=evidence,
    )
    if step.row(incident.key) is not None:
        return False
    step.put(incident)
    return True
