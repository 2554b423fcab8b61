"""What a cheat says in place of what its own core has decided to say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from random import Random
from types import MappingProxyType
from typing import Final

from node.command.sim.lying.forgery import false_abort, false_evidence
from node.command.sim.lying.liar import Liar, Said
from node.command.sim.plan import Fault
from node.core.rows import Promise as PromiseRow
from node.core.view import View
from proto.descriptor import decode_descriptor
from proto.keys import NodeId
from proto.levels import Level
from proto.limits import MAX_AMOUNT, US
from proto.messages import (
    ID_BYTES,
    Abandon,
    Accepted,
    Body,
    Claim,
    Denied,
    LineLimit,
    Passed,
    Promise,
    Redeemed,
    Refuse,
    Release,
)
from proto.reason import Reason, Refusal

# After the own expiry of what is claimed: within the grace, just beyond it, and when whatever
# covers it further up has expired as well.
LATE_US: Final = (-US // 5, US // 2, 3 * US // 2, 4 * US, 9 * US, 20 * US)
HELD_BACK_US: Final = (US, 6 * US, 15 * US, 40 * US)  # where nothing expires


@dataclass(frozen=True, slots=True)
class Word:
    """To be said in `after_us` from now."""

    said: Said
    after_us: int = 0


@dataclass(frozen=True, slots=True)
class Scene:
    """Who speaks, what its books say, when it is (µs, own clock), and the dice of the lie."""

    liar: Liar
    view: View
    now_us: int
    random: Random


Bend = Callable[[Scene, NodeId, Body], list[Word] | None]
"""What is said instead; None: this is no occasion for this lie."""


def bend(scene: Scene, said: Said) -> list[Word]:
    """Everything that becomes of one message. Each lie that takes the occasion bends it once."""
    words = [Word(said)]
    for lie in scene.liar.lies:
        twist = TWISTS.get(lie)
        if twist is None or not scene.liar.lies[lie]:
            continue
        bent: list[Word] = []
        own = replace(scene, random=scene.liar.dice(lie))
        for word in words:
            instead = twist(own, *word.said)
            if instead is None or not scene.liar.tells(lie):
                bent.append(word)
            else:
                bent += [replace(w, after_us=w.after_us + word.after_us) for w in instead]
        words = bent
    return words


# ---------------------------------------------------------------- the lies


def _amount(scene: Scene, to: NodeId, body: Body) -> list[Word] | None:
    draw = scene.random.choice
    match body:
        case Promise():
            amount = draw((body.amount - 1, body.amount + 1, 2 * body.amount, 1, 0, MAX_AMOUNT))
            shift_us = draw((-3, -1, 1, 30)) * US
            other = draw((Level.BARE, Level.SECURED, Level.PROXY))
            expiry = body.expires_at_us or scene.now_us + 5 * US
            bent = draw(
                (
                    replace(body, amount=max(0, amount)),
                    replace(body, level=other, expires_at_us=expiry),
                    replace(body, level=Level.ATOMIC, expires_at_us=0),
                    replace(body, expires_at_us=body.expires_at_us and expiry + shift_us),
                    replace(body, admitted=()),
                    replace(body, packet=bytes(len(body.packet))),
                    replace(body, descriptor=_longer_lived(body.descriptor)),
                )
            )
            return [Word((to, bent))]
        case Redeemed():
            bent_booking = draw(
                (
                    replace(body, total=body.total - 1),
                    replace(body, total=min(MAX_AMOUNT, 2 * body.total)),
                    replace(body, sequence=body.sequence + 1),
                    replace(body, sequence=max(0, body.sequence - 1)),
                )
            )
            return [Word((to, bent_booking))]
        case _:
            return None


def _longer_lived(descriptor: bytes) -> bytes:
    """Another transaction: the payee's signature is not for it."""
    read = decode_descriptor(descriptor)
    return replace(read, deadline_us=read.deadline_us + US).encode()


def _replay(scene: Scene, to: NodeId, body: Body) -> list[Word] | None:
    liar = scene.liar
    old = [said for said in liar.said if said[0] == to]
    words = [Word((to, body)), Word((to, body))]
    if old:
        words.append(Word(scene.random.choice(old), scene.random.choice((0, US, 30 * US))))
    promises = [b for _, b in old if isinstance(b, Promise)]
    if promises:
        again = scene.random.choice(promises)
        if isinstance(body, Promise):
            # An id that was used before, about something else.
            words.append(Word((to, replace(body, promise=again.promise))))
            # The same instructions twice, so that the nodes ahead promise twice.
            words.append(Word((to, replace(body, promise=scene.random.randbytes(ID_BYTES)))))
        words.append(Word((to, replace(again, amount=again.amount + 1)), US))
    return words


