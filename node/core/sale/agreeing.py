"""T0: the contract, the house's promise, and three signatures (escrow section 8).

Each checks the contract against what was offered, chosen and joined, and never takes the buyer's
word, who makes it; nobody signs before the house has promised every branch.
"""

from typing import Final

from node.core.asking import plan_asking
from node.core.effects import Answer
from node.core.escrow.opening import may_open, open_seat
from node.core.escrow.posting import ask_registrar
from node.core.escrow.rows import Step as Batch
from node.core.rows import replace
from node.core.sale.course import P, ask_about, close, move, tell, tell_others
from node.core.sale.entering import ROLES_JOINING, all_parties
from node.core.sale.events import ContractDrafted, SaleLetterCame
from node.core.sale.reading import (
    contract_of,
    descriptor_of,
    house_card,
    offer_of,
    own_party,
    own_shares,
    party_in,
    pool_of,
    reveal_in,
    role_of,
    sale_of,
    share_at,
    words_in,
)
from node.core.sale.rows import Sale
from node.core.view import Step
from proto.commit import SHARE_KIND, Evidence
from proto.descriptor import commit_id, decode_descriptor
from proto.envelope import Proof
from proto.escrow.ops import RegistrarError
from proto.limits import CLOCK_ERROR_MAX_US, MIN_LEAD_US
from proto.reason import Reason, Refusal
from proto.sale.choosing import choice_of
from proto.sale.contract import Contract, Party, check_decision, read_contract
from proto.sale.letters import (
    Joined,
    Reveal,
    SaleShare,
    Terms,
    shares_from_bytes,
    shares_to_bytes,
)
from proto.sale.ops import OpenPool
from proto.sale.promise import house_fee_ceil, pool_promise, read_pool_promise
from proto.sale.reasons import SaleReason
from proto.sale.stakes import STAKERS, Decision, SaleRole
from proto.wire import WireFault

# Between the buyer's clock, who dates the contract, and ours, on the way to us.
CLOCKS_US: Final = 2 * CLOCK_ERROR_MAX_US

HOUSE_SAYS: Final = {
    int(RegistrarError.INSUFFICIENT_FUNDS): SaleReason.FUNDS_SHORT,
    int(RegistrarError.NOT_VETTED): SaleReason.NO_ACCOUNT,
    int(RegistrarError.POLICY_NOT_ACCEPTED): SaleReason.NO_POLICY,
}
"""Of the house's reasons, those that a party can do something about."""


def choice_hash(sale: Sale) -> bytes:
    """How the agent was chosen: the offer, and the last rule of both sides."""
    return choice_of(sale.offer, *sale.rules[-2:])


def contract_drafted(step: Step, event: ContractDrafted) -> Answer:
    """The buyer's node has made it: the house is asked for its promise first."""
    sale = sale_of(step, event.sale)
    if sale is None or sale.phase is not P.JOINED or sale.role is not SaleRole.BUYER:
        return Answer(Refusal(Reason.SALE_STATE))
    if sale.contract:
        return Answer()
    sale = replace(sale, contract=event.contract, agreement=event.agreement)
    try:
        fault = _contract_fault(step, sale, all_parties(step, sale))
    except WireFault:
        fault = SaleReason.TERMS_MISMATCH
    if fault is not SaleReason.NONE:
        # Of what the others named nothing can be made, two of them have one key; or the offer
        # leaves no time.
        close(step, replace(sale, contract=b"", agreement=b""), fault)
        return Answer()
    # From here on it must succeed.
    step.put(replace(sale, due_at_us=offer_of(sale).expires_at_us))
    ops = (OpenPool(event.contract, event.agreement),)
    ask_registrar(step, sale.id, house_card(step, sale), ops, Batch.POOL)
    return Answer()


def pool_answered(step: Step, sale: Sale, refused: int, promise: bytes) -> None:
    """The house promises every branch of the split, or nobody agrees to anything."""
    if sale.phase is not P.JOINED:
        return
    sale = replace(sale, promise=promise)
    if refused or not _is_promised(sale):
        why = HOUSE_SAYS.get(refused, SaleReason.HOUSE_REFUSED)
        # The house looks at the balance of whoever opens the pool, which is us.
        close(step, sale, why, sale.role if why is SaleReason.FUNDS_SHORT else SaleRole.HOUSE)
        return
    # From here on it must succeed.
    sale = _agree(step, sale)
    letters = tuple(signed for signed in sale.joins if signed)
    tell_others(step, sale, Terms(sale.contract, sale.agreement, promise, letters))


def _is_promised(sale: Sale) -> bool:
    try:
        promise = read_pool_promise(sale.promise)
    except WireFault:
        return False
    return promise == pool_promise(contract_of(sale), sale.contract, sale.agreement)


