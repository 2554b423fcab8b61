"""Lists of registries that many nodes share: whoever follows one relies on what its owner names.

A list is named by its owner's key alone, so that nobody else can publish another under its id, and
a node says in its advert which list it follows instead of everything that stands on it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from proto.envelope import Envelope
from proto.keys import KEY_BYTES, SigningKey
from proto.limits import MAX_ADVERT_BYTES, MAX_ADVERT_REGISTRIES, MAX_SEQUENCE
from proto.one_line import from_line, to_line
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, canonical, parse, refuse_unknown_fields

LIST_KIND: Final = "pledgeway/registry-list-advert/v1"
LIST_PREFIX: Final = "pledgeway-registry-list:"
LIST_ID_BYTES: Final = 32
_ID_TAG: Final = b"pledgeway/registry-list/v1\0"


@dataclass(frozen=True, slots=True)
class RegistryList:
    """A verified list. `signed`: Envelope bytes, to be passed on as they are. Times in µs."""

    owner: bytes
    registries: frozenset[bytes]
    sequence: int
    expires_at_us: int
    signed: bytes

    @property
    def id(self) -> bytes:
        return list_id(self.owner)

    @property
    def key(self) -> tuple[str, bytes]:
        """(kind, subject): what a newer one replaces in gossip."""
        return LIST_KIND, self.id

    def replaces(self, known: "RegistryList") -> bool:
        return self.owner == known.owner and self.sequence > known.sequence

    def to_text(self) -> str:
        """One line that people mail or publish."""
        return to_line(LIST_PREFIX, self.signed)


def list_id(owner: bytes) -> bytes:
    """What a node's advert calls the list of this owner: SHA-256 of a tag and the owner's key."""
    return sha256(_ID_TAG + owner).digest()


def make_list(
    key: SigningKey, registries: Iterable[bytes], sequence: int, expires_at_us: int
) -> RegistryList:
    """Signs a list. WireFault where nobody would read it."""
    message = pb.RegistryListAdvert(
        owner=key.public,
        list_id=list_id(key.public),
        registries=sorted(set(registries)),
        sequence=sequence,
        expires_at_us=expires_at_us,
    )
    return read_list(Envelope.seal(key, LIST_KIND, canonical(message)).encode())


def read_list(data: bytes) -> RegistryList:
    """Verifies the Envelope bytes of a list. Raises WireFault. Its expiry is for the caller."""
    if len(data) > MAX_ADVERT_BYTES:
        raise WireFault(f"a list of registries has at most {MAX_ADVERT_BYTES} bytes")
    envelope = Envelope.decode(data)
    if envelope.kind != LIST_KIND:
        raise WireFault("not a list of registries")
    m = parse(pb.RegistryListAdvert, envelope.payload)
    refuse_unknown_fields(m)
    if m.owner != envelope.signer or m.list_id != list_id(m.owner):
        raise WireFault("a list of registries that its owner did not sign")
    registries = list(m.registries)
    if not 1 <= len(registries) <= MAX_ADVERT_REGISTRIES or registries != sorted(set(registries)):
        raise WireFault(f"a list names 1 to {MAX_ADVERT_REGISTRIES} distinct, sorted registries")
    if any(len(registry) != KEY_BYTES for registry in registries):
        raise WireFault(f"a registry's id has {KEY_BYTES} bytes")
    if m.sequence > MAX_SEQUENCE:
        raise WireFault("a list of registries with a sequence that no database holds")
    return RegistryList(m.owner, frozenset(registries), m.sequence, m.expires_at_us, data)


def list_from_text(text: str) -> RegistryList:
    """Reads what `to_text` wrote. Raises WireFault."""
    return read_list(from_line(LIST_PREFIX, text, "a list of registries", MAX_ADVERT_BYTES))
