"""A grant: an account at a registrar, or terms of one, as a line of text for one node's eyes.

The registrar signs it, so that its owner knows whose it is; it is sealed to the owner's X25519 key,
since whoever reads the capabilities in it could try them. They are bound to the owner all the same.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import nacl.exceptions
from nacl.bindings import crypto_aead_chacha20poly1305_ietf_decrypt as _decrypt
from nacl.bindings import crypto_aead_chacha20poly1305_ietf_encrypt as _encrypt

from proto.envelope import Envelope
from proto.escrow.rights import Right, read_right
from proto.keys import KEY_BYTES, NodeId, SealKey, SigningKey, node_id
from proto.limits import ACCOUNT_ID_BYTES, CAPABILITY_BYTES, MAX_ADVERT_BYTES
from proto.one_line import from_line, to_line
from proto.v1 import escrow_pb2 as pb
from proto.v1 import types_pb2
from proto.wire import WireFault, canonical, parse

GRANT_KIND: Final = "pledgeway/grant/v1"
GRANT_PREFIX: Final = "pledgeway-grant:"
MAX_GRANT_BYTES: Final = 4 * MAX_ADVERT_BYTES  # a description, a card, and little else
TAG_BYTES: Final = 16  # of Poly1305, at the end of what is sealed
NONCE: Final = bytes(12)  # every key is used once


@dataclass(frozen=True, slots=True)
class Grant:
    """`right`: the registrar's signed description; `card`: where it answers. Without an account it
    grants terms alone."""

    right: bytes
    account: bytes = b""
    capability: bytes = b""
    terms: bytes = b""
    card: str = ""

    @property
    def described(self) -> Right:
        """What it is a right to. Raises WireFault."""
        return read_right(self.right)


def seal_grant(key: SigningKey, owner: NodeId, seal: bytes, seed: bytes, grant: Grant) -> str:
    """The line of text. `seal`: the owner's X25519 key; `seed`: 32 fresh random bytes."""
    ephemeral = SealKey(seed)
    shared = ephemeral.shared(seal)
    if shared is None:
        raise ValueError("the owner's seal key is no usable key")
    m = pb.Grant(
        right=types_pb2.Envelope.FromString(grant.right),
        account=grant.account,
        capability=grant.capability,
        terms=grant.terms,
        card=grant.card,
    )
    parties = key.node_id + owner
    sealed = _encrypt(canonical(m), parties, NONCE, _key(shared, ephemeral.public, seal))
    outer = pb.SealedGrant(
        registrar=key.node_id, owner=owner, ephemeral=ephemeral.public, sealed=sealed
    )
    return to_line(GRANT_PREFIX, Envelope.seal(key, GRANT_KIND, canonical(outer)).encode())


def open_grant(text: str, owner: NodeId, seal: SealKey) -> Grant:
    """Verifies and opens a grant to `owner`. Raises WireFault."""
    envelope = Envelope.decode(from_line(GRANT_PREFIX, text, "a grant", MAX_GRANT_BYTES))
    m = parse(pb.SealedGrant, envelope.payload)
    if envelope.kind != GRANT_KIND or envelope.signer != m.registrar:
        raise WireFault("a grant that its registrar did not sign")
    if m.owner != owner:
        raise WireFault("a grant to another node")
    shared = seal.shared(m.ephemeral) if len(m.ephemeral) == KEY_BYTES else None
    if shared is None:
        raise WireFault("a grant without a usable key")
    if len(m.sealed) < TAG_BYTES:  # for which the library raises no error of its own
        raise WireFault("a grant with nothing sealed in it")
    try:
        key = _key(shared, m.ephemeral, seal.public)
        opened = _decrypt(m.sealed, m.registrar + owner, NONCE, key)
    except nacl.exceptions.CryptoError as error:
        raise WireFault("a grant sealed to another key: ask for a new one") from error
    return read_grant(opened, node_id(m.registrar))


def read_grant(opened: bytes, registrar: NodeId) -> Grant:
    """What was sealed. Raises WireFault."""
    m = parse(pb.Grant, opened)
    grant = Grant(m.right.SerializeToString(), m.account, m.capability, m.terms, m.card)
    if grant.described.registrar != registrar:
        raise WireFault("a grant of another registrar's right")
    lengths = (len(m.account), len(m.capability), len(m.terms))
    if lengths not in (
        (ACCOUNT_ID_BYTES, CAPABILITY_BYTES, CAPABILITY_BYTES),
        (ACCOUNT_ID_BYTES, CAPABILITY_BYTES, 0),
        (0, 0, CAPABILITY_BYTES),
    ):
        raise WireFault("a grant that grants nothing, or has ids of wrong length")
    if not m.card.isprintable():
        raise WireFault("a grant with an unprintable card")
    return grant


def _key(shared: bytes, ephemeral: bytes, seal: bytes) -> bytes:
    return blake2b(ephemeral + seal, key=shared, person=b"pledgeway/grant", digest_size=32).digest()
