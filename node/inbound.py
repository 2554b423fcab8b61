"""A neighbour's envelope becomes a verified message, or its fault."""

from proto.descriptor import commit_id
from proto.envelope import Envelope
from proto.keys import NodeId, SealKey
from proto.messages import MESSAGE_KIND, Body, Promise, decode
from proto.onion import Instruction, unwrap
from proto.wire import WireFault


def open_message(
    data: bytes, sender: NodeId, receiver: NodeId, seal: SealKey
) -> tuple[Body, tuple[Instruction, bytes] | None]:
    """The body, and for a promise what its packet held for us. Raises WireFault.

    Checks size, signature over the exact bytes, kind, and that it is from this neighbour to us:
    what one neighbour signed for another proves nothing here.
    """
    envelope = Envelope.decode(data)
    if envelope.kind != MESSAGE_KIND or envelope.signer != sender:
        raise WireFault("a message of another kind or signer")
    named, to, body = decode(envelope.payload)
    if named != sender or to != receiver:
        raise WireFault("a message for somebody else")
    if isinstance(body, Promise):
        return body, unwrap(seal, body.packet, commit_id(body.descriptor))
    return body, None
