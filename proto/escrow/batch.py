"""Batches of ops for a registrar, and its answers (escrow section 4): signed, bounded, repeatable.

The same id with the same bytes gives the same answer again, so that whoever got none asks again.
"""

from dataclasses import dataclass
from typing import Final, TypeVar

from google.protobuf.message import Message

from proto.envelope import Envelope
from proto.escrow.ops import (
    Op,
    OpRefusal,
    OpResult,
    RegistrarError,
    op_from_message,
    op_to_message,
    result_from_message,
    result_to_message,
)
from proto.keys import NodeId, SigningKey, node_id
from proto.limits import CAPABILITY_BYTES, MAX_BATCH_OPS
from proto.money import BRAND_ID_BYTES
from proto.v1 import escrow_pb2 as pb
from proto.wire import WireFault, canonical, parse

BATCH_KIND: Final = "pledgeway/registrar-batch/v1"
OPEN_KIND: Final = "pledgeway/registrar-open/v1"
REPLY_KIND: Final = "pledgeway/registrar-reply/v1"
BATCH_ID_BYTES: Final = 16
LABEL_BYTES: Final = 16

M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class OpBatch:
    """Ops in order, all of them or none. `id` has 16 bytes, times are µs by the sender's clock."""

    sender: NodeId
    receiver: NodeId
    id: bytes
    sent_at_us: int
    ops: tuple[Op, ...]


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """Asks for an account of a brand; the sender has chosen its capabilities.

    `label`: 16 bytes that tell it from the sender's other accounts of the brand, which nobody else
    can read anything from; empty: the usual one.
    """

    sender: NodeId
    receiver: NodeId
    id: bytes
    sent_at_us: int
    brand: bytes
    new_account: bytes
    new_terms: bytes = b""
    label: bytes = b""


Asked = OpBatch | OpenAccount


@dataclass(frozen=True, slots=True)
class BatchReply:
    """A result for each op, or which one could not be done: then nothing was.

    Of an OpenAccount: the account, and behind it the terms where it comes with some.
    """

    sender: NodeId
    receiver: NodeId
    id: bytes
    results: tuple[OpResult, ...] = ()
    refusal: OpRefusal | None = None


def payload_of(asked: Asked) -> bytes:
    """What is signed."""
    m: pb.OpBatch | pb.OpenAccount
    if isinstance(asked, OpBatch):
        m = pb.OpBatch(ops=map(op_to_message, asked.ops))
    else:
        m = pb.OpenAccount(
            brand=asked.brand,
            new_account=asked.new_account,
            new_terms=asked.new_terms,
            label=asked.label,
        )
    m.sender, m.receiver, m.id = asked.sender, asked.receiver, asked.id
    m.sent_at_us = asked.sent_at_us
    return canonical(m)


def sign_asked(key: SigningKey, asked: Asked) -> bytes:
    """The signed batch or request for an account (an Envelope)."""
    kind = BATCH_KIND if isinstance(asked, OpBatch) else OPEN_KIND
    return Envelope.seal(key, kind, payload_of(asked)).encode()


def read_asked(data: bytes) -> tuple[Envelope, Asked]:
    """What a signed batch or request for an account says, its signature unverified: that costs most
    and comes last (`Envelope.proof`). Raises WireFault."""
    envelope = Envelope.decode_unverified(data)
    match envelope.kind:
        case k if k == BATCH_KIND:
            return envelope, read_batch(envelope.payload)
        case k if k == OPEN_KIND:
            return envelope, read_open(envelope.payload)
        case _:
            raise WireFault("neither a batch for a registrar nor a request for an account")


def read_batch(payload: bytes) -> OpBatch:
    """Raises WireFault."""
    m = parse(pb.OpBatch, payload)
    if not 1 <= len(m.ops) <= MAX_BATCH_OPS:
        raise WireFault(f"a batch has 1 to {MAX_BATCH_OPS} ops")
    return OpBatch(*_parties(m), m.id, _sent_at(m), tuple(op_from_message(op) for op in m.ops))


