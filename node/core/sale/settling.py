"""What a certificate means to a sale: its phase, the house, the others, the votes (escrow 8)."""

from node.core.effects import Answer
from node.core.escrow.posting import ask_registrar, post
from node.core.escrow.rows import Step as Batch
from node.core.rows import Incident, IncidentKind, Transaction, replace
from node.core.sale.course import LOCK_POLL_US, POLL_US, P, ask_about, close, move
from node.core.sale.deciding import open_decisions, sign_own
from node.core.sale.events import CastVote
from node.core.sale.locking import (
    certificate_of,
    collect_stake,
    is_staked,
    sign_lock,
)
from node.core.sale.naming import tell_arbiter, with_named
from node.core.sale.reading import (
    SIDES,
    card_of,
    contract_of,
    decision_under,
    descriptor_of,
    house_card,
    known_of,
    others,
    pool_of,
    sale_of,
)
from node.core.sale.rows import OPENED, SEALED, Sale
from node.core.view import Step
from proto.certificate import Certificate, CommitCertificate
from proto.descriptor import commit_id, decode_descriptor
from proto.escrow.letters import Decided
from proto.escrow.ops import Settle
from proto.reason import Reason, Refusal
from proto.sale.ops import OpenVote, SealVote
from proto.sale.reasons import SaleReason
from proto.sale.stakes import (
    Decision,
    SaleRole,
    bond_branch_of,
    branch_of,
    deciding,
)
from proto.sale.votes import read_vote, vote_hash


def sale_decided(step: Step, transaction: Transaction) -> None:
    """A decision of a sale of ours has its certificate. A crash after this change says the same
    letters again; before it the certificate comes again."""
    sale = sale_of(step, transaction.owner)
    if sale is None:
        return
    certificate = certificate_of(transaction)
    committed = isinstance(certificate, CommitCertificate)
    if committed:
        sale = with_named(step, sale, transaction.commit)
    decision = decision_under(sale, transaction.commit)
    if decision is None:
        return
    if sale.submitted >> decision & 1:
        for role in others(sale):
            post(step, sale.id, card_of(sale, role), Decided(certificate))
    if decision is Decision.LOCK and is_staked(sale):
        collect_stake(step, sale, certificate)
    elif decision is not Decision.AGREE:
        _show_house(step, sale, decision, certificate)
    match decision:
        case Decision.AGREE:
            _agreed(step, sale, committed)
        case Decision.LOCK:
            _locked(step, sale, committed)
        case Decision.CHALLENGE if committed and sale.role is not SaleRole.BUYER:
            _dispute(step, sale, transaction)
        case _:
            pass
    end_if_over(step, sale)


def _show_house(step: Step, sale: Sale, decision: Decision, certificate: Certificate) -> None:
    """Every party does, and the house asks by itself: none of them is needed for it."""
    card = house_card(step, sale)
    ask_registrar(step, sale.id, card, (Settle(certificate),), Batch.SETTLE, no=decision + 1)


def _agreed(step: Step, sale: Sale, committed: bool) -> None:
    if sale.phase is not P.AGREEING:
        return
    if not committed:
        close(step, sale, SaleReason.EXPIRED)
        return
    contract = contract_of(sale)
    due_at_us = contract.locked_until_us
    if sale.role is SaleRole.ARBITER:
        # Nothing of his is locked: as long as Ts is open he may be told of T1.
        due_at_us = decode_descriptor(contract.decisions[Decision.SLASH]).deadline_us
    move(step, replace(sale, due_at_us=due_at_us), P.AGREED)


def _locked(step: Step, sale: Sale, committed: bool) -> None:
    """The stakes are in the pool and K is public, or everything goes back and K stays secret."""
    if sale.phase is not P.LOCKING:
        return
    if not committed:
        move(step, replace(sale, secret=b""), P.RETURNED, sale.because or SaleReason.NOT_LOCKED)
        return
    sale = replace(sale, because=SaleReason.NONE, due_at_us=step.now_us + POLL_US)
    sale = move(step, sale, P.LOCKED)
    open_decisions(step, sale)
    tell_arbiter(step, sale)
    if sale.role is SaleRole.SELLER:
        sign_own(step, sale, Decision.RELEASE)


