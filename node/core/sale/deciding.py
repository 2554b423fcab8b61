"""After the lock: "delivered", release, refund, challenge, and what may end early (escrow 8)."""

from typing import Final

from node.core.asking import plan_asking
from node.core.effects import Answer
from node.core.escrow.opening import open_seat
from node.core.rows import replace
from node.core.sale.agreeing import agreement_shared, gathered, shares_fit, submit, with_shares
from node.core.sale.course import P, tell, tell_others
from node.core.sale.events import (
    Attest,
    DeclineDecision,
    SaleLetterCame,
    ShowControl,
    SignDecision,
)
from node.core.sale.locking import lock_shared
from node.core.sale.reading import (
    contract_of,
    decline_of,
    descriptor_of,
    known_of,
    own_shares,
    pool_decisions,
    role_of,
    sale_of,
    share_at,
)
from node.core.sale.rows import Sale
from node.core.view import Step
from proto.descriptor import commit_id, decode_descriptor
from proto.limits import MIN_LEAD_US
from proto.reason import Reason, Refusal
from proto.sale.contract import SIGNERS, may_decline
from proto.sale.handover import read_control, read_handed_over
from proto.sale.letters import Controlled, SaleShare
from proto.sale.stakes import Decision, Outcome, SaleRole
from proto.wire import WireFault

# An agent who has no proof of control holds back his share of T2 until so much of the time between
# lock and D2 is left, one part in this many: a challenge by then finds T2 open.
HELD_BACK_PART: Final = 8
SIGNED_BY_HAND: Final = (Decision.RELEASE, Decision.REFUND, Decision.SLASH, Decision.CHALLENGE)


def open_decisions(step: Step, sale: Sale) -> None:
    """The stakes are in the pool: from now on its decisions concern us."""
    for decision in pool_decisions(sale):
        data = descriptor_of(sale, decision)
        open_seat(step, data, decode_descriptor(data), sale.id)


def on_share(step: Step, event: SaleLetterCame, body: SaleShare) -> None:
    """Another party's signatures. Whoever has enough of them submits."""
    sale = sale_of(step, event.words.sale)
    if sale is None or not sale.contract or sale.phase.final:
        return
    role, data = role_of(sale, event.sender), descriptor_of(sale, body.decision)
    if role is None or not data or sale.shares[share_at(body.decision, role)]:
        return
    if role not in SIGNERS[body.decision][0]:
        return
    if not shares_fit(sale, body.decision, role, commit_id(data), body.shares):
        return
    # From here on it must succeed.
    sale = with_shares(sale, body.decision, role, body.shares)
    step.put(sale)
    match body.decision:
        case Decision.AGREE:
            agreement_shared(step, sale)
        case Decision.LOCK:
            lock_shared(step, sale)
        case decision:
            submit_if_enough(step, sale, decision)


def submit_if_enough(step: Step, sale: Sale, decision: Decision) -> Sale:
    """Enough signatures of a decision about the pool go to the registry."""
    if sale.phase not in (P.LOCKED, P.SPLIT) or sale.submitted >> decision & 1:
        return sale
    shares, commit = gathered(sale, decision), commit_id(descriptor_of(sale, decision))
    transaction = step.transaction(commit)
    if shares is None or transaction is None or transaction.decided:
        return sale
    return submit(step, sale, decision, commit, shares)


def sign_own(step: Step, sale: Sale, decision: Decision) -> Sale:
    """Our signatures towards a decision; the others hear of them."""
    if sale.shares[share_at(decision, sale.role)]:
        return sale
    shares = own_shares(sale, decision, commit_id(descriptor_of(sale, decision)))
    sale = with_shares(sale, decision, sale.role, shares)
    step.put(sale)
    if SIGNERS[decision][1] > 1:
        tell_others(step, sale, SaleShare(decision, shares))
    return submit_if_enough(step, sale, decision)


def _open(step: Step, sale: Sale | None, decision: Decision | None) -> Refusal | None:
    """Whether our part may still act on a decision."""
    if sale is None:
        return Refusal(Reason.SALE_UNKNOWN)
    if decision is None:
        return Refusal(Reason.SALE_NOT_YOURS)
    if sale.phase not in (P.LOCKED, P.SPLIT) or not descriptor_of(sale, decision):
        return Refusal(Reason.SALE_STATE)
    data = descriptor_of(sale, decision)
    if decision in known_of(step, sale) or step.the_transaction(commit_id(data)).decline_preimage:
        return Refusal(Reason.SALE_STATE)  # what was declined is not signed any more
    left_us = decode_descriptor(data).deadline_us - step.now_us
    if left_us < MIN_LEAD_US:
        return Refusal(Reason.TIME_SHORT, MIN_LEAD_US - left_us)
    return None


def sign_decision(step: Step, event: SignDecision) -> Answer:
    """Release, refund or slash, by a party; or the buyer's challenge."""
    sale = sale_of(step, event.sale)
    refusal = _open(step, sale, event.decision)
    if refusal is not None:
        return Answer(refusal)
    assert sale is not None
    if event.decision not in SIGNED_BY_HAND or sale.role not in SIGNERS[event.decision][0]:
        return Answer(Refusal(Reason.SALE_NOT_YOURS))
    # From here on it must succeed.
    sign_own(step, sale, event.decision)
    return Answer()


