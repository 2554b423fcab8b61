"""One table of what can happen to a sale, and who sees to it."""

from typing import Final, assert_never

from node.core.effects import Answer
from node.core.escrow.events import RegistrarSaid
from node.core.escrow.rows import Letter
from node.core.escrow.rows import Step as Batch
from node.core.rows import replace
from node.core.sale.agreeing import contract_drafted, on_terms, pool_answered
from node.core.sale.bargaining import bid, on_offered, on_reveal, on_ruled, open_sale
from node.core.sale.course import P, close, move
from node.core.sale.deciding import (
    attest,
    decline,
    on_controlled,
    on_share,
    show_control,
    sign_decision,
)
from node.core.sale.entering import enter_sale, on_asked, on_joined
from node.core.sale.events import (
    Attest,
    BidRule,
    CastVote,
    CloseSale,
    ContractDrafted,
    DeclineDecision,
    EnterSale,
    GiveCredential,
    HandOver,
    KeepAgent,
    OpenSale,
    RefuseCredential,
    SaleEvent,
    SaleLetterCame,
    ShowControl,
    SignDecision,
)
from node.core.sale.locking import (
    give_credential,
    give_up_lock,
    hand_over,
    on_credential,
    on_lock,
    on_staked,
    refuse_credential,
    stake_answered,
)
from node.core.sale.reading import offer_of, role_of, sale_of, share_at
from node.core.sale.rows import Sale
from node.core.sale.settling import cast_vote, vote_opened, vote_sealed
from node.core.view import Step, View
from proto.keys import NodeId
from proto.reason import Reason, Refusal
from proto.sale.contract import read_contract
from proto.sale.letters import (
    Asked,
    Closed,
    Controlled,
    Credential,
    Joined,
    Lock,
    Offered,
    Reveal,
    Ruled,
    SaleShare,
    SaleWords,
    Staked,
    Terms,
)
from proto.sale.reasons import SaleReason
from proto.sale.stakes import STAKERS, Decision, SaleRole

_UNBOUND = frozenset({P.OFFERED, P.CHOSEN, P.ASKED, P.JOINED})
_REFUSAL: Final = {
    SaleRole.AGENT: SaleReason.AGENT_REFUSED,
    SaleRole.ARBITER: SaleReason.ARBITER_REFUSED,
}


def on_sale_event(step: Step, event: SaleEvent) -> Answer | None:
    """A refused or repeated one changes nothing."""
    match event:
        case OpenSale():
            return open_sale(step, event)
        case BidRule():
            return bid(step, event)
        case EnterSale():
            return enter_sale(step, event)
        case CloseSale():
            return _close(step, event)
        case ContractDrafted():
            return contract_drafted(step, event)
        case GiveCredential():
            return give_credential(step, event)
        case HandOver():
            return hand_over(step, event)
        case RefuseCredential():
            return refuse_credential(step, event)
        case ShowControl():
            return show_control(step, event)
        case Attest():
            return attest(step, event)
        case SignDecision():
            return sign_decision(step, event)
        case DeclineDecision():
            return decline(step, event)
        case CastVote():
            return cast_vote(step, event)
        case SaleLetterCame():
            _letter(step, event)
        case KeepAgent():
            step.put(event.row)
            return Answer()
        case _:
            assert_never(event)
    return None


def _letter(step: Step, event: SaleLetterCame) -> None:
    match event.words.body:
        case Offered() as body:
            on_offered(step, event, body)
        case Ruled() as body:
            on_ruled(step, event, body)
        case Reveal() as body:
            on_reveal(step, event, body)
        case Asked() as body:
            on_asked(step, event, body)
        case Joined() as body:
            on_joined(step, event, body)
        case Terms() as body:
            on_terms(step, event, body)
        case SaleShare() as body:
            on_share(step, event, body)
        case Credential() as body:
            on_credential(step, event, body)
        case Lock() as body:
            on_lock(step, event, body)
        case Staked() as body:
            on_staked(step, event, body)
        case Controlled() as body:
            on_controlled(step, event, body)
        case Closed() as body:
            _closed(step, event, body)
        case _:
            assert_never(event.words.body)