def on_terms(step: Step, event: SaleLetterCame, body: Terms) -> None:
    """The contract, to whoever did not make it. The arbiter gets it from every party: the buyer,
    who makes it, must not be able to leave him out."""
    sale = sale_of(step, event.words.sale)
    if sale is None or not sale.seed or sale.role is SaleRole.BUYER:
        return
    sender = role_of(sale, event.sender)
    arbiter = sale.role is SaleRole.ARBITER
    if sender is not SaleRole.BUYER and not (arbiter and sender in STAKERS):
        return
    if sale.phase is not (P.ASKED if sale.role is SaleRole.SELLER else P.JOINED):
        return
    sale = replace(sale, contract=body.contract, agreement=body.agreement, promise=body.promise)
    try:
        fault = _terms_fault(step, sale, body)
    except WireFault:
        fault = SaleReason.TERMS_MISMATCH
    if fault is not SaleReason.NONE and sender is not SaleRole.BUYER:
        return  # who did not make it answers for nothing in it, and must not end the case by it
    if fault is not SaleReason.NONE:
        close(step, replace(sale, contract=b"", agreement=b""), fault, SaleRole.BUYER)
        return
    # From here on it must succeed.
    sale = _agree(step, replace(sale, joins=_kept_letters(sale, body)))
    if sale.role in STAKERS:
        _post_agreement(step, sale)
        if offer_of(sale).arbiter_card:
            tell(step, sale, SaleRole.ARBITER, body)
    else:
        # Nobody waits for the arbiter: T0 may be decided, and its certificate have come before the
        # terms, when it said nothing to him.
        ask_about(step, sale, (Decision.AGREE,))


def _kept_letters(sale: Sale, body: Terms) -> tuple[bytes, ...]:
    """Of each part but the buyer's, who signs the contract: what shows whose keys are whose, in a
    dispute as well. Who was asked to judge has the seller's by then."""
    letters = {party_in(signed).role: signed for signed in body.letters}
    every = zip(ROLES_JOINING, sale.joins, strict=True)
    return tuple(kept or letters.get(role, b"") for role, kept in every)


def _terms_fault(step: Step, sale: Sale, body: Terms) -> SaleReason:
    """The ladder, apart from what the contract says by itself. WireFault where it says nonsense."""
    read_contract(body.contract)
    parties = {party.role: party for party in contract_of(sale).parties}
    buyer = offer_of(sale).buyer
    named = [parties[SaleRole.BUYER]]
    for signed in body.letters:
        party = party_in(signed)
        words = words_in(signed, party.node, buyer)
        if words.sale != sale.id or not isinstance(words.body, Reveal | Joined):
            return SaleReason.TERMS_MISMATCH
        named.append(party)
    mine = own_party(step, sale)
    if mine not in named or not _buyer_fits(sale, parties[SaleRole.BUYER]):
        return SaleReason.TERMS_MISMATCH
    fault = _contract_fault(step, sale, tuple(sorted(named, key=lambda party: party.role)))
    if fault is SaleReason.NONE and not _is_promised(sale):
        return SaleReason.HOUSE_REFUSED
    return fault


def _buyer_fits(sale: Sale, party: Party) -> bool:
    """His keys are those that he has revealed."""
    return reveal_in(sale.reveals[0]).party == party


def _contract_fault(step: Step, sale: Sale, parties: tuple[Party, ...]) -> SaleReason:
    """Whether the contract is what was offered, chosen and joined; and T0 binds it."""
    offer, contract = offer_of(sale), contract_of(sale)
    right = offer.described
    if contract.parties != parties or contract.sale != sale.id:
        return SaleReason.TERMS_MISMATCH
    nodes = {party.role: party.node for party in contract.parties}
    wanted = {
        SaleRole.BUYER: offer.buyer,
        SaleRole.SELLER: offer.seller,
        SaleRole.AGENT: sale.agent,
    }
    if offer.arbiter is not None:
        wanted[SaleRole.ARBITER] = offer.arbiter
    figures = (contract.pool.stakes, contract.pool.tip, contract.pool.lot)
    fee = house_fee_ceil(right, offer.stakes.price)
    agreed = (contract.house, contract.brand, contract.arbitration, contract.choice)
    offered = (offer.house, right.brand.guid, offer.arbitration, choice_hash(sale))
    if nodes != wanted or agreed != offered or contract.policy != offer.policy:
        return SaleReason.TERMS_MISMATCH
    if figures != (offer.stakes, sale.tip, right.brand.unit) or contract.pool.house_fee != fee:
        return SaleReason.TERMS_MISMATCH
    if not frozenset(offer.policy.members) <= step.settings.usable:
        return SaleReason.NO_POLICY
    return _times_fault(step, sale, contract)


