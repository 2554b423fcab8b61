"""What a call to a requester says: a hint that a request has ended, and where its receipt is.

Nothing in it is to be believed before the receipt was verified (escrow section 10).
"""

import json
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

from proto.request_parts import MAX_URL_CHARS, is_web_url
from proto.wire import WireFault

REQUEST_ID_BYTES: Final = 16
MAX_NOTICE_BYTES: Final = 2048  # the longest URL, and fields that may come


@unique
class NoticeKind(Enum):
    """How a request ended at its payer's node. There is no notice of what is not final."""

    COMMITTED = "payment.committed"
    DENIED = "payment.denied"
    EXPIRED = "payment.expired"


@dataclass(frozen=True, slots=True)
class Told:
    """The thin body of a webhook. `receipt_url`: where the receipt of a payment that happened is;
    empty for one that did not."""

    kind: NoticeKind
    request_id: bytes  # that its payee gave it, 16 bytes
    receipt_url: str = ""

    def encode(self) -> bytes:
        """JSON; `request_id` in hex, an empty `receipt_url` as null."""
        said = {
            "type": self.kind.value,
            "request_id": self.request_id.hex(),
            "receipt_url": self.receipt_url or None,
        }
        return json.dumps(said, separators=(",", ":")).encode()


def read_told(body: bytes) -> Told:
    """A body whose webhook was verified. Raises WireFault; further fields are passed over."""
    if len(body) > MAX_NOTICE_BYTES:
        raise WireFault(f"a notice has at most {MAX_NOTICE_BYTES} bytes")
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WireFault("a notice that is no JSON") from error
    if not isinstance(said, dict):
        raise WireFault("a notice that is no JSON object")
    named, url = said.get("request_id"), said.get("receipt_url")
    if not isinstance(named, str) or not isinstance(url, str | None):
        raise WireFault("a notice without a request's id or a receipt's place")
    try:
        told = Told(NoticeKind(said.get("type")), bytes.fromhex(named), url or "")
    except ValueError as error:
        raise WireFault("a notice of an unknown type, or of no request") from error
    if len(told.request_id) != REQUEST_ID_BYTES:
        raise WireFault("a notice of no request")
    if bool(told.receipt_url) is not (told.kind is NoticeKind.COMMITTED):
        raise WireFault("a notice of a payment without a receipt, or the other way round")
    if url and (len(url) > MAX_URL_CHARS or not is_web_url(url)):
        raise WireFault("a notice whose receipt has no place on the web")
    return told
