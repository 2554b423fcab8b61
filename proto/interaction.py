"""The way back from the payer's page to whoever asked, in the manner of RFC 9635 section 4.2.3.

The hash says to the requester that the browser which comes back is the one that saw this approval
at this node, and no more: whether there was a payment, the receipt says.
"""

from base64 import urlsafe_b64encode
from hashlib import sha256
from hmac import compare_digest
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from proto.request_parts import MAX_URL_CHARS, is_web_url
from proto.wire import WireFault

NONCE_BYTES: Final = 32
APPROVAL_ID_BYTES: Final = 16
MAX_STATE_CHARS: Final = 128  # a session's number, signed or not; it travels in an URL
STATE: Final = "state"
HASH: Final = "hash"


def interaction_hash(
    requester_nonce: bytes, node_nonce: bytes, approval_id: bytes, endpoint: str
) -> str:
    """43 characters. `endpoint`: the URL to which the requester brought its request.

    Both nonces have 32 bytes, the approval's id 16; all three are hashed as lower-case hex.
    """
    assert len(requester_nonce) == len(node_nonce) == NONCE_BYTES
    assert len(approval_id) == APPROVAL_ID_BYTES and is_web_url(endpoint)
    return hash_of_lines(requester_nonce.hex(), node_nonce.hex(), approval_id.hex(), endpoint)


def hash_of_lines(*lines: str) -> str:
    """SHA-256 of lines with one line feed between two, as base64url without padding."""
    digest = sha256("\n".join(lines).encode()).digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")


def same_hash(given: str, expected: str) -> bool:
    """In a time that does not tell how much of it was right. Any text may be given."""
    return compare_digest(given.encode("utf-8", "replace"), expected.encode())


def is_state(text: str) -> bool:
    """What a requester may have given back to it: printable ASCII, or nothing."""
    return len(text) <= MAX_STATE_CHARS and text.isascii() and text.isprintable()


def check_way_back(url: str) -> None:
    """Whether a return URL can be used. Raises WireFault.

    One that has a state or hash of its own would come back with two, and which of them the shop's
    software reads, nobody knows.
    """
    if len(url) > MAX_URL_CHARS or not is_web_url(url):
        raise WireFault("a way back that is no URL of the web")
    try:
        given = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    except ValueError as error:
        raise WireFault("a way back with a broken query") from error
    if any(name in (STATE, HASH) for name, _ in given):
        raise WireFault("a way back that names a state or hash already")


def way_back(return_url: str, state: str, interaction: str) -> str:
    """`return_url` with exactly `state` and `hash` after what its query has. Raises WireFault."""
    check_way_back(return_url)
    if not is_state(state):
        raise WireFault("a state that is too long or unprintable")
    added = urlencode([(STATE, state), (HASH, interaction)], quote_via=quote)
    if "?" not in return_url:
        return f"{return_url}?{added}"
    between = "" if return_url.endswith(("?", "&")) else "&"
    return f"{return_url}{between}{added}"


def read_way_back(url_or_query: str) -> tuple[str, str]:
    """(state, hash) of the URL with which a browser came back, or of its query alone.

    Raises WireFault where either is missing or there twice. Both are compared with what the
    requester expects: the state with its session's, the hash by `same_hash`.
    """
    _, mark, query = url_or_query.partition("?")
    try:
        given = parse_qsl(query if mark else url_or_query, keep_blank_values=True)
    except ValueError as error:
        raise WireFault("a way back with a broken query") from error
    states = [value for name, value in given if name == STATE]
    hashes = [value for name, value in given if name == HASH]
    if len(states) != 1 or len(hashes) != 1:
        raise WireFault("a way back without exactly one state and one hash")
    return states[0], hashes[0]
