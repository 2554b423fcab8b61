"""What ops of a registrar name: capabilities, results of earlier ops, descriptors."""

from dataclasses import dataclass

from proto.limits import CAPABILITY_BYTES, MAX_DESCRIPTOR_BYTES
from proto.v1 import escrow_pb2 as pb
from proto.wire import WireFault


@dataclass(frozen=True, slots=True)
class ResultOf:
    """The capability that an earlier op of the same batch made."""

    index: int


Arg = bytes | ResultOf
"""A capability of 32 bytes, or where in the batch it comes from."""


def put_arg(m: pb.Arg, arg: Arg) -> None:
    """As it travels."""
    if isinstance(arg, ResultOf):
        m.result_of = arg.index
    else:
        m.capability = arg


def read_arg(m: pb.Arg) -> Arg:
    """Raises WireFault."""
    match m.WhichOneof("arg"):
        case "capability":
            return read_capability(m.capability)
        case "result_of":
            return ResultOf(m.result_of)
        case _:
            raise WireFault("an op without one of its capabilities")


def read_capability(value: bytes) -> bytes:
    """One of the right length. Raises WireFault."""
    if len(value) != CAPABILITY_BYTES:
        raise WireFault(f"a capability has {CAPABILITY_BYTES} bytes")
    return value


def read_descriptor(data: bytes) -> bytes:
    """One that is short enough; what it says is read later. Raises WireFault."""
    if len(data) > MAX_DESCRIPTOR_BYTES:
        raise WireFault(f"a descriptor has at most {MAX_DESCRIPTOR_BYTES} bytes")
    return data
