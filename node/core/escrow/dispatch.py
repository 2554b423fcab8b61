"""One table of what can happen to an exchange, and who sees to it."""

from typing import assert_never

from node.core.deciding import learn_certificate
from node.core.effects import Answer
from node.core.escrow.answering import on_registrar_said
from node.core.escrow.coordinating import (
    on_accepted,
    on_given,
    on_seat_withdraws,
    on_share,
)
from node.core.escrow.events import (
    CancelDeal,
    EscrowEvent,
    JoinSeat,
    KeepRow,
    LeaveSeat,
    LetterCame,
    LetterTaken,
    Propose,
    RegistrarSaid,
)
from node.core.escrow.fixing import on_fix
from node.core.escrow.giving import on_give
from node.core.escrow.proposing import cancel_deal, fail, on_join, propose
from node.core.escrow.reading import deal_of, deal_under, party_of, proposal_of
from node.core.escrow.rows import DealPhase, Letter
from node.core.escrow.settling import letter_taken
from node.core.escrow.signing import on_receive
from node.core.escrow.sitting import join_seat, leave_seat, on_invite, on_withdrawn
from node.core.escrow.taking_over import on_dossier
from node.core.people.joining import keep_of_people
from node.core.people.rows import OfPeople
from node.core.view import Step
from proto.escrow.letters import (
    Decided,
    Dossier,
    Fix,
    Give,
    Given,
    Invite,
    Join,
    LegsAccepted,
    OfSale,
    Receive,
    Share,
    Withdraw,
)
from proto.escrow.reasons import EscrowReason
from proto.keys import NodeId


def on_escrow_event(step: Step, event: EscrowEvent) -> Answer | None:
    """A refused or repeated one changes nothing."""
    match event:
        case Propose():
            return propose(step, event)
        case JoinSeat():
            return join_seat(step, event)
        case LeaveSeat():
            return leave_seat(step, event)
        case CancelDeal():
            return cancel_deal(step, event)
        case LetterCame():
            _letter(step, event)
        case LetterTaken():
            _taken(step, event)
        case RegistrarSaid():
            on_registrar_said(step, event)
        case KeepRow():
            if isinstance(event.row, OfPeople):
                return keep_of_people(step, event.row)
            step.put(event.row)
            return Answer()
        case _:
            assert_never(event)
    return None


def _taken(step: Step, event: LetterTaken) -> None:
    letter = step.row((Letter.table, event.letter, b""))
    if isinstance(letter, Letter) and not letter.answered:
        letter_taken(step, letter)


def _letter(step: Step, event: LetterCame) -> None:
    sender = event.letter.sender
    match event.letter.body:
        case Invite() as body:
            on_invite(step, event, body)
        case Join() as body:
            on_join(step, sender, body, event.signed, event.seed)
        case Withdraw() as body:
            _withdraw(step, sender, body)
        case Fix() as body:
            on_fix(step, event, body)
        case LegsAccepted() as body:
            on_accepted(step, sender, body)
        case Give() as body:
            on_give(step, sender, deal_under(step, body.commit), body)
        case Given() as body:
            on_given(step, sender, body)
        case Receive() as body:
            on_receive(step, sender, deal_under(step, body.commit), body)
        case Share() as body:
            on_share(step, sender, body)
        case Dossier() as body if event.fault is EscrowReason.NONE:
            on_dossier(step, sender, body)
        case Dossier():
            pass  # of what its template does not say, or what is not safe: nobody would join it
        case Decided() as body:
            learn_certificate(step, body.certificate)
        case OfSale():
            pass  # read outside, and given as SaleLetterCame
        case _:
            assert_never(event.letter.body)


def _withdraw(step: Step, sender: NodeId, body: Withdraw) -> None:
    """Of a seat to its initiator or coordinator, or of the initiator to a seat."""
    on_withdrawn(step, sender, body)
    deal = deal_of(step, body.proposal_id)
    if deal is None:
        return
    if deal.phase is DealPhase.PROPOSED:
        if party_of(proposal_of(deal), body.seat) == sender:
            fail(step, deal, body.why, body.seat)
        return
    on_seat_withdraws(step, sender, deal, body)
