"""Whose move it is in a sale, until when, and what happens if nobody moves (escrow section 8).

Pure: from a row, what is certified, and the time. A party sees only what was told to it, so that
two may see different moves at the same moment; but none is ever told to wait for nobody.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from node.core.sale.bargaining import whose_turn
from node.core.sale.deciding import held_until_us
from node.core.sale.locking import LEAD_US
from node.core.sale.reading import JUDGES, SIDES, card_of, contract_of, offer_of, share_at
from node.core.sale.rows import OPENED, Sale, SalePhase
from proto.descriptor import decode_descriptor
from proto.limits import GUARD_US
from proto.sale.contract import DECIDED, SIGNERS
from proto.sale.stakes import STAKERS, Branch, Decision, Known, Outcome, SaleRole, branch_of

P = SalePhase


@unique
class What(Enum):
    """What somebody may do. A closed list."""

    ANSWER = "answer the other side's rule with whom it accepts as agent"
    REVEAL = "show its salt and its keys"
    ENTER = "take the case"
    CONTRACT = "make the contract, and get the house's promise of every branch"
    AGREE = "sign the agreement (T0)"
    GIVE = "hand the credential over to the agent"
    PASS_ON = "check the credential, change it, and hand it over to the buyer"
    STAKE = "put its stake at the house"
    SIGN_LOCK = "sign the lock (T1)"
    SUBMIT_LOCK = "bring the lock (T1) with its key to the registry"
    PROVE = "open what was handed over, change it, and post the proof of control"
    ATTEST = "look for the proof of control, and say whether it was delivered (Ta)"
    RELEASE = "sign the release (T2)"
    RELEASE_LATER = "sign the release (T2) by then, unless the buyer challenges before"
    CONCEDE = "give the sale up before the release (T2)"
    CHALLENGE = "challenge (Tc), or say that it does not object"
    REFUND = "sign the refund (T3)"
    SLASH = "sign that the agent's bond is forfeited (Ts)"
    VOTE = "vote on the agent"
    OPEN_VOTE = "show its vote to the house"
    RUN_OUT = "let its time run out, as the hand-over was no good"
    PAY_OUT = "pay out the pool"
    RECORD = "record what nobody has signed in time"
    DECIDE = "decide what was brought to it, or what its time is over for"


BY_ITSELF: Final = frozenset(
    {
        *(What.REVEAL, What.CONTRACT, What.AGREE, What.STAKE, What.SIGN_LOCK),
        *(What.SUBMIT_LOCK, What.RELEASE_LATER, What.OPEN_VOTE),
        *(What.RUN_OUT, What.PAY_OUT, What.RECORD, What.DECIDE),
    }
)
"""What a node does without its owner."""

MAY: Final = frozenset(
    {What.RELEASE, What.CONCEDE, What.CHALLENGE, What.REFUND, What.SLASH},
)
"""What nobody has to do: the sale goes on without it."""


@unique
class Otherwise(Enum):
    """What happens if nobody moves. A closed list."""

    CLOSED = "the sale closes; nobody is bound, and nothing was locked"
    RETURNED = "every stake goes back, and the key to what was handed over stays secret"
    RELEASED = "the price goes to the seller: it counts as delivered, and not challenged"
    REFUNDED = "the price goes back to the buyer: it was challenged; the agent keeps a part"
    REFUND_PLAIN = "the price goes back to the buyer, and the agent gets no tip"
    BOND_RETURNED = "the agent gets his bond back"
    BOND_LOST = "the vote bond of whoever is silent goes to the agent"
    NO_VOTE = "nobody learns what this side thinks of the agent"
    WAITS = "all waits for the registry's answer; nothing is lost"


AFTER: Final = {
    Branch.RELEASED: Otherwise.RELEASED,
    Branch.REFUNDED: Otherwise.REFUNDED,
    Branch.REFUND_PLAIN: Otherwise.REFUND_PLAIN,
}


@dataclass(frozen=True, slots=True)
class Move:
    """`role` may do `what`, until `until_us` (absolute µs); None for the registry. `mine`: it is
    this node's part."""

    role: SaleRole | None
    what: What
    until_us: int
    otherwise: Otherwise
    mine: bool

    @property
    def by_itself(self) -> bool:
        """Whether the node does it without its owner."""
        return self.what in BY_ITSELF

    @property
    def needed(self) -> bool:
        """Whether the sale waits for it."""
        return self.what not in MAY


Found = Iterator[tuple[SaleRole | None, What, int, Otherwise]]


def moves(sale: Sale, known: Known, now_us: int) -> tuple[Move, ...]:
    """Everything that somebody may do now, what is waited for first and our own before others'.
    Empty once the sale is over. `known`: what is certified (node.core.sale.reading.known_of)."""
    found = [
        Move(role, what, until_us, otherwise, role is sale.role)
        for role, what, until_us, otherwise in _moves(sale, known, now_us)
    ]
    return tuple(sorted(found, key=lambda m: (not m.needed, not m.mine, m.by_itself)))


