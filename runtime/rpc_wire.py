"""Where bytes become messages and messages bytes, at the edge of a server."""

import grpc
from google.protobuf.message import DecodeError, Message

from runtime.rpc import RpcRefused

Status = tuple[grpc.StatusCode, str]


def parse(message_type: type[Message], raw: bytes) -> Message:
    """RpcRefused INVALID_ARGUMENT where the bytes are no such message."""
    try:
        return message_type.FromString(raw)
    except DecodeError as error:
        detail = f"not a {message_type.DESCRIPTOR.full_name}"
        raise RpcRefused(grpc.StatusCode.INVALID_ARGUMENT, detail) from error


def serialise(message: Message | bytes) -> bytes:
    """Bytes are a message that its handler has serialised."""
    return message if isinstance(message, bytes) else message.SerializeToString()
