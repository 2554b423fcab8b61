"""Documents of a sale as they are signed: one content has one form.

A document is named by a hash of its signed bytes (an offer names its sale, a contract its pool, a
rule the one that answers it). Could a stranger write the same words in other bytes, with a field
that nobody knows say, then one signature would name two sales; so only the one form counts.
"""

from typing import TypeVar

from google.protobuf.message import Message

from proto.card import CARD_PREFIX, NodeCard, standing_card
from proto.envelope import Envelope
from proto.keys import NodeId
from proto.limits import MAX_ADVERT_BYTES
from proto.one_line import from_line, to_line
from proto.wire import WireFault, parse_canonical

M = TypeVar("M", bound=Message)


def read_signed(signed: bytes, kind: str, form: type[M], most: int) -> tuple[M, NodeId]:
    """The content of a signed document of at most `most` bytes, and who signed it. WireFault.

    Envelope and content have their deterministic form, and the signature is over this document
    alone: of a batch of them there would be as many proofs as batches.
    """
    if len(signed) > most:
        raise WireFault(f"a {form.DESCRIPTOR.name} has at most {most} bytes, not {len(signed)}")
    envelope = Envelope.decode(signed)
    if envelope.kind != kind:
        raise WireFault(f"not a {form.DESCRIPTOR.name}")
    if envelope.proof.size or envelope.encode() != signed:
        raise WireFault(f"a {form.DESCRIPTOR.name} that is not signed in its one form")
    return parse_canonical(form, envelope.payload), envelope.signer


def read_card_line(text: str) -> NodeCard:
    """The card of somebody who takes part, verified as at the beginning of its validity: a sale
    may outlast it. WireFault, also where the line is not just as its owner wrote it, since it is
    shown to people and compared."""
    line = to_line(CARD_PREFIX, from_line(CARD_PREFIX, text, "a node's card", MAX_ADVERT_BYTES))
    if line != text:
        raise WireFault("a node's card with something else in its line")
    return standing_card(text)
