"""How a program of a person says who it is: a signature by a key of that person's account.

Both statements name the origin that they are for: a page that is not the node's own gets a
signature which is worth nothing at the node.
"""

from typing import Final

from proto.envelope import Proof, sign
from proto.keys import KEY_BYTES, SigningKey
from proto.limits import MAX_SEQUENCE
from proto.one_line import from_line, to_line
from proto.wire import WireFault

LOGIN_KIND: Final = "pledgeway/login/v1"
JOIN_KIND: Final = "pledgeway/join/v1"
KEY_PREFIX: Final = "pledgeway-key:"
MAX_PART_CHARS: Final = 300  # the longest origin has 280
LOGIN_TOLERANCE_US: Final = 300_000_000  # two clocks, and a proxy between: as of submissions


def login_bytes(origin: str, name: str, at_us: int) -> bytes:
    """What is signed to log in as `name` at `origin` (https://HOST) at this time (POSIX µs).

    Raises WireFault where a part could be read as two.
    """
    if not 0 <= at_us <= MAX_SEQUENCE:
        raise WireFault("a login of an impossible time")
    return _lines(origin, name, str(at_us))


def join_bytes(origin: str, token: str) -> bytes:
    """What a new key signs to show that whoever takes up an invitation has it. Raises WireFault."""
    return _lines(origin, token)


def sign_login(key: SigningKey, origin: str, name: str, at_us: int) -> bytes:
    """64 bytes. Raises WireFault as `login_bytes`."""
    return sign(key, LOGIN_KIND, login_bytes(origin, name, at_us)).signature


def sign_join(key: SigningKey, origin: str, token: str) -> bytes:
    """64 bytes. Raises WireFault as `join_bytes`."""
    return sign(key, JOIN_KIND, join_bytes(origin, token)).signature


def proves_login(public: bytes, signature: bytes, origin: str, name: str, at_us: int) -> bool:
    """Whether `public` signed it; its time is for the caller. Raises WireFault as `login_bytes`."""
    return Proof(public, signature).proves(LOGIN_KIND, login_bytes(origin, name, at_us))


def proves_join(public: bytes, signature: bytes, origin: str, token: str) -> bool:
    """Whether `public` signed it. Raises WireFault as `join_bytes`."""
    return Proof(public, signature).proves(JOIN_KIND, join_bytes(origin, token))


def key_text(public: bytes) -> str:
    """A program's key (32 bytes) as one line, to be pasted on the page of an account."""
    return to_line(KEY_PREFIX, public)


def read_key_text(text: str) -> bytes:
    """The 32 bytes behind `key_text`. Raises WireFault."""
    public = from_line(KEY_PREFIX, text, "a program's key", KEY_BYTES + len(KEY_PREFIX))
    if len(public) != KEY_BYTES:
        raise WireFault(f"a program's key has {KEY_BYTES} bytes")
    return public


def _lines(*parts: str) -> bytes:
    if any(len(part) > MAX_PART_CHARS or not part.isprintable() for part in parts):
        raise WireFault("a login with a part that is too long or unprintable")
    return "\n".join(parts).encode()
