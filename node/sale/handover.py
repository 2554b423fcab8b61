"""The sealed hand-over: seller to agent, agent to buyer under a key K (escrow section 8).

    seller -> agent   Box(seller, agent; HANDED | sale | credential, padded)
    agent -> buyer    Box(agent, buyer; RESEALED | sale | H(K) | SecretBox(K; CHANGED | sale | ...))

A Box (X25519, XSalsa20, Poly1305) opens only under the keys of its two parties, which are those of
this sale and stand in the contract: who sealed it is certain to the other, and nothing sealed for
one sale, or for one step of it, passes in another, since both are inside and compared. The second
is useless to everybody without K, and K to everybody but the buyer. Before K is known the buyer
can still see that it is sealed to him, for this sale and under just the K of the lock
(`check_resealed`); what is inside the agent alone vouches for.

A credential is padded to one of five lengths, so that the letter says little about it. All of this
is pure: fresh randomness is passed in.
"""

from enum import Enum, unique
from hashlib import blake2b, sha256
from typing import Final

from nacl.exceptions import CryptoError
from nacl.public import Box
from nacl.secret import SecretBox

from node.sale.vault import BoxKey
from proto.sale.handover import HandedOver
from proto.sale.letters import MAX_CREDENTIAL_BYTES, MAX_SEALED_BYTES
from proto.sale.offer import HASH_BYTES, SALE_ID_BYTES
from proto.wire import WireFault

ENTROPY_BYTES: Final = 32  # fresh ones for each time that something is sealed
LOCK_KEY_BYTES: Final = 32
SIZES: Final = (512, 1024, 2048, 4096, MAX_CREDENTIAL_BYTES)
"""To which a credential is padded: a password and a page of recovery codes look alike."""
LENGTH_BYTES: Final = 2  # of a credential's own length
NONCE_BYTES: Final = Box.NONCE_SIZE
NONCE_PERSON: Final = b"sale/nonce"


@unique
class Step(Enum):
    """What was sealed, and for whom: the first byte inside."""

    HANDED = b"\x01"  # the credential, by the seller, to the agent
    RESEALED = b"\x02"  # the outer layer, by the agent, to the buyer
    CHANGED = b"\x03"  # the credential, under K


@unique
class SealFault(Enum):
    """Why something sealed is not accepted. A closed list, each in words for a log."""

    TOO_LONG = "more than a sealed credential can have"
    BAD_KEY = "the other's box key, or K, is no usable key"
    NOT_OPENED = "not sealed to this key by that party, or altered"
    OTHER_STEP = "sealed for another step of the hand-over"
    OTHER_SALE = "sealed for another sale"
    OTHER_LOCK = "sealed under another key than the one that the lock names"
    BROKEN = "not laid out as a credential"
    OTHER_THAN_SAID = "not what the agent's statement is about"


class Unsealable(WireFault):
    """A peer sent what cannot be opened, or what is not meant here; `why` of a closed list."""

    def __init__(self, why: SealFault) -> None:
        super().__init__(f"a sealed credential that is refused: {why.value}")
        self.why = why


def credential_fault(credential: bytes) -> str:
    """Why this cannot be handed over, for its owner; empty where it can."""
    if not credential:
        return "an empty credential"
    if len(credential) > MAX_CREDENTIAL_BYTES:
        return f"a credential has at most {MAX_CREDENTIAL_BYTES} bytes, not {len(credential)}"
    return ""


def key_hash(key: bytes) -> bytes:
    """H(K): the hashlock of T1, SHA-256, 32 bytes."""
    return sha256(key).digest()


def sealed_hash(sealed: bytes) -> bytes:
    """What the agent's statement and the log call something sealed by: SHA-256, 32 bytes."""
    return sha256(sealed).digest()


def seal_credential(
    credential: bytes, sale: bytes, mine: BoxKey, agent_box: bytes, entropy: bytes
) -> bytes:
    """Seller: the credential for the agent's eyes, at most MAX_SEALED_BYTES.

    `entropy`: 32 fresh bytes. Raises ValueError where `credential_fault` names a fault, and
    Unsealable where the agent's key is none.
    """
    return _seal(_box(mine, agent_box), _packed(Step.HANDED, sale, credential), entropy)


def open_credential(sealed: bytes, sale: bytes, mine: BoxKey, seller_box: bytes) -> bytes:
    """Agent: what the seller sealed. Raises Unsealable."""
    return _unpacked(Step.HANDED, sale, _open(_box(mine, seller_box), sealed))


def reseal(
    credential: bytes, sale: bytes, mine: BoxKey, buyer_box: bytes, key: bytes, entropy: bytes
) -> bytes:
    """Agent: Seal_buyer(SecretBox_K(credential)), at most MAX_SEALED_BYTES.

    `key`: K, 32 bytes; `entropy`: 32 fresh bytes. Raises as `seal_credential` does.
    """
    under_key = _seal(_secret_box(key), _packed(Step.CHANGED, sale, credential), entropy)
    outer = Step.RESEALED.value + sale + key_hash(key) + under_key
    return _seal(_box(mine, buyer_box), outer, entropy)


