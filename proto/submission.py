"""A payment request brought to its payer's node over the back channel (escrow section 10, step 1).

Whoever brings it signs for this node and this minute, so that one who has overheard a request
cannot have it shown to payers in another's name, with a way back of his own.
"""

from dataclasses import dataclass
from typing import Final

from proto.envelope import Envelope
from proto.interaction import NONCE_BYTES, is_state
from proto.keys import NodeId, SigningKey
from proto.limits import MAX_ALIAS_CHARS, MAX_REQUEST_BYTES, MAX_SEQUENCE, US
from proto.request import PaymentRequest, read_asked
from proto.v1 import confirm_pb2 as pb
from proto.wire import Untimely, WireFault, canonical, parse_canonical

SUBMISSION_KIND: Final = "pledgeway/submission/v1"
# The longest request, the other fields, and a proof through the largest batch.
MAX_SUBMISSION_BYTES: Final = MAX_REQUEST_BYTES + 2048
SENT_TOLERANCE_US: Final = 300 * US  # as of webhooks: the two clocks, and a proxy between


@dataclass(frozen=True, slots=True)
class Submission:
    """`request` as signed; `payer`: its name at the node, or "" where a link is to lead it there.

    `nonce` (32 bytes) goes into the interaction hash, `state` comes back with the browser.
    """

    request: bytes
    payer: str
    nonce: bytes
    state: str
    sent_at_us: int
    audience: NodeId

    def encode(self) -> bytes:
        return canonical(
            pb.Submission(
                request=self.request,
                payer=self.payer,
                nonce=self.nonce,
                state=self.state,
                sent_at_us=self.sent_at_us,
                audience=self.audience,
            )
        )


@dataclass(frozen=True, slots=True)
class Submitted:
    """A submission that was read, with the request in it; `signed` is what the payee signed."""

    submission: Submission
    signed: bytes
    request: PaymentRequest
    by: bytes  # public key: the requester's, or the payee's where none is named


def sign_submission(key: SigningKey, submission: Submission) -> bytes:
    """The bytes to be brought (an Envelope). `key`: the requester's, or the payee's."""
    return Envelope.seal(key, SUBMISSION_KIND, submission.encode()).encode()


def read_submission(data: bytes, audience: NodeId, now_us: int) -> Submitted:
    """Verifies all signatures in it and reads it. `audience`: the node that reads.

    Raises WireFault; Untimely where its sender's clock or its way was wrong. An expired request is
    read, and one for another payer's node: what is done about those, the node's rules say.
    """
    if len(data) > MAX_SUBMISSION_BYTES:
        raise WireFault(f"a submission has at most {MAX_SUBMISSION_BYTES} bytes")
    unproved = Envelope.decode_unverified(data)
    if unproved.kind != SUBMISSION_KIND:
        raise WireFault("not a submission")
    m = parse_canonical(pb.Submission, unproved.payload)
    # All that costs no signature comes first: strangers may bring what they like.
    if m.audience != audience:
        raise WireFault("a submission for another node")
    if len(m.nonce) != NONCE_BYTES:
        raise WireFault(f"a submission whose nonce has not {NONCE_BYTES} bytes")
    if not is_state(m.state):
        raise WireFault("a submission with a state that is too long or unprintable")
    if len(m.payer) > MAX_ALIAS_CHARS or not m.payer.isprintable():
        raise WireFault("a submission for an impossible payer")
    if not 0 <= m.sent_at_us <= MAX_SEQUENCE:
        raise WireFault("a submission of an impossible time")
    if m.sent_at_us < now_us - SENT_TOLERANCE_US:
        raise Untimely("a submission that was sent too long ago", expired=True)
    if m.sent_at_us > now_us + SENT_TOLERANCE_US:
        raise Untimely("a submission from the future: compare the clocks")
    envelope = Envelope.decode(data)
    signed, request = read_asked(m.request, now_us)
    asks = request.payee if request.requester is None else request.requester.key
    if envelope.signer != asks:
        raise WireFault("a submission that neither its requester nor its payee has signed")
    submission = Submission(m.request, m.payer, m.nonce, m.state, m.sent_at_us, NodeId(m.audience))
    return Submitted(submission, signed, request, asks)
