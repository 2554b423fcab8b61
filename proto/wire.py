"""Reading protobuf from strangers: one error, whatever is wrong with the bytes."""

from typing import TypeVar

from google.protobuf.message import DecodeError, Message

M = TypeVar("M", bound=Message)


class WireFault(Exception):
    """Bytes that their sender should not have sent. A peer's fault, never a refusal or our bug."""


def parse(kind: type[M], data: bytes) -> M:
    """Parses `data`; raises WireFault where it is not such a message."""
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise WireFault(f"not a {kind.DESCRIPTOR.name}") from error


def canonical(message: Message) -> bytes:
    """The one deterministic serialisation of a message without maps or unknown fields."""
    return message.SerializeToString(deterministic=True)


def parse_canonical(kind: type[M], data: bytes) -> M:
    """Parses bytes that must be exactly what a deterministic serialisation gives.

    Refuses unknown fields, repeated singular fields, defaults written out, overlong varints and
    other orders, so that everybody reads the same content from the same bytes.
    """
    message = parse(kind, data)
    known = kind()
    known.CopyFrom(message)
    known.DiscardUnknownFields()
    if canonical(known) != data:
        raise WireFault(f"not the deterministic form of a {kind.DESCRIPTOR.name}")
    return message