def _dispute(step: Step, sale: Sale, transaction: Transaction) -> None:
    incident = Incident(
        subject=transaction.commit,
        kind=IncidentKind.DISPUTE,
        at_us=step.now_us,
        peer=contract_of(sale).party(SaleRole.BUYER).node,
        detail="the buyer challenges what the agent has attested",
        evidence=transaction.commit_certificate,
    )
    if step.row(incident.key) is None:
        step.put(incident)


def end_if_over(step: Step, before: Sale) -> None:
    """Moves a sale on whose branch is proven, and ends it once nothing of it is left to do."""
    sale = sale_of(step, before.id)
    if sale is None or sale.phase not in (P.LOCKED, P.SPLIT):
        return
    known = known_of(step, sale)
    if sale.phase is P.LOCKED:
        if branch_of(known) is None:
            return
        sale = move(step, sale, P.SPLIT)
    contract = contract_of(sale)
    if contract.pool.arbitrated and bond_branch_of(known) is None:
        return
    voting = sale.role in SIDES and sale.voted < OPENED
    if not voting or step.now_us >= contract.votes_open_until_us:
        move(step, sale, P.ENDED)


# ---------------------------------------------------------------- votes


def cast_vote(step: Step, event: CastVote) -> Answer:
    """Of buyer and seller, once it is known how the sale ended; double-blind at the house."""
    sale = sale_of(step, event.sale)
    if sale is None:
        return Answer(Refusal(Reason.SALE_UNKNOWN))
    if sale.role not in SIDES:
        return Answer(Refusal(Reason.SALE_NOT_YOURS))
    known = known_of(step, sale)
    if sale.phase is not P.SPLIT or branch_of(known) is None:
        return Answer(Refusal(Reason.SALE_STATE))
    if sale.vote:
        return Answer() if sale.vote == event.vote else Answer(Refusal(Reason.REPEATED_OTHERWISE))
    contract, vote = contract_of(sale), read_vote(event.vote)
    late_us = step.now_us - contract.votes_sealed_until_us
    if late_us >= 0:
        return Answer(Refusal(Reason.REQUEST_EXPIRED, late_us))
    about = (vote.house, vote.pool, vote.brand, vote.agent, vote.voter, vote.value, vote.deciding)
    ours = (
        contract.house,
        pool_of(sale),
        contract.brand,
        contract.party(SaleRole.AGENT).node,
        step.settings.node,
        contract.pool.stakes.price,
        commit_id(descriptor_of(sale, deciding(known))),
    )
    if about != ours:
        return Answer(Refusal(Reason.SALE_INVALID))
    # From here on it must succeed.
    step.put(replace(sale, vote=event.vote))
    ops = (SealVote(pool_of(sale), vote_hash(vote)),)
    ask_registrar(step, sale.id, house_card(step, sale), ops, Batch.SEAL_VOTE)
    return Answer()


def vote_sealed(step: Step, sale: Sale, refused: int) -> None:
    """The house has the hash; it takes the vote itself once both are sealed, or their time is over:
    until then it answers "not yet", and the letter is said again."""
    if sale.voted >= SEALED or refused:
        return
    step.put(replace(sale, voted=SEALED))
    ops = (OpenVote(pool_of(sale), sale.vote),)
    ask_registrar(step, sale.id, house_card(step, sale), ops, Batch.OPEN_VOTE)


def vote_opened(step: Step, sale: Sale, refused: int) -> None:
    """Our vote counts, and our bond comes back."""
    if sale.voted == SEALED and not refused:
        sale = replace(sale, voted=OPENED)
        step.put(sale)
        end_if_over(step, sale)


# ---------------------------------------------------------------- time


def poll(step: Step, sale: Sale) -> Sale:
    """Whoever should have told us of a decision may be silent: the registry is asked."""
    every_us = LOCK_POLL_US if sale.phase is P.LOCKING else POLL_US
    ask_about(step, sale, tuple(Decision))
    if sale.phase is P.LOCKING:
        sign_lock(step, sale)
        sale = sale_of(step, sale.id) or sale
    sale = replace(sale, due_at_us=step.now_us + every_us)
    step.put(sale)
    return sale
