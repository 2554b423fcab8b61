"""What a payment's descriptor says of its request: 32 bytes that nobody can read without it."""

from hashlib import sha256
from typing import Final

_ASKED: Final = b"pledgeway/terms/v1\0"
# Neither prefix begins the other, and both hashes are of one length each: an amount cannot be read
# into the terms of a request that left no choice.
_CHOSEN: Final = b"pledgeway/terms/chosen/v1\0"
AMOUNT_BYTES: Final = 8  # big endian


def terms_root(salt: bytes, request_hash: bytes, chosen: int | None = None) -> bytes:
    """The terms_root of a payment's descriptor (32 bytes): SHA-256 over a prefix, the descriptor's
    salt, the request's hash, and the amount that its payer chose.

    `chosen`: in smallest units, where the request leaves a choice, so that a receipt proves what
    was to arrive; None where it asks for exactly one amount. OverflowError beyond 64 bits.
    """
    if chosen is None:
        return sha256(_ASKED + salt + request_hash).digest()
    return sha256(_CHOSEN + salt + request_hash + chosen.to_bytes(AMOUNT_BYTES, "big")).digest()