def check_resealed(
    sealed: bytes, sale: bytes, mine: BoxKey, agent_box: bytes, locked: bytes
) -> None:
    """Buyer, before he signs T1: it is sealed to him, for this sale, under the K that hashes to
    `locked`, the hashlock of T1. Raises Unsealable."""
    _under_key(sealed, sale, mine, agent_box, locked)


def open_handed_over(
    sealed: bytes, sale: bytes, mine: BoxKey, agent_box: bytes, key: bytes
) -> bytes:
    """Buyer, once K is public: the credential. Raises Unsealable."""
    if len(key) != LOCK_KEY_BYTES:
        raise Unsealable(SealFault.BAD_KEY)
    under_key = _under_key(sealed, sale, mine, agent_box, key_hash(key))
    return _unpacked(Step.CHANGED, sale, _open(_secret_box(key), under_key))


def check_said(said: HandedOver, sale: bytes, locked: bytes, sealed: bytes) -> None:
    """Whether the agent's statement is about this sale, this lock (its hashlock) and just these
    sealed bytes: else he vouches for nothing. Raises Unsealable."""
    about = (said.sale, said.key_hash, said.sealed_hash)
    if about != (sale, locked, sealed_hash(sealed)):
        raise Unsealable(SealFault.OTHER_THAN_SAID)


# ---------------------------------------------------------------- layers


def _under_key(sealed: bytes, sale: bytes, mine: BoxKey, agent_box: bytes, locked: bytes) -> bytes:
    opened = _open(_box(mine, agent_box), sealed)
    rest = _of_this_sale(Step.RESEALED, sale, opened)
    if rest[:HASH_BYTES] != locked:
        raise Unsealable(SealFault.OTHER_LOCK)
    return rest[HASH_BYTES:]


def _box(mine: BoxKey, other: bytes) -> Box:
    try:
        return mine.box(other)
    except (CryptoError, ValueError) as error:
        # libsodium refuses points of small order: everybody would know the secret.
        raise Unsealable(SealFault.BAD_KEY) from error


def _secret_box(key: bytes) -> SecretBox:
    if len(key) != LOCK_KEY_BYTES:
        raise ValueError(f"K has {LOCK_KEY_BYTES} bytes, not {len(key)}")
    return SecretBox(key)


def _seal(box: Box | SecretBox, content: bytes, entropy: bytes) -> bytes:
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"sealing takes {ENTROPY_BYTES} fresh bytes, not {len(entropy)}")
    # The content is in the nonce as well: a caller whose randomness repeats would else use one key
    # stream for two contents, and show both.
    nonce = blake2b(content, key=entropy, person=NONCE_PERSON, digest_size=NONCE_BYTES).digest()
    return bytes(box.encrypt(content, nonce))


def _open(box: Box | SecretBox, sealed: bytes) -> bytes:
    if len(sealed) > MAX_SEALED_BYTES:
        raise Unsealable(SealFault.TOO_LONG)
    try:
        return bytes(box.decrypt(sealed))
    except (CryptoError, ValueError) as error:
        raise Unsealable(SealFault.NOT_OPENED) from error


def _of_this_sale(step: Step, sale: bytes, opened: bytes) -> bytes:
    """What follows step and sale."""
    if opened[:1] != step.value:
        raise Unsealable(SealFault.OTHER_STEP)
    if opened[1 : 1 + SALE_ID_BYTES] != sale:
        raise Unsealable(SealFault.OTHER_SALE)
    return opened[1 + SALE_ID_BYTES :]


def _packed(step: Step, sale: bytes, credential: bytes) -> bytes:
    if fault := credential_fault(credential):
        raise ValueError(fault)
    if len(sale) != SALE_ID_BYTES:
        raise ValueError(f"a sale is named by {SALE_ID_BYTES} bytes, not {len(sale)}")
    length = len(credential).to_bytes(LENGTH_BYTES, "big")
    return step.value + sale + length + credential.ljust(_size(len(credential)), b"\0")


def _unpacked(step: Step, sale: bytes, opened: bytes) -> bytes:
    rest = _of_this_sale(step, sale, opened)
    length, padded = int.from_bytes(rest[:LENGTH_BYTES], "big"), rest[LENGTH_BYTES:]
    if not 0 < length <= MAX_CREDENTIAL_BYTES or len(padded) != _size(length):
        raise Unsealable(SealFault.BROKEN)
    if padded[length:].strip(b"\0"):
        raise Unsealable(SealFault.BROKEN)
    return padded[:length]


def _size(length: int) -> int:
    """The least of SIZES that holds `length`, which is no more than the last of them."""
    return next(size for size in SIZES if length <= size)
