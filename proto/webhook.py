"""Signed calls to those who asked: Standard Webhooks with Ed25519 (standardwebhooks.com, `v1a`).

What is signed is `id.timestamp.body`, without a domain tag: the standard has none. Therefore a node
signs with a key that signs nothing else. Whoever receives a call believes the receipt that it leads
to, and takes the call itself as a hint (escrow section 10).
"""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from enum import Enum, unique
from hashlib import blake2b
from typing import Final

from proto.keys import KEY_BYTES, SIGNATURE_BYTES, SigningKey, verify_raw

ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"
VERSION: Final = "v1a"
SECRET_PREFIX: Final = "whsk_"
PUBLIC_PREFIX: Final = "whpk_"

TOLERANCE_S: Final = 300  # the standard's: clocks differ, and proxies hold calls up
MAX_ID_CHARS: Final = 64  # a hash in hex
MAX_SIGNATURES: Final = 8  # of keys in rotation, and of versions to come
MAX_KEYS: Final = 4  # the old and the new one, and their spares
MAX_SIGNATURE_CHARS: Final = 1024  # eight of them have 8 * 92 and the spaces between
MAX_BODY_BYTES: Final = 20_480  # the standard's advice; ours have some 300
MAX_TIMESTAMP_CHARS: Final = 12  # seconds until the year 33658
_ID_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_MAX_KEY_CHARS: Final = 128  # a secret key with its public one behind it has 93
_DIGITS: Final = frozenset("0123456789")


@unique
class WebhookWrong(Enum):
    """What is wrong with a call, or with the text of a key."""

    HEADER_MISSING = "a header is missing"
    HEADER_MALFORMED = "a header is malformed"
    BODY_TOO_LONG = "the body is too long"
    TOO_OLD = "it was sent too long ago"
    TOO_NEW = "it was sent in the future: compare the clocks"
    NOT_SIGNED = "none of the known keys has signed it"
    KEY_MALFORMED = "the key is malformed"


class WebhookFault(Exception):
    """A call that is not to be believed, or a key that is none. `why` says what is wrong."""

    def __init__(self, why: WebhookWrong, detail: str = "") -> None:
        super().__init__(f"{why.value}: {detail}" if detail else why.value)
        self.why = why


def webhook_key(identity_seed: bytes, number: int) -> SigningKey:
    """A node's key for calls, from the 32-byte seed of its identity: it needs no file of its own.

    `number`: 0 at first, one more with each rotation. Never the identity's key: calls are signed
    without a domain tag.
    """
    assert len(identity_seed) == KEY_BYTES and number >= 0
    salt = number.to_bytes(8, "big")
    made = blake2b(key=identity_seed, digest_size=KEY_BYTES, person=b"webhook-key", salt=salt)
    return SigningKey(made.digest())


def secret_text(key: SigningKey) -> str:
    """`whsk_` and base64 of the seed and the public key, as other senders of webhooks keep it."""
    return SECRET_PREFIX + b64encode(key.seed + key.public).decode()


def public_text(public: bytes) -> str:
    """`whpk_` and base64 of the 32 bytes: what a receiver is told."""
    return PUBLIC_PREFIX + b64encode(public).decode()


def read_secret(text: str) -> SigningKey:
    """The key behind `secret_text`, or behind a seed alone. Raises WebhookFault."""
    data = _key_bytes(SECRET_PREFIX, text)
    if len(data) not in (KEY_BYTES, 2 * KEY_BYTES):
        raise WebhookFault(WebhookWrong.KEY_MALFORMED, "it has 32 or 64 bytes")
    key = SigningKey(data[:KEY_BYTES])
    if data[KEY_BYTES:] not in (b"", key.public):
        raise WebhookFault(WebhookWrong.KEY_MALFORMED, "its public half is not its own")
    return key


def read_public(text: str) -> bytes:
    """The 32 bytes behind `public_text`. Raises WebhookFault."""
    data = _key_bytes(PUBLIC_PREFIX, text)
    if len(data) != KEY_BYTES:
        raise WebhookFault(WebhookWrong.KEY_MALFORMED, f"it has {KEY_BYTES} bytes")
    return data


