"""The receipt of a letter (escrow section 9): its effect is durable."""

from typing import Final

from proto.envelope import Envelope
from proto.keys import NodeId, SigningKey
from proto.v1 import escrow_pb2 as pb
from proto.wire import WireFault, canonical, parse

RECEIPT_KIND: Final = "pledgeway/receipt/v1"


def sign_receipt(key: SigningKey, receiver: NodeId, letter: bytes) -> bytes:
    """The envelope that says: the effect of this letter is durable."""
    m = pb.Receipt(sender=key.node_id, receiver=receiver, letter=letter)
    return Envelope.seal(key, RECEIPT_KIND, canonical(m)).encode()


def is_receipt(signed: bytes, sender: NodeId, receiver: NodeId, letter: bytes) -> bool:
    """Whether `sender` confirms this letter (its id) to `receiver`. Never raises."""
    try:
        envelope = Envelope.decode(signed)
        m = parse(pb.Receipt, envelope.payload)
    except WireFault:
        return False
    whose = (envelope.kind, envelope.signer, m.sender, m.receiver, m.letter)
    return whose == (RECEIPT_KIND, sender, sender, receiver, letter)
