"""The hand-over and T1: the money is locked at the moment at which the key is public (escrow 8).

The agent alone has K and alone submits it, once every share is in and early enough. Nobody else's
act can show it, and until then everybody can still walk away.
"""

from hashlib import blake2b, sha256
from typing import Final

from node.core.asking import plan_asking
from node.core.effects import Answer
from node.core.escrow.opening import may_open, open_seat
from node.core.escrow.posting import ask_registrar
from node.core.escrow.rows import Step as Batch
from node.core.rows import Transaction, replace
from node.core.sale.agreeing import gathered, submit, with_shares
from node.core.sale.course import LOCK_POLL_US, P, move, tell, tell_others
from node.core.sale.events import GiveCredential, HandOver, RefuseCredential, SaleLetterCame
from node.core.sale.naming import keep_named
from node.core.sale.reading import (
    contract_of,
    house_card,
    known_of,
    lock_decline_of,
    own_account,
    own_shares,
    pool_of,
    role_of,
    sale_of,
    share_at,
    source_of,
)
from node.core.sale.rows import Sale
from node.core.view import Step
from proto.certificate import AbortCertificate, Certificate, CommitCertificate
from proto.descriptor import Descriptor, commit_id, decode_descriptor
from proto.escrow.args import ResultOf
from proto.escrow.legs import Leg, read_leg_promise
from proto.escrow.ops import Offer, Refund, Settle
from proto.escrow.terms import Opening, Order, plant
from proto.limits import MIN_LEAD_US
from proto.reason import Reason, Refusal
from proto.sale.contract import SIGNERS, check_lock, lock_order, pool_hold, stake_legs
from proto.sale.handover import HandedOver, read_handed_over
from proto.sale.letters import (
    Closed,
    Credential,
    Lock,
    SaleShare,
    Staked,
    shares_from_bytes,
)
from proto.sale.ops import Stake
from proto.sale.reasons import SaleReason
from proto.sale.stakes import STAKERS, Decision, Outcome, SaleRole
from proto.wire import WireFault

LEAD_US: Final = 2 * MIN_LEAD_US


def give_credential(step: Step, event: GiveCredential) -> Answer:
    """The seller's, sealed to the agent; again with another one until he has handed over."""
    sale = sale_of(step, event.sale)
    if sale is None:
        return Answer(Refusal(Reason.SALE_UNKNOWN))
    if sale.role is not SaleRole.SELLER:
        return Answer(Refusal(Reason.SALE_NOT_YOURS))
    if sale.phase is not P.AGREED:
        return Answer(Refusal(Reason.SALE_STATE))
    if sale.credential == event.sealed:
        return Answer()
    # From here on it must succeed.
    step.put(replace(sale, credential=event.sealed))
    tell(step, sale, SaleRole.AGENT, Credential(event.sealed))
    return Answer()


def on_credential(step: Step, event: SaleLetterCame, body: Credential) -> None:
    """What the agent is to check. He alone can open it."""
    sale = sale_of(step, event.words.sale)
    if sale is None or sale.role is not SaleRole.AGENT or sale.phase is not P.AGREED:
        return
    if role_of(sale, event.sender) is SaleRole.SELLER:
        step.put(replace(sale, credential=body.sealed))


