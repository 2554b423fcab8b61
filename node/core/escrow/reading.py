"""What the rows of an exchange say, read back: proposals, opened terms, shares."""

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b, sha256
from typing import Final

from node.core.escrow.rows import Deal, Seat
from node.core.rows import Transaction
from node.core.view import Step
from proto.card import card_node
from proto.commit import Evidence
from proto.descriptor import decode_descriptor
from proto.envelope import Envelope, Proof
from proto.escrow.legs import Leg
from proto.escrow.letters import Join, LegAccept, decode_letter
from proto.escrow.proposal import Proposal, kept_proposal
from proto.escrow.terms import Opening, Order, SeatTerms
from proto.keys import NodeId, SigningKey
from proto.limits import MAX_SEATS
from proto.wire import WireFault

TERMS_KEPT: Final = 256  # a live exchange reads its own a few dozen times


def proposal_of(row: Deal | Seat) -> Proposal:
    """It was verified when it came."""
    return kept_proposal(row.proposal)


def deal_of(step: Step, deal: bytes) -> Deal | None:
    """The exchange of this proposal (its id), if we look after it."""
    """The exchange that we look after under this id, if we do."""
    row = step.row((Deal.table, deal, b""))
    return row if isinstance(row, Deal) else None


def seat_of(step: Step, deal: bytes, seat: str) -> Seat | None:
    """Ours of this name, if there is one."""
    return next((found for found in deal_seats(step, deal) if found.seat == seat), None)


def deal_seats(step: Step, deal: bytes) -> list[Seat]:
    """Our own seats in it, in the order of the proposal.

    They are found without it: a proposal has few seats.
    """
    found = (step.row((Seat.table, deal, bytes((at,)))) for at in range(MAX_SEATS))
    return [seat for seat in found if isinstance(seat, Seat)]


def deal_under(step: Step, commit: bytes) -> bytes:
    """The proposal's id of an exchange that has this commit_id; empty where there is none."""
    row = step.row((Transaction.table, commit, b""))
    return row.owner if isinstance(row, Transaction) else b""


def party_of(proposal: Proposal, seat: str) -> NodeId | None:
    """Who sits there."""
    card = dict(proposal.seats).get(seat)
    return None if card is None else card_node(card)


def may_coordinate(proposal: Proposal, node: NodeId) -> bool:
    """The initiator, a coordinator that it names, or a party: nobody else has the dossier."""
    return any(card_node(card) == node for card in coordinating_cards(proposal))


def coordinating_cards(proposal: Proposal) -> tuple[str, ...]:
    """Of all those who may coordinate it."""
    seats = (card for _, card in proposal.seats)
    return (proposal.initiator_card, *proposal.coordinators, *seats)


def registrar_card(proposal: Proposal, registrar: NodeId) -> str:
    """How to reach a registrar of its legs: every proposal has the cards of all of them."""
    cards = proposal.registrars
    return next(c for c in cards if card_node(c) == registrar)


@dataclass(frozen=True, slots=True)
class Terms:
    """Opened leaves: legs by number, seats by name, and the hash of the proposal."""

    legs: dict[int, Leg]
    seats: dict[str, SeatTerms]
    order: bytes
    by_leg: dict[int, Opening]
    by_seat: dict[str, Opening]
    by_order: Opening | None


def read_terms(openings: tuple[Opening, ...], terms_root: bytes) -> Terms:
    """Raises WireFault where an opening does not open, or two say different things of one."""
    legs: dict[int, Leg] = {}
    seats: dict[str, SeatTerms] = {}
    by_leg: dict[int, Opening] = {}
    by_seat: dict[str, Opening] = {}
    order: Opening | None = None
    ordered = b""
    for opening in openings:
        if not opening.opens(terms_root):
            raise WireFault("an opening that does not open into the terms")
        match opening.term:
            case Leg() as leg if leg.no not in legs:
                legs[leg.no], by_leg[leg.no] = leg, opening
            case SeatTerms() as seat if seat.seat not in seats:
                seats[seat.seat], by_seat[seat.seat] = seat, opening
            case Order(proposal_hash) if order is None:
                ordered, order = proposal_hash, opening
            case _:
                raise WireFault("terms that say one thing twice")
    return Terms(legs, seats, ordered, by_leg, by_seat, order)


def terms_of(row: Deal | Seat) -> Terms:
    """What was opened to us; it was sound when it came."""
    return _terms(row.openings, decode_descriptor(row.descriptor).terms_root)


@lru_cache(maxsize=TERMS_KEPT)
def _terms(openings: tuple[bytes, ...], terms_root: bytes) -> Terms:
    return read_terms(tuple(map(Opening.decode, openings)), terms_root)


def joins_of(deal: Deal) -> list[Join]:
    """Who joined with what, in the order of the proposal's seats."""
    payloads = (Envelope.decode_unverified(signed).payload for signed in deal.joins)
    bodies = [decode_letter(payload).body for payload in payloads]
    return [body for body in bodies if isinstance(body, Join)]


def own_card(step: Step, proposal: Proposal) -> str:
    """The card in a proposal by which we are found."""
    me = step.settings.node
    return next(card for card in coordinating_cards(proposal) if card_node(card) == me)


def committer_key(seed: bytes) -> SigningKey:
    """The one-time key of a seat. Derived, so that only the seed has to be kept."""
    return SigningKey(blake2b(seed, digest_size=32, person=b"seat-key").digest())


def hold_of(seed: bytes, no: int) -> bytes:
    """The capability of the hold into which leg `no` is to come."""
    return _token(seed, b"seat-hold", no)


def source_of(seed: bytes, no: int) -> bytes:
    """The capability of the hold out of which we give leg `no`."""
    return _token(seed, b"seat-source", no)


def _token(seed: bytes, person: bytes, no: int) -> bytes:
    return blake2b(seed, digest_size=32, person=person, salt=no.to_bytes(2, "big")).digest()


def money_id(seat: bytes, no: int) -> bytes:
    """Of the payment by which a seat gives leg `no`, and of the request by which it gets it."""
    return sha256(b"pledgeway/money-leg-id/v1\0" + seat + no.to_bytes(2, "big")).digest()[:16]


def says_where(leg: Leg, accept: LegAccept) -> bool:
    """Whether it names what the leg needs: a hold for a right, a payment request for money."""
    return bool(accept.hold if leg.registrar is not None else accept.request)


def kept_accept(accept: LegAccept) -> bytes:
    """Where a leg arrives, as rows keep it."""
    return b"h" + accept.hold if accept.hold else b"r" + accept.request


def read_accept(no: int, kept: bytes) -> LegAccept:
    """What `kept_accept` was given."""
    if kept[:1] == b"h":
        return LegAccept(no, hold=kept[1:])
    return LegAccept(no, request=kept[1:])


def kept_share(share: Proof) -> bytes:
    """A share as rows keep it."""
    return Evidence((share,)).encode()


def read_share(kept: bytes) -> Proof:
    """What `kept_share` was given."""
    return Evidence.decode(kept).shares[0]


def placed(values: tuple[bytes, ...], at: int, value: bytes) -> tuple[bytes, ...]:
    """The same with one changed."""
    return (*values[:at], value, *values[at + 1 :])
