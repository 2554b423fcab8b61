"""Signed bytes as one line of text that people mail, paste or show as a QR code."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error

from proto.wire import WireFault


def to_line(prefix: str, signed: bytes) -> str:
    """`prefix` and the bytes in URL-safe base64 without padding."""
    return prefix + urlsafe_b64encode(signed).decode().rstrip("=")


def from_line(prefix: str, text: str, what: str, max_bytes: int) -> bytes:
    """The bytes behind `to_line`, white space that mail has added left out. Raises WireFault.

    `what` names the thing to people. A text of more than twice `max_bytes` characters is refused
    before it is decoded.
    """
    text = "".join(text.split())
    if not text.startswith(prefix) or len(text) > 2 * max_bytes:
        raise WireFault(f"{what} begins with {prefix}")
    body = text.removeprefix(prefix)
    try:
        return urlsafe_b64decode(body + "=" * (-len(body) % 4))
    except (Base64Error, ValueError) as error:
        raise WireFault(f"{what} with a broken encoding") from error