def hand_over(step: Step, event: HandOver) -> Answer:
    """The agent forms T1 and asks everybody to put the stakes into the pool."""
    sale = sale_of(step, event.sale)
    if sale is None:
        return Answer(Refusal(Reason.SALE_UNKNOWN))
    if sale.role is not SaleRole.AGENT:
        return Answer(Refusal(Reason.SALE_NOT_YOURS))
    if sale.phase is not P.AGREED or not sale.credential:
        return Answer(Refusal(Reason.SALE_STATE))
    contract = contract_of(sale)
    left_us = contract.locked_until_us - step.now_us
    if left_us < 2 * LEAD_US:
        return Answer(Refusal(Reason.TIME_SHORT, 2 * LEAD_US - left_us))
    said = read_handed_over(event.statement, step.settings.node)
    assert said == HandedOver(
        sale.id,
        sha256(event.secret).digest(),
        sha256(event.sealed).digest(),
        said.log_head,
        said.challenge,
    )
    # From here on it must succeed.
    descriptor, openings = _lock(sale, event)
    sale = replace(
        sale,
        lock=descriptor.encode(),
        openings=tuple(opening.encode() for opening in openings),
        sealed=event.sealed,
        statement=event.statement,
        log=event.log,
        secret=event.secret,
    )
    words = Lock(sale.lock, openings, sale.statement, b"", sale.log)
    tell(
        step, sale, SaleRole.BUYER, Lock(sale.lock, openings, sale.statement, sale.sealed, sale.log)
    )
    tell(step, sale, SaleRole.SELLER, words)
    _stake(step, sale)
    return Answer()


def _lock(sale: Sale, event: HandOver) -> tuple[Descriptor, tuple[Opening, ...]]:
    contract, pool = contract_of(sale), pool_of(sale)
    terms: list[Leg | Order] = [*stake_legs(contract, pool), lock_order(pool, sale.agreement)]
    salts = [
        blake2b(event.salts, digest_size=32, person=b"lock-salt", salt=bytes((number,))).digest()
        for number in range(len(terms) + 1)
    ]
    root, openings = plant(terms, salts[1:])
    roles, threshold = SIGNERS[Decision.LOCK]
    declines = sha256(lock_decline_of(sale.seed)).digest() if contract.policy.declines else b""
    descriptor = Descriptor(
        salt=salts[0],
        deadline_us=contract.locked_until_us,
        policy=contract.policy,
        committers=tuple(
            key for role in roles for key in contract.party(role).keys_for(Decision.LOCK)
        ),
        threshold=threshold,
        terms_root=root,
        hashlocks=(sha256(event.secret).digest(),),
        decline_hash=declines,
    )
    check_lock(contract, descriptor.encode())  # of our own making: a fault would be our bug
    return descriptor, openings


def refuse_credential(step: Step, event: RefuseCredential) -> Answer:
    """The agent cannot use it. Without T1 nothing happens; the seller may give another one."""
    sale = sale_of(step, event.sale)
    if sale is None:
        return Answer(Refusal(Reason.SALE_UNKNOWN))
    if sale.role is not SaleRole.AGENT:
        return Answer(Refusal(Reason.SALE_NOT_YOURS))
    if sale.phase is not P.AGREED or not sale.credential:
        return Answer(Refusal(Reason.SALE_STATE))
    # From here on it must succeed.
    step.put(replace(sale, credential=b"", log=event.log))
    for role in (SaleRole.BUYER, SaleRole.SELLER):
        tell(step, sale, role, Closed(SaleReason.CREDENTIAL_BAD))
    return Answer()


def on_lock(step: Step, event: SaleLetterCame, body: Lock) -> None:
    """T1, of the agent; at the arbiter, of anybody who has put something in. What does not bind
    just our sale is as if it had not come."""
    sale = sale_of(step, event.words.sale)
    if sale is None or sale.phase is not P.AGREED or sale.role is SaleRole.AGENT:
        return
    says = role_of(sale, event.sender)
    if says is not SaleRole.AGENT and (sale.role is not SaleRole.ARBITER or says not in STAKERS):
        return
    if sale.role is SaleRole.ARBITER and event.unfit:
        return  # another party names him the same T1
    if sale.because is not SaleReason.NONE:
        return  # we would not sign whatever he hands over next: it is not staked for
    if event.unfit:
        step.put(replace(sale, because=SaleReason.HANDOVER_BAD, blamed=SaleRole.AGENT))
        tell_others(step, sale, Closed(SaleReason.HANDOVER_BAD))
        return
    try:
        said = read_handed_over(body.statement, sale.agent)
        descriptor = check_lock(contract_of(sale), body.descriptor)
    except WireFault:
        return
    if said.sale != sale.id or descriptor.hashlocks != (said.key_hash,):
        return
    if sale.role is SaleRole.BUYER and sha256(body.sealed).digest() != said.sealed_hash:
        return
    if not _terms_fit(sale, body, descriptor) or not may_open(step, body.descriptor):
        return
    if sale.role is SaleRole.ARBITER:
        keep_named(step, sale, says, body, descriptor)
        return
    if step.now_us > descriptor.deadline_us - LEAD_US:
        return
    # From here on it must succeed.
    sale = replace(
        sale,
        lock=body.descriptor,
        openings=tuple(opening.encode() for opening in body.openings),
        sealed=body.sealed,
        statement=body.statement,
        log=body.log,
    )
    _stake(step, sale)


