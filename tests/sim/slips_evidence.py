"""Slips in how evidence is taken, asked for, shown and booked, and in the life of a payment."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace as copied

from node.core import asking, claim, deciding, ending, payer, promise
from node.core.effects import Answer
from node.core.events import AbandonPayment
from node.core.rows import (
    Ask,
    Payment,
    PaymentPhase,
    Promise,
    PromisePhase,
    Role,
    Transaction,
    replace,
)
from node.core.view import Step
from proto import certificate
from proto.certificate import CertificateFault, CertificateInvalid
from proto.descriptor import Descriptor
from proto.keys import NodeId
from proto.levels import Level
from proto.limits import GRACE_US
from proto.messages import Redeemed
from tests.sim.patching import changed, everywhere


@contextmanager
def _counted(**quorums: int) -> Iterator[None]:
    """Certificates are made, and verified, as if their policy had other quorums."""
    sound = deciding._conclude

    def conclude(
        step: Step, transaction: Transaction, descriptor: Descriptor, evidence: bytes
    ) -> bool:
        policy = copied(descriptor.policy, **quorums)
        return sound(step, transaction, copied(descriptor, policy=policy), evidence)

    def check_count(statements: Sequence[object], *_: object) -> None:
        if not statements:
            raise CertificateInvalid(CertificateFault.QUORUM)

    with (
        changed(deciding, "_conclude", conclude),
        changed(certificate, "_check_count", check_count),
    ):
        yield


@contextmanager
def commit_by_one() -> Iterator[None]:
    """One member of a collective that has committed counts for all."""
    with _counted(qc=1):
        yield


@contextmanager
def abort_by_one() -> Iterator[None]:
    """One member of a collective that has refused counts for all."""
    with _counted(qa=1):
        yield


@contextmanager
def never_asks() -> Iterator[None]:
    """Nobody asks a registry what has become of a transaction; commits are still handed in."""
    sound = asking.ask_now

    def ask_now(step: Step, transaction: Transaction) -> None:
        if transaction.ask is not Ask.QUERY:
            sound(step, transaction)

    with everywhere(sound, ask_now):
        yield


@contextmanager
def not_handed_in() -> Iterator[None]:
    """A node in mode SECURED or GATEWAY shows a bare commit upstream, and to no registry."""
    sound = asking._needs_stamp

    def needs_stamp(step: Step, transaction: Transaction, pending: list[Promise]) -> bool:
        return transaction.role is Role.PAYEE and sound(step, transaction, pending)

    with changed(asking, "_needs_stamp", needs_stamp):
        yield


@contextmanager
def late_certificate_refused() -> Iterator[None]:
    """SECURED is redeemed until its expiry and no longer, whatever is shown."""

    def admissible(level: Level, shown_at_us: int, expires_at_us: int, *, certified: bool) -> bool:
        in_time = shown_at_us <= expires_at_us + GRACE_US
        return certified if level is Level.ATOMIC else in_time

    with (
        everywhere(claim.admissible, admissible),
        everywhere(claim.settle_given, lambda *_: None),
    ):
        yield


@contextmanager
def booked_twice() -> Iterator[None]:
    """What comes twice is booked twice; see `slips_engine.heard_twice`."""
    sound = claim.on_redeemed

    def on_redeemed(step: Step, peer: NodeId, body: Redeemed, evidence: bytes) -> None:
        held = step.promise(peer, body.promise)
        if held is not None and held.phase is PromisePhase.REDEEMED:
            line = step.the_line(held.line)
            step.put(replace(line, booked_in=line.booked_in + held.amount))
            return
        sound(step, peer, body, evidence)

    with everywhere(sound, on_redeemed):
        yield


@contextmanager
def booked_in_passing() -> Iterator[None]:
    """A promisor books the debt and leaves the number of its direction as it was."""
    sound = promise.book_given

    def book_given(step: Step, given: Promise, ended_by: bytes = b"") -> Promise:
        moved = sound(step, given, ended_by)
        line = step.the_line(given.line)
        step.put(replace(line, sequence_out=line.sequence_out - 1))
        return moved

    with everywhere(sound, book_given):
        yield


@contextmanager
def abort_frees_nothing() -> Iterator[None]:
    """A node in the middle that knows of an abort goes on waiting."""
    sound = ending._end_by_abort

    def end_by_abort(step: Step, ended: Promise) -> None:
        if not ended.partner_id:
            sound(step, ended)

    with changed(ending, "_end_by_abort", end_by_abort):
        yield


@contextmanager
def abandoned_is_over() -> Iterator[None]:
    """A payer takes its own Abandon for the end of the attempt, and begins another one."""
    sound = payer.abandon

    def abandon(step: Step, event: AbandonPayment) -> Answer:
        answer = sound(step, event)
        row = step.payment(event.payment)
        if isinstance(row, Payment) and row.phase is PaymentPhase.PROMISED:
            step.put(replace(row, phase=PaymentPhase.ROUTING, because=None))
        return answer

    with everywhere(sound, abandon):
        yield