def read_open(payload: bytes) -> OpenAccount:
    """Raises WireFault."""
    m = parse(pb.OpenAccount, payload)
    if len(m.brand) != BRAND_ID_BYTES or len(m.new_account) != CAPABILITY_BYTES:
        raise WireFault("a request for an account without brand or capability")
    if len(m.new_terms) not in (0, CAPABILITY_BYTES):
        raise WireFault(f"a capability has {CAPABILITY_BYTES} bytes")
    if m.new_terms == m.new_account:
        raise WireFault("a request for an account whose two capabilities are one")
    if len(m.label) not in (0, LABEL_BYTES):
        raise WireFault(f"the label of an account has {LABEL_BYTES} bytes")
    wanted = (m.brand, m.new_account, m.new_terms, m.label)
    return OpenAccount(*_parties(m), m.id, _sent_at(m), *wanted)


def sign_reply(key: SigningKey, reply: BatchReply) -> bytes:
    """The signed answer (an Envelope)."""
    assert key.node_id == reply.sender
    refusal = reply.refusal
    m = pb.BatchReply(
        sender=reply.sender,
        receiver=reply.receiver,
        id=reply.id,
        results=map(result_to_message, reply.results),
    )
    if refusal is not None:
        m.refusal.index, m.refusal.figure = refusal.index, refusal.figure
        m.refusal.error = int(refusal.error)  # type: ignore[assignment]
    return Envelope.seal(key, REPLY_KIND, canonical(m)).encode()


def read_reply(signed: bytes, asked: Asked) -> BatchReply:
    """The registrar's answer to what it was asked. Raises WireFault where it is none."""
    envelope = Envelope.decode(signed)
    if envelope.kind != REPLY_KIND or envelope.signer != asked.receiver:
        raise WireFault("not an answer of that registrar")
    reply = read_reply_payload(envelope.payload)
    if (reply.sender, reply.receiver, reply.id) != (asked.receiver, asked.sender, asked.id):
        raise WireFault("an answer to something else")
    count = len(asked.ops) if isinstance(asked, OpBatch) else 2
    if reply.refusal is None:
        whole = len(reply.results) == count if isinstance(asked, OpBatch) else reply.results
        if not whole:
            raise WireFault("an answer that leaves ops unanswered")
    elif reply.refusal.index >= count:
        raise WireFault("a refusal of an op that is not there")
    return reply


def read_reply_payload(payload: bytes) -> BatchReply:
    """Raises WireFault."""
    m = parse(pb.BatchReply, payload)
    if len(m.results) > MAX_BATCH_OPS:
        raise WireFault(f"an answer has at most {MAX_BATCH_OPS} results")
    refusal = None
    if m.HasField("refusal"):
        try:
            error = RegistrarError(m.refusal.error)
        except ValueError as unknown:
            raise WireFault("a refusal for an unknown reason") from unknown
        refusal = OpRefusal(m.refusal.index, error, m.refusal.figure)
        if m.results:
            raise WireFault("an answer that refuses and does")
    results = tuple(result_from_message(result) for result in m.results)
    return BatchReply(*_parties(m), m.id, results, refusal)


def _parties(m: pb.OpBatch | pb.OpenAccount | pb.BatchReply) -> tuple[NodeId, NodeId]:
    if len(m.id) != BATCH_ID_BYTES:
        raise WireFault(f"the id of a batch has {BATCH_ID_BYTES} bytes")
    try:
        return node_id(m.sender), node_id(m.receiver)
    except ValueError as error:
        raise WireFault(str(error)) from error


def _sent_at(m: pb.OpBatch | pb.OpenAccount) -> int:
    if m.sent_at_us <= 0:
        raise WireFault("a batch without a time")
    return m.sent_at_us
