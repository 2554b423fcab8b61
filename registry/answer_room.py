"""How much of a request is worked on, so that its answers are no larger than a message may be."""

from collections.abc import Sequence
from typing import Final

from registry.answers import refusal_bytes
from registry.asks import Ask, AskCommit
from registry.log import Reason, Refused

MAX_ITEMS: Final = 256  # registry 6: a frame of them is what one group commit digests at once
MAX_ANSWER_BYTES: Final = 1 << 20  # registry 6; the transport's limit lies a little above
PROOF_FRAMING: Final = 8  # tag and length of a proof, and what it adds to those around it
ANSWER_ROOM: Final = 1024  # statement, signature with its path, framing; without the Commit


def take(asks: Sequence[Ask], proof_room: int) -> tuple[list[Ask | Refused], list[int]]:
    """What of a request is worked on, and how many bytes of answer each item has for itself."""
    taken: list[Ask | Refused] = []
    reserved: list[int] = []
    total = 0
    for position, ask in enumerate(asks):
        room = ANSWER_ROOM + proof_room
        if isinstance(ask, AskCommit):
            room += len(ask.descriptor) + len(ask.evidence)
        if position < MAX_ITEMS and total + room <= MAX_ANSWER_BYTES:
            total += room
            taken.append(ask)
            reserved.append(room)
        else:
            taken.append(Refused(Reason.OVER_QUOTA, MAX_ITEMS))
            reserved.append(0)
    return taken, reserved


def fit(
    answers: Sequence[bytes], subjects: Sequence[bytes], reserved: Sequence[int]
) -> list[bytes]:
    """Stored commits larger than their item's room give way where the whole would be too big.

    What this call decided always fits: its Commit came with the call. So OVER_QUOTA here is the
    truth as well: nothing changed, ask again in a smaller batch.
    """
    spare = MAX_ANSWER_BYTES - sum(reserved)
    fitting: list[bytes] = []
    for answer, subject, room in zip(answers, subjects, reserved, strict=True):
        excess = len(answer) - room if room else 0
        if excess > spare:
            fitting.append(refusal_bytes(subject, Refused(Reason.OVER_QUOTA)))
            continue
        spare -= max(0, excess)
        fitting.append(answer)
    return fitting
