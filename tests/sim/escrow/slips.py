"""Planted bugs of exchanges: each as small as a real one, and every node or registrar has it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from node.core import deciding, ending
from node.core.escrow import fixing, settling, signing
from node.registrar import core, legs
from node.registrar.court import Court
from node.registrar.rows import Account, Hold
from node.registrar.rows import Leg as LegRow
from node.registrar.step import Step
from proto.certificate import Certificate
from proto.descriptor import Descriptor, commit_id, decode_descriptor
from proto.escrow.ops import LegPhase, OpResult, Prepare, RegistrarError
from tests.sim.patching import changed, everywhere


@contextmanager
def alone() -> Iterator[None]:
    """A seat does not look who has to commit: the coordinator alone may."""
    with changed(fixing, "_committers_fit", lambda *_: True):
        yield


@contextmanager
def any_key() -> Iterator[None]:
    """A seat takes the coordinator's word for the key of whoever receives what it wants."""
    with changed(fixing, "_receivers_fit", lambda *_: True):
        yield


@contextmanager
def any_terms() -> Iterator[None]:
    """A seat does not compare the terms with what it joined."""
    with changed(fixing, "_terms_fit", lambda *_: True):
        yield


@contextmanager
def too_early() -> Iterator[None]:
    """A seat signs before it holds the promises of what it wants."""
    with changed(signing, "_is_there", lambda *_: True):
        yield


@contextmanager
def any_certificate() -> Iterator[None]:
    """A registrar delivers for a certificate that it has not verified."""

    def judge(self: Court, certificate: Certificate, now_us: int) -> Descriptor:
        del self, now_us
        return decode_descriptor(
            certificate.commit.descriptor
            if hasattr(certificate, "commit")
            else certificate.descriptor
        )

    with changed(Court, "judge", judge):
        yield


@contextmanager
def both_ways() -> Iterator[None]:
    """An abort returns what was prepared, and delivers it, too."""
    free = legs._free

    def both(step: Step, leg: LegRow, delivered: bool) -> None:
        free(step, leg, delivered)
        if not delivered:
            hold = step.get(Hold, leg.destination_hold)
            step.put(replace(hold, amount=hold.amount + leg.amount - leg.fee))

    with changed(legs, "_free", both):
        yield


@contextmanager
def fee_lost() -> Iterator[None]:
    """The registrar's fee is taken and goes nowhere."""
    with everywhere(legs.earn, lambda *_: None):
        yield


@contextmanager
def no_fence() -> Iterator[None]:
    """A leg that was cancelled can still be prepared."""
    prepare = legs.prepare

    def unfenced(step: Step, op: Prepare) -> OpResult:
        leg = legs.read_leg(step, op.descriptor, op.leg)[1]
        known = step.find(LegRow, (commit_id(op.descriptor), leg.no))
        if known is not None and known.phase is LegPhase.FENCED:
            step.remove(known)
        return prepare(step, op)

    with changed(core, "prepare", unfenced):
        yield


@contextmanager
def any_leg() -> Iterator[None]:
    """A hold that is tied to one exchange can be used in any other."""
    open_hold = Step.open_hold

    def loose(self: Step, arg: Any) -> Hold:
        return replace(open_hold(self, arg), only_for=b"")

    with changed(Step, "open_hold", loose):
        yield


@contextmanager
def twice() -> Iterator[None]:
    """A certificate that comes again delivers again."""
    apply = legs._apply

    def again(step: Step, leg: LegRow, commit: Any, decided: Descriptor, pooled: bool) -> None:
        if leg.phase is not LegPhase.DELIVERED or commit is None:
            apply(step, leg, commit, decided, pooled)
            return
        taker = step.get(Account, leg.destination)
        step.put(replace(taker, balance=taker.balance + leg.amount - leg.fee))
        step.entries.append(legs._entry(step, leg, legs.Act.LEG))

    with changed(legs, "_apply", again):
        yield


@contextmanager
def any_word() -> Iterator[None]:
    """A node believes who tells it a decision, and verifies nothing."""
    with (
        changed(deciding, "verify_commit_certificate", _believes),
        changed(ending, "verify_abort_certificate", _believes),
    ):
        yield


def _believes(certificate: Certificate, *_: Any, **__: Any) -> Descriptor:
    return decode_descriptor(certificate.descriptor)


@contextmanager
def holds_stay() -> Iterator[None]:
    """What a seat's holds contain is not collected when the exchange has ended."""
    with changed(settling, "_is_made", lambda *_: False):
        yield


@contextmanager
def unvetted() -> Iterator[None]:
    """A registrar makes a hold for one who may not own what is to come into it."""

    def refuse_late(step: Step, leg: LegRow, delivered: bool) -> None:
        if delivered:
            legs.refuse(RegistrarError.NOT_VETTED)
        free(step, leg, delivered)

    free = legs._free
    with changed(legs, "_free", refuse_late):
        yield
