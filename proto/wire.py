"""Reading protobuf from strangers: one error, whatever is wrong with the bytes."""

from typing import TypeVar

from google.protobuf.message import DecodeError, Message

M = TypeVar("M", bound=Message)


class WireFault(Exception):
    """Bytes that their sender should not have sent. A peer's fault, never a refusal or our bug."""


class Untimely(WireFault):
    """Genuine, but not by the reader's clock. Whoever passed it on may have another one, and did
    nothing wrong; else an advert that expires just now would cut honest neighbours off."""

    def __init__(self, cause: str, *, expired: bool = False) -> None:
        super().__init__(cause)
        self.expired = expired


def parse(kind: type[M], data: bytes) -> M:
    """Parses `data`; raises WireFault where it is not such a message."""
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise WireFault(f"not a {kind.DESCRIPTOR.name}") from error


def canonical(message: Message) -> bytes:
    """The one deterministic serialisation of a message without maps or unknown fields."""
    return message.SerializeToString(deterministic=True)


def refuse_unknown_fields(message: Message) -> None:
    """Raises WireFault where there are fields, however deep, that this release does not know.

    What is flooded has no room for content that nobody reads.
    """
    known = type(message)()
    known.CopyFrom(message)
    known.DiscardUnknownFields()
    if known.ByteSize() != message.ByteSize():
        raise WireFault(f"a {message.DESCRIPTOR.name} with unknown fields")


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
