"""A registry that signed both ways: the commit dominates (protocol section 8, registry section 7).

No promise makes a second transition. The operator gets both certificates; and where the commit was
logged in time, what an ended promise would have been worth is booked as a claim of its own.
"""

from node.core.chain import record
from node.core.rows import (
    Direction,
    Incident,
    IncidentKind,
    Promise,
    PromisePhase,
    Role,
    Transaction,
)
from node.core.view import Step
from proto.certificate import CommitCertificate
from proto.descriptor import decode_descriptor
from proto.lateness import dominates
from proto.levels import Level
from proto.messages import Claim
from proto.reason import Reason


def note_contradictions(
    step: Step, transaction: Transaction, certificate: CommitCertificate
) -> None:
    """At every promise under it; and where we have a part in an exchange, which may hold none, once
    for that part: rights hang on the decision too."""
    for promise in step.promises_of(transaction.commit):
        note_contradiction(step, promise, transaction, certificate)
    if transaction.role is not Role.SEAT:
        return
    incident = Incident(
        subject=transaction.commit,
        kind=IncidentKind.CONTRADICTION,
        at_us=step.now_us,
        peer=step.settings.node,
        detail="the registry signed a commit certificate and an abort certificate of an exchange",
        evidence=certificate.encode(),
    )
    if step.row(incident.key) is None:
        step.put(incident)


def note_contradiction(
    step: Step, promise: Promise, transaction: Transaction, certificate: CommitCertificate
) -> None:
    """`certificate` is verified, and `transaction` has an abort certificate as well."""
    encoded = certificate.encode()
    detail = "the registry signed a commit certificate and an abort certificate"
    ended = _ended_by_abort(promise)
    dominant = ended and _dominates(step, transaction, certificate)
    if ended and not dominant:
        # Perhaps dated back: that is for the operator to find out.
        detail += "; shown too late to be booked without enough witnesses' proof"
    record(step, IncidentKind.CONTRADICTION, promise, detail, encoded)
    if not dominant:
        return
    owed = "owed to us" if promise.direction is Direction.IN else "owed by us"
    new = record(step, IncidentKind.CLAIM, promise, f"{owed}: the commit dominates", encoded)
    if new and promise.direction is Direction.IN:
        # Once, so that its promisor knows what it owes; it answers that the promise has ended.
        step.send(promise.peer, Claim(promise.id, certificate))


def _dominates(step: Step, transaction: Transaction, certificate: CommitCertificate) -> bool:
    deadline_us = decode_descriptor(transaction.descriptor).deadline_us
    settings = step.settings
    rules = settings.late_rules
    return dominates(certificate, deadline_us, settings.records, rules, step.now_us)


def _ended_by_abort(promise: Promise) -> bool:
    """By the certificate, or released because of it, here or further ahead."""
    if promise.level is Level.BARE:
        return False  # no registry decides about it
    if promise.phase is PromisePhase.RELEASED:
        return promise.because is not None and promise.because.reason is Reason.ABORTED_AHEAD
    return promise.phase is PromisePhase.ABORTED