def attest(step: Step, event: Attest) -> Answer:
    """The agent says "delivered". With a proof of control he signs T2 at once; without one only
    when the time for it is nearly over (`release_if_due`)."""
    sale = sale_of(step, event.sale)
    if sale is not None and sale.role is not SaleRole.AGENT:
        return Answer(Refusal(Reason.SALE_NOT_YOURS))
    refusal = _open(step, sale, Decision.DELIVERED)
    if refusal is not None:
        return Answer(refusal)
    assert sale is not None
    if event.proof and not control_fits(sale, event.proof):
        return Answer(Refusal(Reason.SALE_INVALID))
    # From here on it must succeed.
    sale = replace(sale, attested_at_us=step.now_us, proof=event.proof or sale.proof)
    due_at_us = max(step.now_us + 1, min(sale.due_at_us, held_until_us(sale)))
    sale = sign_own(step, replace(sale, due_at_us=due_at_us), Decision.DELIVERED)
    if sale.proof:
        sign_own(step, sale, Decision.RELEASE)
    return Answer()


def held_until_us(sale: Sale) -> int:
    """When an agent without a proof of control signs T2, unless it was challenged by then. The
    buyer has that part of the time to object, however late the agent attests: where T2 is over by
    then, its split holds without it (T4)."""
    contract = contract_of(sale)
    end_us = decode_descriptor(contract.decisions[Decision.RELEASE]).deadline_us
    part_us = (end_us - contract.locked_until_us) // HELD_BACK_PART
    return max(end_us, sale.attested_at_us + 2 * part_us) - part_us


def release_if_due(step: Step, sale: Sale) -> Sale:
    """At the agent: he has attested, nobody has challenged, and T2 is about to end; or the buyer
    has said that he will not."""
    if sale.role is not SaleRole.AGENT or not sale.attested_at_us:
        return sale
    if _open(step, sale, Decision.RELEASE) is not None:
        return sale
    challenge = known_of(step, sale).get(Decision.CHALLENGE)
    if challenge is Outcome.COMMITTED:
        return sale
    if challenge is None and step.now_us < held_until_us(sale):
        return sale
    return sign_own(step, sale, Decision.RELEASE)


def control_fits(sale: Sale, signed: bytes) -> bool:
    """Whether it is the buyer's, over our T1 and the agent's challenge."""
    try:
        proof = read_control(signed)
    except WireFault:
        return False
    said = read_handed_over(sale.statement, sale.agent)
    keys = contract_of(sale).party(SaleRole.BUYER).keys_for(Decision.LOCK)
    return (proof.lock, proof.challenge, (proof.key,)) == (
        commit_id(sale.lock),
        said.challenge,
        keys,
    )


def show_control(step: Step, event: ShowControl) -> Answer:
    """The buyer has the thing, and says so to the agent as well as in public."""
    sale = sale_of(step, event.sale)
    if sale is None:
        return Answer(Refusal(Reason.SALE_UNKNOWN))
    if sale.role is not SaleRole.BUYER:
        return Answer(Refusal(Reason.SALE_NOT_YOURS))
    if sale.phase is not P.LOCKED:
        return Answer(Refusal(Reason.SALE_STATE))
    if not control_fits(sale, event.statement):
        return Answer(Refusal(Reason.SALE_INVALID))
    # From here on it must succeed.
    if sale.proof != event.statement:
        step.put(replace(sale, proof=event.statement))
        tell(step, sale, SaleRole.AGENT, Controlled(event.statement))
    return Answer()


def on_controlled(step: Step, event: SaleLetterCame, body: Controlled) -> None:
    """At the agent: what to look for in the thing's public place. It proves nothing by itself, and
    so `proof` stays empty until he attests with it."""
    sale = sale_of(step, event.words.sale)
    if sale is None or sale.role is not SaleRole.AGENT or sale.phase is not P.LOCKED:
        return
    if role_of(sale, event.sender) is SaleRole.BUYER and control_fits(sale, body.statement):
        step.put(replace(sale, shown=body.statement))


def decline(step: Step, event: DeclineDecision) -> Answer:
    """Ends early what this part may end early: it cannot be taken back."""
    sale = sale_of(step, event.sale)
    decision = may_decline(sale.role) if sale is not None else None
    refusal = _open(step, sale, decision)
    if refusal is not None:
        return Answer(refusal)
    assert sale is not None and decision is not None
    data = descriptor_of(sale, decision)
    commit = commit_id(data)
    transaction = step.the_transaction(commit)
    if transaction.commit_evidence or not decode_descriptor(data).decline_hash:
        return Answer(Refusal(Reason.SALE_STATE))
    # From here on it must succeed.
    step.put(replace(sale, submitted=sale.submitted | 1 << decision))
    step.put(replace(transaction, decline_preimage=decline_of(sale.seed)))
    plan_asking(step, commit)
    return Answer()