def _terms_fit(sale: Sale, body: Lock, descriptor: Descriptor) -> bool:
    """Whether T1 moves just the stakes into just our pool, and follows on our T0."""
    if not all(opening.opens(descriptor.terms_root) for opening in body.openings):
        return False
    pool = pool_of(sale)
    wanted = (*stake_legs(contract_of(sale), pool), lock_order(pool, sale.agreement))
    try:
        return tuple(opening.term for opening in body.openings) == wanted
    except WireFault:
        return False


def _stake(step: Step, sale: Sale) -> None:
    """Our part is put out of everybody's reach until T1 is decided."""
    sale = replace(sale, due_at_us=step.now_us + LOCK_POLL_US)
    sale = move(step, sale, P.LOCKING)
    open_seat(step, sale.lock, decode_descriptor(sale.lock), sale.id)
    account, source = own_account(step, sale), source_of(sale.seed)
    amount = contract_of(sale).pool.stake(sale.role)
    at = STAKERS.index(sale.role)
    offer = Offer(account.capability, amount, source, commit_id(sale.lock))
    openings = tuple(map(Opening.decode, sale.openings))
    stake = Stake(account.terms, ResultOf(0), pool_of(sale), sale.lock, openings[at], openings[-1])
    card = house_card(step, sale)
    ask_registrar(step, sale.id, card, (offer, stake), Batch.STAKE)


def stake_answered(step: Step, sale: Sale, refused: int, promise: bytes) -> None:
    """The house has our stake, or will not have it: then the others need not wait for us."""
    if sale.phase is not P.LOCKING:
        transaction = step.the_transaction(commit_id(sale.lock))
        if not refused and transaction.decided:
            # Its answer comes after the decision: what lies in our hold is fetched all the same.
            collect_stake(step, sale, certificate_of(transaction))
        return
    if refused or not _take_stake(step, sale, promise, sale.role):
        give_up_lock(step, sale, SaleReason.FUNDS_SHORT)
        return
    tell_stakers(step, sale, Staked(promise))


def is_staked(sale: Sale) -> bool:
    """Whether the house has promised our own stake: then there is a hold of ours."""
    return sale.role in STAKERS and bool(sale.staked[STAKERS.index(sale.role)])


def collect_stake(step: Step, sale: Sale, certificate: Certificate) -> None:
    """T1 is decided: a stake that came back lies in our hold, and goes into our account. A hold
    that is empty ends, too: an account has room for so many."""
    refund = Refund(own_account(step, sale).capability, source_of(sale.seed))
    card = house_card(step, sale)
    ask_registrar(step, sale.id, card, (Settle(certificate), refund), Batch.COLLECT)


def certificate_of(transaction: Transaction) -> Certificate:
    """Of one that is decided."""
    if transaction.commit_certificate:
        return CommitCertificate.decode(transaction.commit_certificate)
    return AbortCertificate.decode(transaction.abort_certificate)


def tell_stakers(step: Step, sale: Sale, body: Staked) -> None:
    """The arbiter has no part in T1."""
    for role in STAKERS:
        if role is not sale.role:
            tell(step, sale, role, body)


