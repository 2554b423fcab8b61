"""All secrets of a sale, derived from the node's identity key, so that no disk has to keep them.

A secret is BLAKE2b of the sale, the part played in it and a number, keyed with the seed of
`identity.key`, with a `person` for each use. After a crash it is the same again; a copy of the
books shows none of them; and one that is shown (K to the registry, a box key to an arbiter) tells
nothing about the others.

Of all keys of a node only the identity key will do. It is the node's name, so it never changes,
while a sale lasts for weeks, in which `seal.key` and the TLS key may be renewed. Today it lies in
its file as it is, for its owner alone (mode 0600); were it kept under a passphrase, this room would
see no difference, since it takes the opened key. The price: who steals the identity key can open
what he recorded of earlier sales. Against that the buyer changes the credential at the end
(escrow section 8, hand-over, step 6), and a node whose key is stolen is lost anyway.
"""

from enum import Enum, unique
from hashlib import blake2b
from typing import Final

from nacl.public import Box, PrivateKey, PublicKey

from proto.keys import KEY_BYTES, SigningKey
from proto.sale.handover import CHALLENGE_BYTES
from proto.sale.offer import SALE_ID_BYTES
from proto.sale.stakes import SaleRole

NUMBER_BYTES: Final = 4


@unique
class Use(Enum):
    """What a secret is for: the `person` of BLAKE2b, 16 bytes at most, each used only here."""

    BOX = b"sale/box"
    SEED = b"sale/seed"
    LOCK_KEY = b"sale/lock-key"
    CHALLENGE = b"sale/challenge"


class BoxKey:
    """The X25519 key of one party in one sale. No text that is made of it shows the secret, which
    PyNaCl's own key would do."""

    __slots__ = ("_key", "public")

    def __init__(self, seed: bytes) -> None:
        self._key = PrivateKey(seed)  # it checks the length
        self.public = bytes(self._key.public_key)

    def box(self, other: bytes) -> Box:
        """What only this party and the owner of `other` (32 bytes) can close and open.

        Raises nacl.exceptions.CryptoError where `other` is no usable point, ValueError where it
        has not 32 bytes (nacl's own is one too).
        """
        if len(other) != KEY_BYTES:
            raise ValueError(f"a box key has {KEY_BYTES} bytes, not {len(other)}")
        return Box(self._key, PublicKey(other))

    def reveal(self) -> bytes:
        """The secret itself, 32 bytes: for an arbiter, who then can open what was sealed to or by
        this party in this sale, and nothing else."""
        return bytes(self._key)

    def __repr__(self) -> str:
        return f"BoxKey(public={self.public.hex()})"


class Vault:
    """Draws the secrets of any sale from the node's identity key. Every secret has 32 bytes where
    nothing else is said; the same question has the same answer, always."""

    __slots__ = ("_seed",)

    def __init__(self, key: SigningKey) -> None:
        self._seed = key.seed

    def secret(self, use: Use, sale: bytes, role: SaleRole, number: int = 0) -> bytes:
        """32 bytes. `sale`: its id, 16 bytes; `number` (32 bits) tells several of one use apart."""
        if len(sale) != SALE_ID_BYTES:
            raise ValueError(f"a sale is named by {SALE_ID_BYTES} bytes, not {len(sale)}")
        # Every part has a fixed length, so that no two questions are written the same.
        which = sale + bytes((role,)) + number.to_bytes(NUMBER_BYTES, "big")
        return blake2b(which, key=self._seed, person=use.value, digest_size=KEY_BYTES).digest()

    def box(self, sale: bytes, role: SaleRole) -> BoxKey:
        """The key to which credentials of this sale are sealed; its public part is Party.box."""
        return BoxKey(self.secret(Use.BOX, sale, role))

    def seed(self, sale: bytes, role: SaleRole) -> bytes:
        """Of which a party makes its one-time keys, salts and decline preimages of this sale."""
        return self.secret(Use.SEED, sale, role)

    def lock_key(self, sale: bytes) -> bytes:
        """K, drawn by the agent: public once T1 is committed, and before known to him alone."""
        return self.secret(Use.LOCK_KEY, sale, SaleRole.AGENT)

    def challenge(self, sale: bytes) -> bytes:
        """16 bytes that the agent wants to see in the proof of control."""
        return self.secret(Use.CHALLENGE, sale, SaleRole.AGENT)[:CHALLENGE_BYTES]

    def __repr__(self) -> str:
        return "Vault()"
