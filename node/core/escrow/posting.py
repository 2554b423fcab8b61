"""Letters and batches as rows that wait for their answer (escrow section 9).

A row is written with the change that it speaks of, and said again until it is answered: in normal
running and after a crash by the same timer.
"""

from typing import Final

from node.core.effects import Deliver
from node.core.escrow.rows import Letter, LetterKind, Step
from node.core.rows import replace
from node.core.view import Step as CoreStep
from proto.card import card_node
from proto.escrow.batch import BATCH_ID_BYTES, OpBatch, payload_of
from proto.escrow.letters import Body, encode_letter, letter_id
from proto.escrow.letters import Letter as Words
from proto.escrow.ops import Op
from proto.limits import MAX_LETTER_BYTES, US

FIRST_RETRY_US: Final = US // 2  # an answer takes milliseconds; a lost one costs half a second
MAX_RETRY_US: Final = 300 * US  # who is away for days is asked twelve times an hour
SEALED_BYTES: Final = 256  # kind, key and signature around a payload
UNSETTLED_AFTER_US: Final = 86_400 * US  # escrow section 7: then a human looks at it


def post(step: CoreStep, deal: bytes, card: str, body: Body) -> bool:
    """A letter to whom the card names. A crash after this change sends it again. False where just
    this one, of this moment, is under way already."""
    me, receiver = step.settings.node, card_node(card)
    payload = encode_letter(Words(me, receiver, step.now_us, body))
    known = step.row((Letter.table, letter_id(payload), b""))
    if isinstance(known, Letter) and not known.answered:
        return False
    _put(
        step,
        Letter(
            id=letter_id(payload),
            kind=LetterKind.LETTER,
            receiver=receiver,
            card=card,
            payload=payload,
            deal=deal,
            created_at_us=step.now_us,
            next_at_us=step.now_us,
        ),
    )
    return True


def fits(step: CoreStep, card: str, body: Body) -> bool:
    """Whether it can be posted as one letter: of sixteen seats' dossiers a few cannot."""
    words = Words(step.settings.node, card_node(card), step.now_us, body)
    return len(encode_letter(words)) + SEALED_BYTES <= MAX_LETTER_BYTES


def ask_registrar(
    step: CoreStep,
    deal: bytes,
    card: str,
    ops: tuple[Op, ...],
    why: Step,
    seat: str = "",
    no: int = 0,
) -> None:
    """A batch to a registrar. Named by what it is for, so that a repeated step repeats it."""
    me, registrar = step.settings.node, card_node(card)
    named = deal + registrar + bytes((why, no)) + seat.encode()
    batch_id = letter_id(b"pledgeway/batch-id/v1\0" + named)[:BATCH_ID_BYTES]
    payload = payload_of(OpBatch(me, registrar, batch_id, step.now_us, ops))
    _put(
        step,
        Letter(
            id=letter_id(payload),
            kind=LetterKind.BATCH,
            receiver=registrar,
            card=card,
            payload=payload,
            deal=deal,
            created_at_us=step.now_us,
            next_at_us=step.now_us,
            seat=seat,
            step=why,
            no=no,
        ),
    )


def _put(step: CoreStep, letter: Letter) -> None:
    step.put(replace(letter, next_at_us=step.now_us + FIRST_RETRY_US, tries=1))
    step.effects.append(Deliver(letter.id))


def say_again(step: CoreStep, letter: Letter) -> None:
    """Nobody has answered so far."""
    wait_us = min(FIRST_RETRY_US << min(letter.tries, 20), MAX_RETRY_US)
    step.put(replace(letter, next_at_us=step.now_us + wait_us, tries=letter.tries + 1))
    step.effects.append(Deliver(letter.id))


def answered(step: CoreStep, letter: Letter) -> None:
    """It need not be said any more; that it was stays, without its words."""
    step.put(replace(letter, payload=b"", answered=True))
