"""A neighbour promises: the check ladder, then the hop's or the payee's answer (protocol 8)."""

from dataclasses import dataclass
from hashlib import sha256

from node.core.asking import plan_asking
from node.core.caps import check_caps, load_of
from node.core.effects import PeerFault
from node.core.events import FromPeer
from node.core.pair import check_pair
from node.core.payee import take_delivery
from node.core.promise import hold
from node.core.rows import (
    Direction,
    Line,
    LinePhase,
    Promise,
    PromisePhase,
    Role,
    Transaction,
    replace,
)
from node.core.view import Step
from proto.descriptor import Descriptor, DescriptorInvalid, commit_id, decode_descriptor
from proto.keys import NodeId
from proto.levels import Level
from proto.messages import Promise as PromiseMessage
from proto.messages import Refuse
from proto.modes import is_late_leak
from proto.onion import Deliver, Forward
from proto.reason import Reason, Refusal


@dataclass(frozen=True, slots=True)
class Offer:
    """A promise that passed the first half of the ladder."""

    body: PromiseMessage
    peer: NodeId
    line: Line
    commit: bytes
    descriptor: Descriptor
    evidence: bytes

    def held(self, phase: PromisePhase, now_us: int, partner: Promise | None = None) -> Promise:
        return Promise(
            promisor=self.peer,
            id=self.body.promise,
            direction=Direction.IN,
            line=self.line.id,
            peer=self.peer,
            commit=self.commit,
            amount=self.body.amount,
            level=self.body.level,
            expires_at_us=self.body.expires_at_us,
            phase=phase,
            partner=partner.promisor if partner else b"",
            partner_id=partner.id if partner else b"",
            made_at_us=now_us,
            evidence=self.evidence,
        )


def outgoing_id(incoming: bytes, commit: bytes, promisor: NodeId, promisee: NodeId) -> bytes:
    """The id of the promise that covers `incoming`: no randomness, so a replay gives the same.

    The commit is in it, so that a neighbour that uses an id again, once we have archived the first,
    does not make us use one again ahead, where the first may be remembered.
    """
    named = incoming + commit + promisor + promisee
    return sha256(b"pledgeway/promise-id/v1\0" + named).digest()[:16]


def on_promise(step: Step, event: FromPeer, body: PromiseMessage) -> None:
    """Either the promise is held and passed on, or it is refused and nothing is kept."""
    if _is_repeated(step, event.peer, body):
        return
    offer = _check_offer(step, event, body)
    if isinstance(offer, Refusal):
        step.send(event.peer, Refuse(body.promise, offer))
        return
    if event.opened is None:
        refusal: Refusal | None = Refusal(Reason.INSTRUCTIONS_UNREADABLE)
    else:
        match event.opened:
            case (Forward() as forward, packet):
                refusal = _forward(step, offer, forward, packet)
            case (Deliver() as deliver, _):
                refusal = take_delivery(
                    step,
                    offer.held(PromisePhase.OFFERED, step.now_us),
                    offer.body.descriptor,
                    offer.descriptor,
                    deliver,
                    offer.line.brand,
                )
    if refusal is not None:
        step.send(event.peer, Refuse(body.promise, refusal))


def _is_repeated(step: Step, peer: NodeId, body: PromiseMessage) -> bool:
    known = step.promise(peer, body.promise)
    if known is None:
        return False
    same = (known.line, known.commit, known.amount, known.level, known.expires_at_us) == (
        body.line,
        commit_id(body.descriptor),
        body.amount,
        body.level,
        body.expires_at_us,
    )
    if not same:
        # A Refuse would release the promise that already stands under this id.
        step.effects.append(PeerFault(peer, "uses one promise id for two promises"))
    return True


