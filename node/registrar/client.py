"""Asking a registrar over gRPC: one signed question, one verified answer."""

from typing import Final

from node.registrar.service import SERVICE_NAME
from proto.escrow.batch import Asked, BatchReply, OpBatch, read_reply, sign_asked
from proto.keys import SigningKey
from proto.v1 import types_pb2
from runtime.rpc_client import Caller

TIMEOUT_S: Final = 10.0  # a registrar answers in milliseconds, after a flush of its disk


async def ask(
    channel: Caller, key: SigningKey, asked: Asked, timeout_s: float = TIMEOUT_S
) -> BatchReply:
    """The registrar's answer. The same question may be asked again as often as none comes.

    RpcError: RpcUnavailable, RpcDeadline (it may have had its effect), RpcFailed (it had none).
    WireFault: what came is not this registrar's answer to this.
    """
    method = "Batch" if isinstance(asked, OpBatch) else "Open"
    request = types_pb2.Envelope.FromString(sign_asked(key, asked))
    path = f"/{SERVICE_NAME}/{method}"
    answer = await channel.unary(path, request, types_pb2.Envelope, timeout_s)
    return read_reply(answer.SerializeToString(), asked)
