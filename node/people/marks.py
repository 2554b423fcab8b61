"""Ids and secrets of confirmations: made from the node's key, so that a restart makes them again.

Nobody else can make or guess one, and none of them says anything of another.
"""

from hashlib import blake2b
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

from proto.keys import SigningKey

ID_BYTES: Final = 16
NONCE_BYTES: Final = 32


class Marks:
    """Of one node; `key` is its own."""

    def __init__(self, key: SigningKey) -> None:
        secret = blake2b(key.seed, digest_size=32, person=b"confirmation").digest()
        self._ids, self._nonces, polls = (
            blake2b(use, digest_size=32, key=secret).digest() for use in (b"id", b"nonce", b"poll")
        )
        # One block of 16 bytes becomes another, and back: so a poll needs no table of its own. ECB
        # is the block cipher alone, and every block is another confirmation.
        self._polls = Cipher(AES(polls), ECB())

    def id_of(self, payee: bytes, request_id: bytes) -> bytes:
        """The approval_id of a request (16 bytes): of one request always the same."""
        return blake2b(payee + request_id, digest_size=ID_BYTES, key=self._ids).digest()

    def nonce_of(self, confirmation: bytes) -> bytes:
        """This node's part of the interaction hash (32 bytes)."""
        return blake2b(confirmation, digest_size=NONCE_BYTES, key=self._nonces).digest()

    def poll_of(self, confirmation: bytes) -> bytes:
        """The secret (16 bytes) by which a requester asks for a confirmation; whoever knows its id
        alone does not know it."""
        return self._polls.encryptor().update(confirmation)

    def polled(self, poll: bytes) -> bytes:
        """The id behind `poll_of`; of any other 16 bytes an id that nothing has."""
        return self._polls.decryptor().update(poll)
