"""Opening, changing and closing lines of credit (protocol section 8)."""

from node.core.effects import Answer, PeerFault
from node.core.events import AcceptLine, ChangeLimit, CloseLine, OfferLine
from node.core.rows import Line, LinePhase, replace
from node.core.view import Step
from proto.keys import NodeId
from proto.messages import LineAccept, LineClose, LineLimit, LineOffer
from proto.reason import Reason, Refusal

MAX_ASKED_LINES = 16  # offers of one peer that wait for the owner, who answers them one by one


def _twin(step: Step, peer: NodeId, guid: bytes, apart_from: bytes = b"") -> Line | None:
    """Another line with the same peer in the same brand that is not closed."""
    for line in step.view.lines_with(peer):
        if line.brand.guid == guid and line.phase is not LinePhase.CLOSED and line.id != apart_from:
            return line
    return None


def offer_line(step: Step, event: OfferLine) -> Answer:
    """The owner offers a line. Refused: LINE_EXISTS."""
    if step.line(event.line) is not None or event.peer == step.settings.node:
        return Answer(Refusal(Reason.LINE_EXISTS))
    if _twin(step, event.peer, event.brand.guid):
        return Answer(Refusal(Reason.LINE_EXISTS))
    step.put(Line(event.line, event.peer, event.brand, LinePhase.OFFERED, limit_in=event.limit))
    step.send(event.peer, LineOffer(event.line, event.brand, event.limit))
    return Answer()


def accept_line(step: Step, event: AcceptLine) -> Answer:
    """The owner accepts an offer and grants `limit` in return. Refused: LINE_UNKNOWN, LINE_STATE.

    Accepting twice with the same limit is the same answer.
    """
    line = step.line(event.line)
    if line is None:
        return Answer(Refusal(Reason.LINE_UNKNOWN))
    if line.phase is LinePhase.OPEN and line.limit_in == event.limit:
        return Answer()
    if line.phase is not LinePhase.ASKED:
        return Answer(Refusal(Reason.LINE_STATE))
    step.put(replace(line, phase=LinePhase.OPEN, limit_in=event.limit))
    step.send(line.peer, LineAccept(line.id, event.limit))
    return Answer()


def change_limit(step: Step, event: ChangeLimit) -> Answer:
    """The owner changes what it grants. Pending promises and the balance stay as they are."""
    line = step.line(event.line)
    if line is None:
        return Answer(Refusal(Reason.LINE_UNKNOWN))
    if line.phase is not LinePhase.OPEN:
        return Answer(Refusal(Reason.LINE_STATE))
    if line.limit_in != event.limit:
        step.put(replace(line, limit_in=event.limit))
        step.send(line.peer, LineLimit(line.id, event.limit, 0))
    return Answer()


def close_line(step: Step, event: CloseLine) -> Answer:
    """No new promises from now on, in either direction. What is owed stays owed and is shown."""
    line = step.line(event.line)
    if line is None:
        return Answer(Refusal(Reason.LINE_UNKNOWN))
    if line.phase is not LinePhase.CLOSED:
        step.put(replace(line, phase=LinePhase.CLOSED))
        step.send(line.peer, LineClose(line.id))
    return Answer()


def on_line_offer(step: Step, peer: NodeId, body: LineOffer) -> None:
    known = step.line(body.line)
    if known is not None:
        if known.peer != peer:
            step.effects.append(PeerFault(peer, "offers a line under an id that is not its own"))
        return
    twin = _twin(step, peer, body.brand.guid)
    asked = [x for x in step.view.lines_with(peer) if x.phase is LinePhase.ASKED]
    if len(asked) >= MAX_ASKED_LINES:
        step.send(peer, LineClose(body.line))
        return
    if twin is not None and not (twin.phase is LinePhase.OFFERED and body.line < twin.id):
        step.send(peer, LineClose(body.line))
        return
    if twin is not None:
        # Both offered at once: the smaller id wins on both sides, and the offers answer each other.
        step.put(replace(twin, phase=LinePhase.CLOSED))
        accepted = Line(body.line, peer, body.brand, LinePhase.OPEN, twin.limit_in, body.limit)
        step.put(accepted)
        step.send(peer, LineAccept(body.line, twin.limit_in))
        return
    step.put(Line(body.line, peer, body.brand, LinePhase.ASKED, limit_out=body.limit))


def _own(step: Step, peer: NodeId, line: bytes) -> Line | None:
    found = step.line(line)
    if found is None or found.peer != peer:
        step.effects.append(PeerFault(peer, "speaks of a line that it does not have"))
        return None
    return found


def on_line_accept(step: Step, peer: NodeId, body: LineAccept) -> None:
    line = _own(step, peer, body.line)
    if line is not None and line.phase is LinePhase.OFFERED:
        step.put(replace(line, phase=LinePhase.OPEN, limit_out=body.limit))


def on_line_limit(step: Step, peer: NodeId, body: LineLimit) -> None:
    line = _own(step, peer, body.line)
    if line is not None and line.phase is LinePhase.OPEN:
        step.put(replace(line, limit_out=body.limit))


def on_line_close(step: Step, peer: NodeId, body: LineClose) -> None:
    line = _own(step, peer, body.line)
    if line is not None and line.phase is not LinePhase.CLOSED:
        step.put(replace(line, phase=LinePhase.CLOSED))