def sign_webhook(
    keys: Sequence[SigningKey], notice_id: str, sent_at_s: int, body: bytes
) -> dict[str, str]:
    """The three headers of a call. `keys`: the newest first; several during a rotation.

    `notice_id` stays the same however often a call is repeated; `sent_at_s` (POSIX seconds) is of
    this very try.
    """
    assert is_webhook_id(notice_id) and 1 <= len(keys) <= MAX_KEYS and sent_at_s >= 0
    assert len(body) <= MAX_BODY_BYTES
    content = _content(notice_id, str(sent_at_s), body)
    signatures = (f"{VERSION},{b64encode(key.sign_raw(content)).decode()}" for key in keys)
    return {
        ID_HEADER: notice_id,
        TIMESTAMP_HEADER: str(sent_at_s),
        SIGNATURE_HEADER: " ".join(signatures),
    }


def verify_webhook(
    headers: Mapping[str, str], body: bytes, keys: Sequence[bytes], now_s: int
) -> bytes:
    """The body, once one of `keys` (public, 32 bytes each) has signed it within the tolerance.

    Header names in any case. What has the same `webhook-id` is the same call: whoever acts on it
    remembers ids for twice TOLERANCE_S. Raises WebhookFault.
    """
    assert len(keys) <= MAX_KEYS
    if len(body) > MAX_BODY_BYTES:
        raise WebhookFault(WebhookWrong.BODY_TOO_LONG, f"at most {MAX_BODY_BYTES} bytes")
    notice_id = _header(headers, ID_HEADER, MAX_ID_CHARS)
    sent_at = _header(headers, TIMESTAMP_HEADER, MAX_TIMESTAMP_CHARS)
    signed = _header(headers, SIGNATURE_HEADER, MAX_SIGNATURE_CHARS)
    # A full stop in it would let the same signed bytes be read as another id, time and body.
    if not is_webhook_id(notice_id):
        raise WebhookFault(WebhookWrong.HEADER_MALFORMED, ID_HEADER)
    if not _DIGITS.issuperset(sent_at):
        raise WebhookFault(WebhookWrong.HEADER_MALFORMED, TIMESTAMP_HEADER)
    if int(sent_at) < now_s - TOLERANCE_S:
        raise WebhookFault(WebhookWrong.TOO_OLD, f"{now_s - int(sent_at)} s")
    if int(sent_at) > now_s + TOLERANCE_S:
        raise WebhookFault(WebhookWrong.TOO_NEW, f"{int(sent_at) - now_s} s")
    content = _content(notice_id, sent_at, body)
    if not any(verify_raw(k, content, s) for s in _signatures(signed) for k in keys):
        raise WebhookFault(WebhookWrong.NOT_SIGNED)
    return body


def is_webhook_id(text: str) -> bool:
    """Letters, digits, hyphens and underscores: nothing that could be a delimiter."""
    return 0 < len(text) <= MAX_ID_CHARS and _ID_LETTERS.issuperset(text)


def _content(notice_id: str, sent_at: str, body: bytes) -> bytes:
    return f"{notice_id}.{sent_at}.".encode() + body


def _header(headers: Mapping[str, str], name: str, most: int) -> str:
    found = [value for key, value in headers.items() if key.lower() == name]
    if not found or not found[0]:
        raise WebhookFault(WebhookWrong.HEADER_MISSING, name)
    if len(found) > 1 or len(found[0]) > most:
        raise WebhookFault(WebhookWrong.HEADER_MALFORMED, name)
    return found[0]


def _signatures(text: str) -> list[bytes]:
    """Those of our version. Others, and broken ones, are passed over: a good one may follow."""
    entries = text.split(" ")
    if len(entries) > MAX_SIGNATURES:
        raise WebhookFault(WebhookWrong.HEADER_MALFORMED, SIGNATURE_HEADER)
    found = []
    for entry in entries:
        version, _, encoded = entry.partition(",")
        data = _decoded(encoded) if version == VERSION else None
        if data is not None and len(data) == SIGNATURE_BYTES:
            found.append(data)
    return found


def _key_bytes(prefix: str, text: str) -> bytes:
    text = text.strip()
    if not text.startswith(prefix) or len(text) > _MAX_KEY_CHARS:
        raise WebhookFault(WebhookWrong.KEY_MALFORMED, f"it begins with {prefix}")
    data = _decoded(text.removeprefix(prefix))
    if data is None:
        raise WebhookFault(WebhookWrong.KEY_MALFORMED, "its encoding is broken")
    return data


def _decoded(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return None
