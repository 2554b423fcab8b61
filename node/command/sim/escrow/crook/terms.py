"""Terms that nobody has proposed: who makes them hopes that a seat does not look.

Whoever makes them signs at once for every seat that he holds a key of, and submits as soon as the
descriptor that he has made is satisfied.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from node.command.sim.escrow.crook.crook import Crook
from node.core.asking import plan_asking
from node.core.escrow.coordinating import begin
from node.core.escrow.events import LetterCame
from node.core.escrow.opening import open_seat
from node.core.escrow.posting import ask_registrar
from node.core.escrow.reading import (
    committer_key,
    deal_of,
    deal_seats,
    joins_of,
    kept_accept,
    kept_share,
    party_of,
    placed,
    proposal_of,
    read_share,
    registrar_card,
)
from node.core.escrow.rows import Account, Deal, DealPhase
from node.core.escrow.rows import Step as Batch
from node.core.rows import Row
from node.core.view import Step
from proto.commit import Evidence, sign_share
from proto.descriptor import Descriptor, commit_id, decode_descriptor
from proto.escrow.legs import Leg, RightCarrier
from proto.escrow.letters import Join, LegAccept, Share
from proto.escrow.ops import Accept
from proto.escrow.proposal import Proposal, proposal_hash
from proto.escrow.terms import Order, SeatTerms, Term, plant
from proto.keys import NodeId, SigningKey

LONGER: Final = 10  # times the agreed time, of one who would lock others up


@dataclass(frozen=True, slots=True)
class Draft:
    """Terms on their way. `keys`: of who has to commit; `taken`: seats that were given a key of the
    crook's, to whom nothing is sent."""

    legs: tuple[Leg, ...]
    seats: tuple[SeatTerms, ...]
    keys: tuple[bytes, ...]
    threshold: int
    order: bytes
    taken: frozenset[str] = frozenset()
    times: int = 1


Change = Callable[[Draft, "Maker"], Draft]


@dataclass(frozen=True, slots=True)
class Maker:
    """Who makes them, of what."""

    crook: Crook
    me: NodeId
    proposal: Proposal
    key: SigningKey
    accounts: dict[bytes, bytes]  # its own, by brand


def _alone(draft: Draft, _: Maker) -> Draft:
    return replace(draft, threshold=1)


def _own_key(draft: Draft, maker: Maker) -> Draft:
    return replace(draft, keys=(maker.key.public,), threshold=1)


def _omits(draft: Draft, maker: Maker) -> Draft:
    honest = [s.key for s in draft.seats if s.key and s.party != maker.me]
    if not honest or len(draft.keys) < 2:
        return draft
    gone = maker.crook.random.choice(honest)
    keys = tuple(key for key in draft.keys if key != gone)
    return replace(draft, keys=keys, threshold=len(keys))