def _moves(sale: Sale, known: Known, now_us: int) -> Found:
    match sale.phase:
        case P.OFFERED | P.CHOSEN | P.ASKED | P.JOINED:
            yield from _before_contract(sale)
        case P.AGREEING:
            yield from _agreeing(sale, now_us)
        case P.AGREED:
            yield from _handing_over(sale, now_us)
        case P.LOCKING:
            yield from _locking(sale, now_us)
        case P.LOCKED:
            yield from _in_pool(sale, known, now_us)
        case P.SPLIT:
            yield from _split(sale, known, now_us)
        case P.ENDED | P.CLOSED | P.RETURNED:
            pass


# ---------------------------------------------------------------- while nobody is bound


def _before_contract(sale: Sale) -> Found:
    offer, no = offer_of(sale), Otherwise.CLOSED
    until_us = offer.expires_at_us
    if sale.phase is P.OFFERED:
        yield whose_turn(sale), What.ANSWER, until_us, no
        return
    if sale.phase is P.CHOSEN:
        for side, reveal in zip(SIDES, sale.reveals, strict=True):
            if not reveal:
                yield side, What.REVEAL, until_us, no
        return
    joined = {SaleRole.AGENT: sale.joins[1], SaleRole.ARBITER: sale.joins[2]}
    waiting = [
        role
        for role in JUDGES
        if card_of(sale, role) and not joined[role] and not (role is sale.role and sale.seed)
    ]
    if sale.phase is P.ASKED:
        for role in waiting:
            yield role, What.ENTER, until_us, no
        return
    yield SaleRole.BUYER, What.CONTRACT, until_us, no


def _agreeing(sale: Sale, now_us: int) -> Found:
    end_us = contract_of(sale).agreed_until_us
    if sale.submitted >> Decision.AGREE & 1 or now_us >= end_us:
        yield None, What.DECIDE, _final_us(sale.agreement), Otherwise.WAITS
        return
    missing = [r for r in STAKERS if not sale.shares[share_at(Decision.AGREE, r)]]
    for role in missing or [SaleRole.BUYER]:
        yield role, What.AGREE, end_us, Otherwise.CLOSED


# ---------------------------------------------------------------- hand-over and T1


def _handing_over(sale: Sale, now_us: int) -> Found:
    end_us, no = contract_of(sale).locked_until_us, Otherwise.RETURNED
    if sale.because:
        yield sale.role, What.RUN_OUT, end_us, no
        return
    if sale.role is SaleRole.ARBITER and now_us >= end_us:
        # He hears of T1 from its parties once it is committed; until then he knows of none.
        yield None, What.DECIDE, sale.due_at_us, no
        return
    tells = sale.role in (SaleRole.SELLER, SaleRole.AGENT)  # the others cannot see it
    if not (tells and sale.credential):
        yield SaleRole.SELLER, What.GIVE, end_us - 2 * LEAD_US, no
    if sale.credential or not tells:
        yield SaleRole.AGENT, What.PASS_ON, end_us - 2 * LEAD_US, no


def _locking(sale: Sale, now_us: int) -> Found:
    end_us = decode_descriptor(sale.lock).deadline_us
    over = now_us >= end_us - LEAD_US or sale.submitted >> Decision.LOCK & 1
    if over or sale.because:
        yield None, What.DECIDE, _final_us(sale.lock), Otherwise.WAITS
        return
    unstaked = [r for r, promise in zip(STAKERS, sale.staked, strict=True) if not promise]
    for role in unstaked:
        yield role, What.STAKE, end_us - LEAD_US, Otherwise.RETURNED
    if unstaked:
        return
    sees_all = sale.role is SaleRole.AGENT
    unsigned = [
        r
        for r in STAKERS
        if (sees_all or r is sale.role) and not sale.shares[share_at(Decision.LOCK, r)]
    ]
    for role in unsigned:
        yield role, What.SIGN_LOCK, end_us - LEAD_US, Otherwise.RETURNED
    if not unsigned:
        yield SaleRole.AGENT, What.SUBMIT_LOCK, end_us - LEAD_US, Otherwise.RETURNED


# ---------------------------------------------------------------- the stakes are in the pool


def default_branch(known: Known) -> Branch:
    """How a locked sale ends if nobody does anything any more: what is open, is aborted."""
    open_ones = (Decision.RELEASE, Decision.REFUND, Decision.DELIVERED, Decision.CHALLENGE)
    branch = branch_of({**dict.fromkeys(open_ones, Outcome.ABORTED), **known})
    assert branch is not None, known  # T1 is committed
    return branch


def _in_pool(sale: Sale, known: Known, now_us: int) -> Found:
    ends = {
        decision: decode_descriptor(data).deadline_us
        for decision, data in contract_of(sale).decisions.items()
    }
    otherwise = AFTER[default_branch(known)]
    if sale.role is SaleRole.AGENT and _will_release(sale, known):
        otherwise = Otherwise.RELEASED
    open_ones = {
        d for d in ends if d not in known and now_us < ends[d] and not sale.submitted >> d & 1
    }
    found = list(_acts(sale, known, ends, open_ones, otherwise))
    found += _at_registry(sale, known, ends, now_us)
    yield from found
    yield from _slashing(sale, known, now_us)
    if all(what in MAY for _, what, _, _ in found):
        # Nobody has to do anything: the next end that is open moves the sale on.
        waits_for = min((ends[d] for d in open_ones), default=max(ends.values()))
        yield None, What.RECORD, waits_for, otherwise


