"""The node's core: `apply(view, event)` gives changes and effects, and touches nothing."""

from dataclasses import dataclass
from typing import assert_never

from node.core.claim import on_claim, on_denied, on_redeemed
from node.core.deciding import learn_certificate, on_registry_said
from node.core.due import on_due
from node.core.effects import Answer, Effect, PeerFault
from node.core.ending import on_abandon, on_accepted, on_passed, on_refuse, on_release
from node.core.escrow.dispatch import on_escrow_event
from node.core.escrow.events import EscrowEvent
from node.core.events import (
    AbandonPayment,
    AcceptLine,
    AddRequest,
    ChangeLimit,
    CloseLine,
    ConfirmRequest,
    CreatePayment,
    DeclineRequest,
    Due,
    Event,
    FromPeer,
    GiveUpPayment,
    LearnCertificate,
    OfferLine,
    RegistryExposed,
    RegistrySaid,
    StartAttempt,
)
from node.core.exposing import on_registry_exposed
from node.core.line import (
    accept_line,
    change_limit,
    close_line,
    offer_line,
    on_line_accept,
    on_line_close,
    on_line_limit,
    on_line_offer,
)
from node.core.offer import on_promise
from node.core.payee import add_request, confirm_request, decline_request
from node.core.payer import abandon, create_payment, give_up, start_attempt
from node.core.people.dispatch import on_people_event
from node.core.people.events import PeopleEvent
from node.core.rows import Row
from node.core.sale.dispatch import on_sale_event
from node.core.sale.events import SaleEvent
from node.core.view import Step, View
from proto.messages import (
    Abandon,
    Accepted,
    Claim,
    Denied,
    LineAccept,
    LineClose,
    LineLimit,
    LineOffer,
    LineState,
    Passed,
    Promise,
    Redeemed,
    Refuse,
    Release,
)


@dataclass(frozen=True, slots=True)
class Applied:
    """Rows to write (each at most once) and what to do once they are durable."""

    changes: tuple[Row, ...]
    effects: tuple[Effect, ...]


NOTHING = Applied((), ())


def apply(view: View, event: Event) -> Applied:
    """One event. A refused or repeated one gives no changes.

    A peer's fault voids the whole step: nothing of what it said counts, and the only effect is
    that its connection ends.
    """
    step = Step(view, event.now_us)
    answer = _dispatch(step, event)
    for effect in step.effects:
        if isinstance(effect, PeerFault):
            return Applied((), (effect,))
    if answer is not None:
        step.effects.append(answer)
    return Applied(step.changes, tuple(step.effects))


def _dispatch(step: Step, event: Event) -> Answer | None:
    match event:
        case FromPeer():
            _from_peer(step, event)
        case RegistrySaid():
            on_registry_said(step, event)
        case LearnCertificate():
            learn_certificate(step, event.certificate)
        case RegistryExposed():
            on_registry_exposed(step, event)
        case Due():
            on_due(step, step.row(event.key))
        case OfferLine():
            return offer_line(step, event)
        case AcceptLine():
            return accept_line(step, event)
        case ChangeLimit():
            return change_limit(step, event)
        case CloseLine():
            return close_line(step, event)
        case AddRequest():
            return add_request(step, event)
        case ConfirmRequest():
            return confirm_request(step, event)
        case DeclineRequest():
            return decline_request(step, event)
        case CreatePayment():
            return create_payment(step, event)
        case StartAttempt():
            return start_attempt(step, event)
        case GiveUpPayment():
            return give_up(step, event)
        case AbandonPayment():
            return abandon(step, event)
        case _:
            return _of_a_room(step, event)
    return None


def _of_a_room(step: Step, event: EscrowEvent | PeopleEvent | SaleEvent) -> Answer | None:
    if isinstance(event, EscrowEvent):
        return on_escrow_event(step, event)
    if isinstance(event, PeopleEvent):
        return on_people_event(step, event)
    return on_sale_event(step, event)


def _from_peer(step: Step, event: FromPeer) -> None:
    peer = event.peer
    match event.body:
        case Promise() as body:
            on_promise(step, event, body)
        case Accepted() as body:
            on_accepted(step, peer, body)
        case Refuse() as body:
            on_refuse(step, peer, body, event.evidence)
        case Release() as body:
            on_release(step, peer, body, event.evidence)
        case Abandon() as body:
            on_abandon(step, peer, body)
        case Claim() as body:
            on_claim(step, peer, body, event.evidence)
        case Denied() as body:
            on_denied(step, peer, body)
        case Redeemed() as body:
            on_redeemed(step, peer, body, event.evidence)
        case Passed() as body:
            on_passed(step, peer, body)
        case LineOffer() as body:
            on_line_offer(step, peer, body)
        case LineAccept() as body:
            on_line_accept(step, peer, body)
        case LineLimit() as body:
            on_line_limit(step, peer, body)
        case LineClose() as body:
            on_line_close(step, peer, body)
        case LineState():
            pass  # a restored node compares heads with its neighbours; a running one need not
        case _:
            assert_never(event.body)