def _other_amount(draft: Draft, maker: Maker) -> Draft:
    """It gives less than it said."""
    gives = [leg for leg in draft.legs if party_of(maker.proposal, leg.from_seat) == maker.me]
    at = maker.crook.random.choice(gives or list(draft.legs))
    amount = max(1, at.amount // 2)
    less = replace(at, amount=amount, fee_max=min(at.fee_max, amount - 1))
    return replace(draft, legs=tuple(less if leg is at else leg for leg in draft.legs))


def _other_account(draft: Draft, maker: Maker) -> Draft:
    """Rights that others should receive come to itself."""

    def turned(leg: Leg) -> Leg:
        own = maker.accounts.get(leg.brand)
        if isinstance(leg.carrier, RightCarrier) and own is not None:
            return replace(leg, carrier=replace(leg.carrier, destination=own))
        return leg

    return replace(draft, legs=tuple(map(turned, draft.legs)))


def _taken_seat(draft: Draft, maker: Maker) -> Draft:
    """The seat of somebody whose receipt others want is its own: it signs there for him."""
    receivers = {leg.to_seat for leg in draft.legs}
    others = [s for s in draft.seats if s.party != maker.me and s.key and s.seat in receivers]
    if len(draft.seats) < 3 or not others:
        return draft
    victim = maker.crook.random.choice(others)
    forged = replace(victim, key=maker.key.public)
    keys = tuple(maker.key.public if key == victim.key else key for key in draft.keys)
    seats = tuple(forged if s is victim else s for s in draft.seats)
    turned = _other_account(
        replace(draft, legs=tuple(leg for leg in draft.legs if leg.to_seat == victim.seat)), maker
    ).legs
    by_no = {leg.no: leg for leg in turned}
    legs = tuple(by_no.get(leg.no, leg) for leg in draft.legs)
    return replace(draft, legs=legs, seats=seats, keys=keys, taken=frozenset({victim.seat}))


def _other_order(draft: Draft, _: Maker) -> Draft:
    return replace(draft, order=sha256(b"another order").digest())


def _locks_long(draft: Draft, _: Maker) -> Draft:
    return replace(draft, times=LONGER)


CHANGES: Final[dict[str, Change]] = {
    "threshold-one": _alone,
    "own-committer": _own_key,
    "omits-committer": _omits,
    "other-amount": _other_amount,
    "other-account": _other_account,
    "takes-seat": _taken_seat,
    "other-order": _other_order,
    "locks-long": _locks_long,
}


def make_terms(step: Step, event: LetterCame, crook: Crook) -> bool:
    """With the last Join the terms are fixed, and other ones than were proposed."""
    body = event.letter.body
    assert isinstance(body, Join)
    deal = deal_of(step, body.proposal_id)
    if deal is None or deal.phase is not DealPhase.PROPOSED:
        return False
    proposal = proposal_of(deal)
    names = [seat for seat, _ in proposal.seats]
    if body.seat not in names or party_of(proposal, body.seat) != event.letter.sender:
        return False
    at = names.index(body.seat)
    deal = replace(deal, joins=placed(deal.joins, at, event.signed))
    if not all(deal.joins):
        return False
    able = [name for name in CHANGES if not crook.only or name in crook.only]
    if not able:
        return False
    name = crook.random.choice(able)
    if not crook.tells(name):
        return False
    _fix(step, deal, proposal, crook, name)
    return True


def _fix(step: Step, deal: Deal, proposal: Proposal, crook: Crook, name: str) -> None:
    key = SigningKey(sha256(b"crook's seat" + deal.id).digest())
    accounts = {a.brand.guid: a.account for a in _accounts(step, proposal)}
    maker = Maker(crook, step.settings.node, proposal, key, accounts)
    draft = CHANGES[name](_honest(deal, proposal), maker)
    terms: list[Term] = [*draft.legs, *draft.seats, Order(draft.order)]
    salts = [crook.random.randbytes(32) for _ in range(len(terms) + 1)]
    root, openings = plant(terms, salts[1:])
    policy = next(
        (p for p in proposal.policies if all(p in join.policies for join in joins_of(deal))),
        proposal.policies[0],
    )
    descriptor = Descriptor(
        salt=salts[0],
        deadline_us=step.now_us + proposal.within_us * draft.times,
        policy=policy,
        committers=draft.keys,
        threshold=draft.threshold,
        terms_root=root,
    )
    encoded = descriptor.encode()
    deal = replace(
        deal,
        commit=commit_id(encoded),
        descriptor=encoded,
        openings=tuple(opening.encode() for opening in openings),
        fixed_at_us=step.now_us,
    )
    crook.schemes[deal.id] = name
    open_seat(step, encoded, descriptor, deal.id)
    begin(step, deal, proposal)
    _sign_own(step, deal.id, key, draft.taken)
    for leg in draft.legs:
        if leg.to_seat in draft.taken:
            _accept_for(step, deal.id, proposal, leg, crook)


def _honest(deal: Deal, proposal: Proposal) -> Draft:
    joins = joins_of(deal)
    accounts = {(join.seat, no): account for join in joins for no, account in join.accounts}
    legs = []
    for leg in proposal.legs:
        carrier = leg.carrier
        if isinstance(carrier, RightCarrier):
            ends = accounts[leg.from_seat, leg.no], accounts[leg.to_seat, leg.no]
            carrier = RightCarrier(carrier.registrar, *ends)
        legs.append(replace(leg, carrier=carrier))
    seats = []
    for (seat, _), join in zip(proposal.seats, joins, strict=True):
        party = party_of(proposal, seat)
        assert party is not None
        seats.append(SeatTerms(seat, party, join.key))
    keys = tuple(join.key for join in joins if join.key)
    return Draft(tuple(legs), tuple(seats), keys, len(keys), proposal_hash(deal.proposal))


def _accounts(step: Step, proposal: Proposal) -> Iterable[Account]:
    for leg in proposal.legs:
        if leg.registrar is not None:
            row = step.row((Account.table, leg.registrar, leg.brand))
            if isinstance(row, Account):
                yield row


def _sign_own(step: Step, deal_id: bytes, key: SigningKey, taken: frozenset[str]) -> None:
    """For every seat that it has a key of, whatever that seat was promised."""
    deal = deal_of(step, deal_id)
    assert deal is not None
    seeds = {seat.seat: committer_key(seat.seed) for seat in deal_seats(step, deal_id) if seat.seed}
    committers = decode_descriptor(deal.descriptor).committers
    for at, (seat, _) in enumerate(proposal_of(deal).seats):
        own = key if seat in taken else seeds.get(seat)
        if own is not None and own.public in committers and not deal.shares[at]:
            share = kept_share(sign_share(own, deal.commit))
            deal = replace(deal, shares=placed(deal.shares, at, share))
    if key.public in committers and not taken:
        share = kept_share(sign_share(key, deal.commit))
        deal = replace(deal, shares=placed(deal.shares, 0, share))
    step.put(deal)


def _accept_for(step: Step, deal_id: bytes, proposal: Proposal, leg: Leg, crook: Crook) -> None:
    """Where the leg of a seat that it has taken is to arrive: at its own, or nowhere."""
    deal = deal_of(step, deal_id)
    assert deal is not None
    accept = LegAccept(leg.no, request=b"nobody will be paid")
    if isinstance(leg.carrier, RightCarrier):
        token = sha256(b"crook's hold" + deal.commit + bytes((leg.no,))).digest()
        accept = LegAccept(leg.no, hold=token)
        row = step.row((Account.table, leg.carrier.registrar, leg.brand))
        if isinstance(row, Account):
            ops = (Accept(row.capability, token, deal.commit, leg.amount),)
            card = registrar_card(proposal, leg.carrier.registrar)
            ask_registrar(step, deal_id, card, ops, Batch.ACCEPT, "crook", leg.no)
    step.put(replace(deal, accepts=placed(deal.accepts, leg.no - 1, kept_accept(accept))))


def take_share(step: Step, deal_id: bytes, body: Share, crook: Crook) -> None:
    """Keeps it, and submits no sooner than it pays."""
    deal = deal_of(step, deal_id)
    if deal is None:
        return
    names = [seat for seat, _ in proposal_of(deal).seats]
    if deal.commit == body.commit and body.seat in names:
        deal = replace(
            deal, shares=placed(deal.shares, names.index(body.seat), kept_share(body.share))
        )
        step.put(deal)
        hasten(step, (deal,), crook)


def hasten(step: Step, changes: Iterable[Row], crook: Crook) -> bool:
    """Submits as soon as its own descriptor is satisfied; whether it did."""
    hastened = False
    for row in changes:
        if not isinstance(row, Deal) or row.id not in crook.schemes:
            continue
        if row.phase not in (DealPhase.JOINED, DealPhase.PREPARING, DealPhase.SHARING):
            continue
        descriptor = decode_descriptor(row.descriptor)
        shares = tuple(read_share(kept) for kept in row.shares if kept)
        rights = [leg.no for leg in proposal_of(row).legs if leg.registrar is not None]
        ripe = all(row.promises[no - 1] for no in rights)
        if ripe and len(shares) >= descriptor.threshold:
            evidence = Evidence(shares[: descriptor.threshold]).encode()
            step.put(replace(row, phase=DealPhase.DECIDING))
            transaction = step.the_transaction(row.commit)
            step.put(replace(transaction, commit_evidence=evidence))
            plan_asking(step, row.commit)
            hastened = True
    return hastened