def _check_offer(step: Step, event: FromPeer, body: PromiseMessage) -> Offer | Refusal:
    """What is checked whether we forward or are paid: the line, the descriptor, the clock."""
    line = step.line(body.line)
    if line is None or line.peer != event.peer:
        return Refusal(Reason.LINE_UNKNOWN)
    if line.phase is not LinePhase.OPEN:
        return Refusal(Reason.LINE_CLOSED)
    if body.amount == 0:
        return Refusal(Reason.AMOUNT_ZERO)
    if body.amount % line.brand.unit:
        return Refusal(Reason.BELOW_UNIT, line.brand.unit)
    if (short := body.amount - line.available_in) > 0:
        return Refusal(Reason.CREDIT_SHORT, short)
    try:
        descriptor = decode_descriptor(body.descriptor)
    except DescriptorInvalid:
        return Refusal(Reason.DESCRIPTOR_INVALID)
    if body.level is not Level.BARE and not descriptor.policy.members:
        return Refusal(Reason.POLICY_MISSING)
    if body.level.has_expiry and step.now_us > body.expires_at_us:
        return Refusal(Reason.EXPIRY_PASSED, step.now_us - body.expires_at_us)
    if descriptor.policy.members and step.now_us > descriptor.deadline_us:
        return Refusal(Reason.DEADLINE_PASSED, step.now_us - descriptor.deadline_us)
    commit = commit_id(body.descriptor)
    known = step.transaction(commit)
    if known is not None and known.role is Role.PAYER:
        return Refusal(Reason.LOOP)
    if known is not None and known.decided:
        return Refusal(Reason.DEADLINE_PASSED)
    load = load_of(body.amount, body.level, body.expires_at_us, descriptor.limit_us, step.now_us)
    passed_on = event.opened is not None and isinstance(event.opened[0], Forward)
    if refusal := check_caps(step, line, Direction.IN, load, passed_on=passed_on):
        return refusal
    return Offer(body, event.peer, line, commit, descriptor, event.evidence)


def _line_to(step: Step, peer: NodeId, brand: bytes) -> Line | None:
    for line in step.view.lines_with(peer):
        current = step.line(line.id)
        if current and current.phase is LinePhase.OPEN and current.brand.guid == brand:
            return current
    return None


def _forward(step: Step, offer: Offer, forward: Forward, packet: bytes) -> Refusal | None:
    """The pair's own rules, then the line ahead; after them it must succeed."""
    known = step.transaction(offer.commit)
    if known is not None and known.role not in (Role.HOP, Role.SEAT):
        return Refusal(Reason.LOOP)  # V11: a chain ends at its payee
    line_out = _line_to(step, forward.next_node, forward.brand)
    if line_out is None or forward.next_node == offer.peer:
        return Refusal(Reason.NEXT_LINE_UNKNOWN)
    if refusal := _check_outgoing(step, line_out, forward, offer.descriptor):
        return refusal
    if refusal := check_pair(
        step.settings,
        step.now_us,
        offer.body,
        offer.line.brand,
        forward,
        line_out,
        offer.descriptor,
    ):
        return refusal
    if not step.view.connected(forward.next_node):
        return Refusal(Reason.NEXT_HOP_DOWN)
    # From here on it must succeed.
    given = Promise(
        promisor=step.settings.node,
        id=outgoing_id(offer.body.promise, offer.commit, step.settings.node, forward.next_node),
        direction=Direction.OUT,
        line=line_out.id,
        peer=forward.next_node,
        commit=offer.commit,
        amount=forward.amount,
        level=forward.level,
        expires_at_us=forward.expires_at_us if forward.level.has_expiry else 0,
        phase=PromisePhase.OFFERED,
        partner=offer.peer,
        partner_id=offer.body.promise,
        made_at_us=step.now_us,
    )
    watched = is_late_leak(offer.body.level, forward.level)
    _open_transaction(step, offer, watched)
    hold(step, offer.held(PromisePhase.OFFERED, step.now_us, given))
    hold(step, given)
    plan_asking(step, offer.commit)
    step.send(
        forward.next_node,
        PromiseMessage(
            given.id,
            line_out.id,
            offer.body.descriptor,
            given.amount,
            given.level,
            given.expires_at_us,
            packet,
            offer.body.admitted,
        ),
    )
    return None


def _check_outgoing(
    step: Step, line: Line, forward: Forward, descriptor: Descriptor
) -> Refusal | None:
    """V10 and the owner's caps on the line ahead."""
    if forward.amount == 0:
        return Refusal(Reason.AMOUNT_ZERO)
    if forward.amount % line.brand.unit:
        return Refusal(Reason.BELOW_UNIT, line.brand.unit)
    if (short := forward.amount - line.available_out) > 0:
        return Refusal(Reason.NEXT_CREDIT_SHORT, short)
    load = load_of(
        forward.amount, forward.level, forward.expires_at_us, descriptor.limit_us, step.now_us
    )
    return check_caps(step, line, Direction.OUT, load)


def _open_transaction(step: Step, offer: Offer, watched: bool) -> None:
    known = step.transaction(offer.commit)
    if known is None:
        known = Transaction(
            commit=offer.commit,
            descriptor=offer.body.descriptor,
            role=Role.HOP,
            deadline_us=offer.descriptor.deadline_us,
            limit_us=offer.descriptor.limit_us,
            watched=watched,
        )
        step.put(known)
    elif watched and not known.watched:
        step.put(replace(known, watched=True))