def _evidence(scene: Scene, to: NodeId, body: Body) -> list[Word] | None:
    liar = scene.liar
    match body:
        case Claim():
            false = Claim(
                body.promise, false_evidence(liar, scene.random, body.evidence.descriptor)
            )
            instead = [Word((to, false))]
            return instead if scene.random.random() < 0.5 else [*instead, Word((to, body))]
        case Accepted():
            mine = _promise_by(liar, to, body.promise)
            if mine is None:
                return None
            false = Claim(mine.promise, false_evidence(liar, scene.random, mine.descriptor))
            return [Word((to, body)), Word((to, false), scene.random.choice((0, US, 12 * US)))]
        case Promise():
            abort = false_abort(scene.random, body.descriptor)
            return [
                Word((to, body)),
                Word((to, Passed(body.promise, abort)), scene.random.choice((0, US, 12 * US))),
            ]
        case Passed():
            return [Word((to, Passed(body.promise, false_abort(scene.random, _of(body)))))]
        case _:
            return None


def _of(body: Passed) -> bytes:
    return body.certificate.descriptor


def _promise_by(liar: Liar, peer: NodeId, promise: bytes) -> Promise | None:
    found = [p for by, p in liar.promises if by == peer and p.promise == promise]
    return found[-1] if found else None


def _late(scene: Scene, to: NodeId, body: Body) -> list[Word] | None:
    if not isinstance(body, Claim):
        return None
    draw = scene.random.choice
    row = scene.view.row((PromiseRow.table, to, body.promise))
    expires_us = row.expires_at_us if isinstance(row, PromiseRow) else 0
    wait_us = expires_us + draw(LATE_US) - scene.now_us if expires_us else draw(HELD_BACK_US)
    return [Word((to, body), max(0, wait_us))]


def _silence(scene: Scene, to: NodeId, body: Body) -> list[Word] | None:
    return []


def _denial(scene: Scene, to: NodeId, body: Body) -> list[Word] | None:
    """Good evidence is denied; what is to be given back, or passed on, is not."""
    match body:
        case Redeemed():
            why = scene.random.choice(
                (Reason.CLAIM_LATE, Reason.CLAIM_ENDED, Reason.CLAIM_INVALID, Reason.CLAIM_UNKNOWN)
            )
            return [Word((to, Denied(body.promise, Refusal(why))))]
        case Release() | Refuse() | Abandon() | Passed():
            return []
        case _:
            return None


def _order(scene: Scene, to: NodeId, body: Body) -> list[Word] | None:
    """Something else is said about the same promise, before, after or instead."""
    promise = getattr(body, "promise", None)
    if promise is None:
        return None
    draw = scene.random.choice
    why = Refusal(draw((Reason.PAYEE_DECLINED, Reason.ABORTED_AHEAD, Reason.CLAIM_LATE)))
    others = (
        Accepted(promise),
        Refuse(promise, why),
        Release(promise, why),
        Abandon(promise),
        Denied(promise, why),
        Release(bytes(16), why),
        Denied(bytes(16), why),
    )
    other = Word((to, draw(others)), draw((0, 0, US, 10 * US)))
    mine = Word((to, body))
    return draw(([other, mine], [mine, other], [mine, other], [other]))


def _line(scene: Scene, to: NodeId, body: Body) -> list[Word] | None:
    lines = sorted(scene.view.lines_with(to), key=lambda line: line.id)
    if not lines:
        return None
    line = scene.random.choice(lines)
    draw = scene.random.choice
    limit = draw((0, 1, line.limit_in // 2, 2 * line.limit_in, MAX_AMOUNT))
    sequence = draw((0, 1, 7))
    return [Word((to, LineLimit(line.id, limit, sequence))), Word((to, body))]


TWISTS: Final[Mapping[Fault, Bend]] = MappingProxyType(
    {
        Fault.LIE_AMOUNT: _amount,
        Fault.LIE_REPLAY: _replay,
        Fault.LIE_EVIDENCE: _evidence,
        Fault.LIE_LATE: _late,
        Fault.LIE_SILENCE: _silence,
        Fault.LIE_DENIAL: _denial,
        Fault.LIE_ORDER: _order,
        Fault.LIE_LINE: _line,
    }
)
