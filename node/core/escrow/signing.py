"""A seat signs once it holds final promises of everything that it wants (escrow 2.1, K2).

This is the one act by which a seat can be bound to a loss, and so the one place where all that it
wants is checked, against the terms that were opened to it and nothing that a coordinator says.
"""

from hashlib import sha256

from node.core.escrow.posting import post
from node.core.escrow.reading import (
    committer_key,
    deal_seats,
    hold_of,
    kept_share,
    money_id,
    placed,
    seat_of,
    terms_of,
)
from node.core.escrow.rows import Seat, SeatPhase
from node.core.escrow.sitting import move_seat
from node.core.money_leg import covers, sign_leg
from node.core.rows import Request, replace
from node.core.view import Step
from proto.commit import sign_share
from proto.descriptor import decode_descriptor
from proto.escrow.legs import Leg, LegPromise, read_leg_promise
from proto.escrow.letters import Receive, Share
from proto.keys import NodeId
from proto.limits import MIN_LEAD_US
from proto.wire import WireFault


def on_receive(step: Step, sender: NodeId, deal: bytes, body: Receive) -> None:
    """Registrars' promises. What does not hold is ignored: it is as if it had not come."""
    seat = seat_of(step, deal, body.seat)
    if seat is None or seat.phase is not SeatPhase.FIXED or seat.commit != body.commit:
        return
    promised = seat.promised
    for signed in body.promises:
        promise = _sound(seat, signed)
        if promise is not None and not promised[promise.leg.no - 1]:
            promised = placed(promised, promise.leg.no - 1, signed)
    if promised != seat.promised:
        step.put(replace(seat, promised=promised))
        sign_if_satisfied(step, deal, body.seat)


def _sound(seat: Seat, signed: bytes) -> LegPromise | None:
    """A promise of just the leg that was opened to us, of enough of it, and if it is ours, into
    the hold that we made for it."""
    try:
        promise = read_leg_promise(signed)
    except WireFault:
        return None
    leg = terms_of(seat).legs.get(promise.leg.no)
    if leg is None or promise.leg != leg or promise.commit != seat.commit:
        return None
    if promise.net < leg.least_net:
        return None
    ours = sha256(hold_of(seat.seed, leg.no)).digest()
    if leg.to_seat == seat.seat and promise.to != ours:
        return None
    return promise


def sign_if_satisfied(step: Step, deal: bytes, name: str) -> None:
    """Signs where everything is there and there is time to decide it. A crash after this change
    sends the share again; before it nobody has seen one."""
    seat = seat_of(step, deal, name)
    if seat is None or seat.phase is not SeatPhase.FIXED or not seat.commits:
        return
    deadline_us = decode_descriptor(seat.descriptor).deadline_us
    withdrawn = bool(seat.because)
    if withdrawn or step.now_us >= deadline_us - 2 * MIN_LEAD_US:
        return
    if step.the_transaction(seat.commit).decided:
        return
    terms = terms_of(seat)
    wanted = [leg for leg in terms.legs.values() if _wants(seat, leg)]
    if not all(_is_there(step, seat, leg) for leg in wanted):
        return
    # From here on it must succeed.
    for leg in wanted:
        if leg.registrar is None and leg.to_seat == seat.seat:
            request = step.request(money_id(seat.id, leg.no))
            assert request is not None
            sign_leg(step, request)
    share = sign_share(committer_key(seat.seed), seat.commit)
    move_seat(step, replace(seat, share=kept_share(share)), SeatPhase.SIGNED)
    post(step, seat.deal, seat.coordinator, Share(seat.commit, seat.seat, share))


def _wants(seat: Seat, leg: Leg) -> bool:
    return leg.to_seat == seat.seat or leg.no in seat.wants


def _is_there(step: Step, seat: Seat, leg: Leg) -> bool:
    if leg.registrar is not None:
        return bool(seat.promised[leg.no - 1])
    if leg.to_seat != seat.seat:
        # Somebody else is to be paid. Whether he will be, only he can see: his key is among those
        # that must sign (node.core.escrow.fixing), and he signs for nothing less.
        return True
    return _is_covered(step, seat, leg)


def _is_covered(step: Step, seat: Seat, leg: Leg) -> bool:
    """Whether final promises of the whole amount are held."""
    request = step.request(money_id(seat.id, leg.no))
    if request is None or request.bound != seat.commit:
        return False
    return covers(step, request)


def covered(step: Step, request: Request) -> None:
    """The promises of a bound request sum up to its amount."""
    deal = step.the_transaction(request.bound).owner
    for seat in deal_seats(step, deal):
        if any(money_id(seat.id, no) == request.id for no in range(1, len(seat.held) + 1)):
            sign_if_satisfied(step, deal, seat.seat)