def _acts(
    sale: Sale,
    known: Known,
    ends: dict[Decision, int],
    open_ones: set[Decision],
    otherwise: Otherwise,
) -> Found:
    if Decision.RELEASE in open_ones:
        yield from _before_release(sale, known, ends[Decision.RELEASE], otherwise)
    attested = known.get(Decision.DELIVERED) is Outcome.COMMITTED
    if Decision.CHALLENGE in open_ones and attested:
        yield SaleRole.BUYER, What.CHALLENGE, ends[Decision.CHALLENGE], otherwise
    if Decision.REFUND in open_ones and known.get(Decision.RELEASE) is Outcome.ABORTED:
        for role in _unsigned(sale, Decision.REFUND):
            yield role, What.REFUND, ends[Decision.REFUND], otherwise


def _will_release(sale: Sale, known: Known) -> bool:
    """Whether our node, which judges, signs T2 when its time is nearly over."""
    challenged = known.get(Decision.CHALLENGE) is Outcome.COMMITTED
    return bool(sale.attested_at_us) and Decision.RELEASE not in known and not challenged


def _before_release(sale: Sale, known: Known, end_us: int, otherwise: Otherwise) -> Found:
    delivered = known.get(Decision.DELIVERED)
    proven = sale.proof if sale.role is SaleRole.BUYER else sale.shown or sale.proof
    if delivered is None and not proven and not sale.attested_at_us:
        yield SaleRole.BUYER, What.PROVE, end_us, otherwise
    if delivered is None and not sale.attested_at_us:
        yield SaleRole.AGENT, What.ATTEST, end_us, otherwise
    for role in _unsigned(sale, Decision.RELEASE):
        if role is not SaleRole.AGENT:
            yield role, What.RELEASE, end_us, otherwise
        elif delivered is Outcome.COMMITTED and Decision.CHALLENGE not in known:
            # Without a proof of control his node waits for a challenge first; who has attested so
            # late that there is no time for one leaves it to T4.
            if held_until_us(sale) < end_us:
                yield role, What.RELEASE_LATER, held_until_us(sale), otherwise
        else:
            yield role, What.RELEASE, end_us, otherwise
    yield SaleRole.SELLER, What.CONCEDE, end_us, otherwise


def _unsigned(sale: Sale, decision: Decision) -> list[SaleRole]:
    """Whose signature this party has not seen."""
    return [r for r in SIGNERS[decision][0] if not sale.shares[share_at(decision, r)]]


def _slashing(sale: Sale, known: Known, now_us: int) -> Found:
    data = contract_of(sale).decisions.get(Decision.SLASH)
    if data is None or Decision.SLASH in known:
        return
    end_us = decode_descriptor(data).deadline_us
    if now_us >= end_us:
        yield None, What.DECIDE, _final_us(data), Otherwise.WAITS
        return
    for role in _unsigned(sale, Decision.SLASH):
        yield role, What.SLASH, end_us, Otherwise.BOND_RETURNED


def _at_registry(sale: Sale, known: Known, ends: dict[Decision, int], now_us: int) -> Found:
    """What its time is over for, or what lies at the registry, it has to answer."""
    for decision in DECIDED:
        asked = bool(sale.submitted >> decision & 1)
        if decision not in known and (now_us >= ends[decision] or asked):
            final_us = _final_us(contract_of(sale).decisions[decision])
            yield None, What.DECIDE, final_us, Otherwise.WAITS
            return


def _split(sale: Sale, known: Known, now_us: int) -> Found:
    """The branch is proven; votes, and the bond where there is an arbiter."""
    contract = contract_of(sale)
    found = [*_slashing(sale, known, now_us), *_voting(sale, now_us)]
    data = contract.decisions.get(Decision.SLASH)
    if data is not None and Decision.SLASH not in known:
        end_us = decode_descriptor(data).deadline_us
        if now_us < end_us:
            found.append((None, What.RECORD, end_us, Otherwise.BOND_RETURNED))
    yield from found
    if all(what in MAY for _, what, _, _ in found):
        yield SaleRole.HOUSE, What.PAY_OUT, contract.votes_open_until_us, Otherwise.WAITS


# ---------------------------------------------------------------- votes


def _voting(sale: Sale, now_us: int) -> Found:
    contract = contract_of(sale)
    otherwise = Otherwise.BOND_LOST if contract.pool.stakes.vote_bond else Otherwise.NO_VOTE
    early = now_us < contract.votes_sealed_until_us
    for side in SIDES:
        mine = side is sale.role
        if mine and sale.voted >= OPENED:
            continue
        if (mine and sale.vote) or (not mine and not early):
            yield side, What.OPEN_VOTE, contract.votes_open_until_us, otherwise
        elif early:
            yield side, What.VOTE, contract.votes_sealed_until_us, otherwise


def _final_us(descriptor: bytes) -> int:
    return decode_descriptor(descriptor).limit_us + GUARD_US
