"""Numbering games: frames that are repeated, left out, numbered otherwise or never acknowledged."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from node.command.sim.lying.liar import Liar
from node.command.sim.plan import Fault
from runtime.transport import BatchArrived

Twist = Callable[[BatchArrived], Sequence[BatchArrived]]

TWISTS: Final[Sequence[Twist]] = (
    lambda frame: (frame, frame),
    lambda frame: (replace(frame, first=frame.first + 1),),
    lambda frame: (replace(frame, first=max(1, frame.first - 1)),),
    lambda frame: (replace(frame, envelopes=frame.envelopes[1:]),),
    lambda frame: (replace(frame, envelopes=frame.envelopes[::-1]),),
    lambda frame: (replace(frame, envelopes=frame.envelopes * 2),),
    lambda frame: (replace(frame, envelopes=(*frame.envelopes, b"no envelope")),),
    lambda frame: (replace(frame, ack=frame.ack + 1),),
    lambda frame: (replace(frame, ack=frame.ack + 10_000),),
    lambda frame: (replace(frame, ack=0),),
    lambda frame: (),
)


def bent(liar: Liar, frame: BatchArrived) -> Sequence[BatchArrived]:
    """The frames that set out in place of one."""
    if not liar.tells(Fault.LIE_NUMBERS):
        return (frame,)
    return liar.dice(Fault.LIE_NUMBERS).choice(TWISTS)(frame)


def bender(liar: Liar) -> Twist:
    """For a transport of the liar's process."""
    return partial(bent, liar)