def _times_fault(step: Step, sale: Sale, contract: Contract) -> SaleReason:
    """Every end is as long after the one before as was offered; T0 binds the contract, in time."""
    offer, times = offer_of(sale), offer_of(sale).times
    descriptor = check_decision(
        sale.id, contract.parties, Decision.AGREE, sale.agreement, pool_of(sale)
    )
    ends = {d: decode_descriptor(data).deadline_us for d, data in contract.decisions.items()}
    at_us = contract.agreed_until_us
    spans = [(contract.locked_until_us, times.lock_us)]
    spans += [
        (ends[Decision.RELEASE], times.release_us),
        (ends[Decision.CHALLENGE], times.window_us),
    ]
    spans += [(ends[Decision.REFUND], times.refund_us)]
    if Decision.SLASH in ends:
        spans.append((ends[Decision.SLASH], times.slash_us))
    spans += [(contract.votes_sealed_until_us, times.vote_us)]
    spans += [(contract.votes_open_until_us, times.vote_us)]
    for end_us, span_us in spans:
        if end_us - at_us != span_us:
            return SaleReason.TERMS_MISMATCH
        at_us = end_us
    left_us = contract.agreed_until_us - step.now_us
    if descriptor.deadline_us != contract.agreed_until_us or descriptor.policy != offer.policy:
        return SaleReason.TERMS_MISMATCH
    if left_us > times.agree_us + CLOCKS_US or not may_open(step, sale.agreement):
        return SaleReason.TERMS_MISMATCH
    return SaleReason.NONE if left_us >= 2 * MIN_LEAD_US else SaleReason.EXPIRED


def _agree(step: Step, sale: Sale) -> Sale:
    """The terms are sound: this part signs T0, if it signs at all."""
    sale = move(step, sale, P.AGREEING)
    open_seat(step, sale.agreement, decode_descriptor(sale.agreement), sale.id)
    if sale.role in STAKERS:
        shares = own_shares(sale, Decision.AGREE, commit_id(sale.agreement))
        sale = with_shares(sale, Decision.AGREE, sale.role, shares)
        step.put(sale)
    return sale


def _post_agreement(step: Step, sale: Sale) -> None:
    shares = shares_from_bytes(sale.shares[share_at(Decision.AGREE, sale.role)])
    tell(step, sale, SaleRole.BUYER, SaleShare(Decision.AGREE, shares))


def with_shares(sale: Sale, decision: Decision, role: SaleRole, shares: tuple[Proof, ...]) -> Sale:
    """The row with the signatures of a part."""
    at = share_at(decision, role)
    kept = shares_to_bytes(shares)
    return replace(sale, shares=(*sale.shares[:at], kept, *sale.shares[at + 1 :]))


def shares_fit(
    sale: Sale, decision: Decision, role: SaleRole, commit: bytes, shares: tuple[Proof, ...]
) -> bool:
    """Whether these are the signatures of just that part's keys."""
    keys = contract_of(sale).party(role).keys_for(decision) if _has(sale, role) else ()
    return tuple(share.key for share in shares) == keys and all(
        share.proves(SHARE_KIND, commit) for share in shares
    )


def _has(sale: Sale, role: SaleRole) -> bool:
    return any(party.role is role for party in contract_of(sale).parties)


def gathered(sale: Sale, decision: Decision) -> tuple[Proof, ...] | None:
    """Enough signatures for a decision, in the order of its committers; None of too few."""
    threshold = decode_descriptor(descriptor_of(sale, decision)).threshold
    found = [
        share
        for role in SaleRole
        for share in shares_from_bytes(sale.shares[share_at(decision, role)])
    ]
    return tuple(found[:threshold]) if len(found) >= threshold else None


def submit(
    step: Step,
    sale: Sale,
    decision: Decision,
    commit: bytes,
    shares: tuple[Proof, ...],
    preimages: tuple[bytes, ...] = (),
) -> Sale:
    """Brings a decision to the registry. A crash after this change submits again; any other holder
    of the shares may submit too, but for T1, whose key one alone has."""
    evidence = Evidence(shares, preimages).encode()
    sale = replace(sale, submitted=sale.submitted | 1 << decision)
    step.put(sale)
    step.put(replace(step.the_transaction(commit), commit_evidence=evidence))
    plan_asking(step, commit)
    return sale


def agreement_shared(step: Step, sale: Sale) -> None:
    """At the buyer: with the third signature T0 goes to the registry."""
    if sale.role is not SaleRole.BUYER or sale.phase is not P.AGREEING:
        return
    shares = gathered(sale, Decision.AGREE)
    if shares is None or sale.submitted >> Decision.AGREE & 1:
        return
    submit(step, sale, Decision.AGREE, commit_id(sale.agreement), shares)
