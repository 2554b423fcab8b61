"""What a registry's record says of its witnesses and of keys that count no more (registry 8, 9)."""

from collections.abc import Iterable
from dataclasses import dataclass

from proto.limits import (
    MAX_ADDRESS_CHARS,
    MAX_RECORD_REVOCATIONS,
    MAX_RECORD_WITNESSES,
)
from proto.note import COSIGNATURE, NoteKey
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault

WITNESS_SCHEMES = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class RecordWitness:
    """Who cosigns checkpoints; `url`: C2SP tlog-witness prefix, empty = it polls."""

    key: NoteKey
    url: str

    def to_message(self) -> pb.Witness:
        return pb.Witness(key=self.key.encode(), url=self.url)


@dataclass(frozen=True, slots=True)
class KeyRevocation:
    """`key` counts no more for what was decided after `at_us`, and before it for what is logged."""

    key: bytes
    at_us: int

    def to_message(self) -> pb.KeyRevocation:
        return pb.KeyRevocation(key=self.key, at_us=self.at_us)


def read_witnesses(messages: Iterable[pb.Witness], quorum: int) -> tuple[RecordWitness, ...]:
    """Raises WireFault: too many, not distinct, not cosigners, or a quorum beyond them all."""
    messages = list(messages)
    if len(messages) > MAX_RECORD_WITNESSES:
        raise WireFault(f"a registry record has at most {MAX_RECORD_WITNESSES} witnesses")
    witnesses = tuple(_witness(message) for message in messages)
    # One witness under two names, or two under one, would be counted wrongly towards the quorum.
    names = {witness.key.name for witness in witnesses}
    keys = {witness.key.public for witness in witnesses}
    if not len(names) == len(keys) == len(witnesses):
        raise WireFault("a registry record with a witness twice")
    if quorum > len(witnesses):
        raise WireFault("a registry record that asks for more witnesses than it names")
    return witnesses


def _witness(message: pb.Witness) -> RecordWitness:
    key = NoteKey.decode(message.key)
    if key.algorithm != COSIGNATURE:
        raise WireFault("a witness whose key makes no cosignatures")
    if len(message.url) > MAX_ADDRESS_CHARS or not message.url.isprintable():
        raise WireFault("a witness with an unprintable or too long address")
    if message.url and not message.url.startswith(WITNESS_SCHEMES):
        raise WireFault("a witness whose address is not HTTP")
    return RecordWitness(key, message.url)


def read_revocations(messages: Iterable[pb.KeyRevocation]) -> tuple[KeyRevocation, ...]:
    """Raises WireFault: too many. A key that is named twice counts until the earlier time."""
    messages = list(messages)
    if len(messages) > MAX_RECORD_REVOCATIONS:
        raise WireFault(f"a registry record has at most {MAX_RECORD_REVOCATIONS} revocations")
    return tuple(KeyRevocation(message.key, message.at_us) for message in messages)