def on_staked(step: Step, event: SaleLetterCame, body: Staked) -> None:
    """The house's promise of another's stake."""
    sale = sale_of(step, event.words.sale)
    role = role_of(sale, event.sender) if sale is not None else None
    if sale is not None and sale.phase is P.LOCKING and role in STAKERS:
        _take_stake(step, sale, body.promise, role)


def _take_stake(step: Step, sale: Sale, signed: bytes, role: SaleRole) -> bool:
    """Keeps a promise of just that leg; with all three we sign. Whether it holds."""
    at = STAKERS.index(role)
    pool = pool_of(sale)
    leg = stake_legs(contract_of(sale), pool)[at]
    try:
        promise = read_leg_promise(signed)
    except WireFault:
        return False
    said = (promise.commit, promise.leg, promise.net, promise.to)
    if said != (commit_id(sale.lock), leg, leg.amount, pool_hold(pool, leg.no)):
        return False
    if promise.registrar != contract_of(sale).house:
        return False
    if not sale.staked[at]:
        sale = replace(sale, staked=(*sale.staked[:at], signed, *sale.staked[at + 1 :]))
        step.put(sale)
        sign_lock(step, sale)
    return True


def sign_lock(step: Step, sale: Sale) -> None:
    """The one act by which a part can be bound to a loss: only with T0 committed, all stakes
    promised, and in time. The buyer has what the key will open: without it T1 was not taken."""
    late = step.now_us >= decode_descriptor(sale.lock).deadline_us - LEAD_US
    signed = sale.shares[share_at(Decision.LOCK, sale.role)]
    ready = all(sale.staked) and sale.because is SaleReason.NONE
    if sale.role not in STAKERS or signed or late or not ready:
        return
    if known_of(step, sale).get(Decision.AGREE) is not Outcome.COMMITTED:
        return
    # From here on it must succeed.
    shares = own_shares(sale, Decision.LOCK, commit_id(sale.lock))
    sale = with_shares(sale, Decision.LOCK, sale.role, shares)
    step.put(sale)
    if sale.role is SaleRole.AGENT:
        lock_shared(step, sale)
    else:
        tell(step, sale, SaleRole.AGENT, SaleShare(Decision.LOCK, shares))


def lock_shared(step: Step, sale: Sale) -> None:
    """At the agent: with the last signature, and only in time, K goes to the registry. One that
    comes too late never does: nobody's money would be locked, and the key be shown."""
    if sale.role is not SaleRole.AGENT or sale.phase is not P.LOCKING:
        return
    mine = shares_from_bytes(sale.shares[share_at(Decision.LOCK, SaleRole.AGENT)])
    shares = gathered(sale, Decision.LOCK)
    late = step.now_us >= decode_descriptor(sale.lock).deadline_us - LEAD_US
    if shares is None or not mine or late or sale.submitted >> Decision.LOCK & 1:
        return
    if sale.because is not SaleReason.NONE:
        return
    submit(step, sale, Decision.LOCK, commit_id(sale.lock), shares, (sale.secret,))


def give_up_lock(step: Step, sale: Sale, why: SaleReason) -> None:
    """This part will not sign T1. The agent ends it early, so that nobody's stake waits for D1."""
    if sale.shares[share_at(Decision.LOCK, sale.role)] and sale.role is not SaleRole.AGENT:
        return  # what is signed is signed
    if sale.because is not SaleReason.NONE or sale.submitted >> Decision.LOCK & 1:
        return
    sale = replace(sale, because=why)
    step.put(sale)
    if sale.role is SaleRole.AGENT:
        decline_lock(step, sale)
    tell_others(step, sale, Closed(why))


def decline_lock(step: Step, sale: Sale) -> None:
    """At the agent: T1 will not be."""
    commit = commit_id(sale.lock)
    if decode_descriptor(sale.lock).decline_hash:
        step.put(replace(sale, submitted=sale.submitted | 1 << Decision.LOCK))
        preimage = lock_decline_of(sale.seed)
        step.put(replace(step.the_transaction(commit), decline_preimage=preimage))
        plan_asking(step, commit)