def _close(step: Step, event: CloseSale) -> Answer:
    """One side does not want it any more. While nobody is bound that ends it; later it is a plea:
    what is signed is signed, and ends by its certificates."""
    sale = sale_of(step, event.sale)
    if sale is None:
        return Answer(Refusal(Reason.SALE_UNKNOWN))
    if sale.phase in _UNBOUND:
        close(step, sale, _REFUSAL.get(sale.role, SaleReason.REFUSED))
        return Answer()
    signed = bool(sale.shares[share_at(Decision.LOCK, sale.role)])
    taken = bool(sale.submitted >> Decision.LOCK & 1) or sale.phase is not P.LOCKING
    taken |= sale.role not in STAKERS
    if taken or (signed and sale.role is not SaleRole.AGENT):
        return Answer(Refusal(Reason.SALE_STATE))
    give_up_lock(step, sale, SaleReason.REFUSED)
    return Answer()


def _closed(step: Step, event: SaleLetterCame, body: Closed) -> None:
    """Another party does not go on."""
    sale = sale_of(step, event.words.sale)
    role = role_of(sale, event.sender) if sale is not None else None
    if sale is None or role is None or role is sale.role:
        return
    if sale.phase in _UNBOUND:
        move(step, replace(sale, blamed=role), P.CLOSED, body.why)
    elif sale.phase is P.AGREED and body.why is SaleReason.CREDENTIAL_BAD:
        if role is SaleRole.AGENT and sale.role is SaleRole.SELLER:
            step.put(replace(sale, credential=b""))  # she may give another one
    elif sale.phase is P.LOCKING and {role, sale.role} <= {*STAKERS}:
        give_up_lock(step, replace(sale, blamed=role), body.why)


def on_house_said(step: Step, letter: Letter, event: RegistrarSaid) -> None:
    """The house has answered a batch of a sale, in a way that is final."""
    sale = sale_of(step, letter.deal)
    if sale is None:
        return
    match letter.step:
        case Batch.POOL:
            pool_answered(step, sale, event.refused, event.promise)
        case Batch.STAKE:
            stake_answered(step, sale, event.refused, event.promise)
        case Batch.SEAL_VOTE:
            vote_sealed(step, sale, event.refused)
        case Batch.OPEN_VOTE:
            vote_opened(step, sale, event.refused)
        case _:
            pass


def is_early(view: View, sender: NodeId, words: SaleWords) -> bool:
    """Whether a letter speaks of what has not come yet. Letters overtake each other: a receipt for
    this one would lose it, and nobody would say it again."""
    sale = sale_of(view, words.sale)
    if sale is None or sale.phase.final:
        return False
    match words.body:
        case Reveal():
            return sale.phase is P.OFFERED and bool(sale.seed)
        case Joined():
            return sale.phase < P.ASKED
        case Terms(contract=contract):
            waits = P.ASKED if sale.role is SaleRole.SELLER else P.JOINED
            return sale.phase < waits and bool(sale.seed) and bool(contract)
        case Credential() | Lock():
            return P.JOINED <= sale.phase <= P.AGREEING or _awaits_terms(sale)
        case SaleShare(decision=decision):
            return _is_early_share(sale, decision)
        case Staked():
            return sale.phase in (P.AGREEING, P.AGREED)
        case Controlled():
            return sale.phase is P.LOCKING
        case _:
            return False


def _awaits_terms(sale: Sale) -> bool:
    return sale.role is SaleRole.SELLER and sale.phase is P.ASKED


def _is_early_share(sale: Sale, decision: Decision) -> bool:
    match decision:
        case Decision.AGREE:
            return not sale.contract
        case Decision.LOCK:
            return sale.phase is P.AGREED
        case _:
            return not sale.contract


def sale_matters_until_us(sale: Sale) -> int:
    """Until then a letter about it may change something: its votes end it, or its offer."""
    if sale.contract:
        return read_contract(sale.contract).votes_open_until_us
    return offer_of(sale).expires_at_us
