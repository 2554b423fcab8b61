"""Parts of a payment request that are for people: who asks, and standing approvals."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from proto.limits import MAX_ALIAS_CHARS, MAX_AMOUNT
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault

MAX_URL_CHARS: Final = 512  # a way back with a session in it; more does not fit a QR code
MAX_DOMAIN_CHARS: Final = 253  # RFC 1035 section 2.3.4
MAX_REFUND_CHARS: Final = 160  # an address for people
HASH_BYTES: Final = 32
PERSON_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks in the payee's name. Its URLs are used only where the payer's node knows them."""

    key: bytes
    name: str = ""
    notify_url: str = ""
    return_url: str = ""

    def to_message(self) -> pb.Requester:
        return pb.Requester(
            key=self.key, name=self.name, notify_url=self.notify_url, return_url=self.return_url
        )

    @classmethod
    def from_message(cls, m: pb.Requester) -> "Requester":
        return cls(m.key, m.name, m.notify_url, m.return_url)


@dataclass(frozen=True, slots=True)
class MandateTerms:
    """Caps of a standing approval, in smallest units of the request's brand, fees included."""

    per_payment: int
    period_us: int
    per_period: int
    total: int
    until_us: int

    def to_message(self) -> pb.MandateTerms:
        return pb.MandateTerms(
            per_payment=self.per_payment,
            period_us=self.period_us,
            per_period=self.per_period,
            total=self.total,
            until_us=self.until_us,
        )

    @classmethod
    def from_message(cls, m: pb.MandateTerms) -> "MandateTerms":
        return cls(m.per_payment, m.period_us, m.per_period, m.total, m.until_us)


def check_parts(m: pb.PaymentRequest) -> None:
    """The fields that people read. Raises WireFault."""
    if m.amount_min > m.amount:
        raise WireFault("a payment request over at least more than at most")
    if m.fees_by_payee and not m.amount_min:
        raise WireFault("a payment request whose fees the payee pays, and that allows for none")
    for value in (m.order_hash, m.exchange, m.audience, m.session_nonce, m.retry_of, m.under):
        if len(value) not in (0, HASH_BYTES):
            raise WireFault("a payment request with a hash or nonce of wrong length")
    if len(m.person) not in (0, PERSON_BYTES) or m.created_at_us < 0:
        raise WireFault("a payment request with an impossible person or time")
    _check_text(m.refund_to, MAX_REFUND_CHARS)
    _check_text(m.domain, MAX_DOMAIN_CHARS)
    if m.domain and not is_domain(m.domain):
        raise WireFault("a payment request with an impossible domain")
    if m.HasField("requester"):
        _check_requester(m.requester)
    if m.HasField("mandate"):
        _check_mandate(m.mandate)


def is_domain(text: str) -> bool:
    """A host name in its plain form: labels of lower-case letters, digits, inner hyphens.

    Other scripts come in their ASCII form (RFC 5891), so that none looks like another.
    """
    labels = text.split(".")
    letters = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")
    return (
        0 < len(text) <= MAX_DOMAIN_CHARS
        and not labels[-1].isdigit()
        and all(
            0 < len(x) <= 63 and letters.issuperset(x) and x[0] != "-" and x[-1] != "-"
            for x in labels
        )
    )


def _check_text(text: str, most: int) -> None:
    if len(text) > most or not text.isprintable():
        raise WireFault("a payment request with too long or unprintable texts")


def _check_requester(m: pb.Requester) -> None:
    if len(m.key) != HASH_BYTES:
        raise WireFault("a payment request with a requester's key of wrong length")
    _check_text(m.name, MAX_ALIAS_CHARS)
    for url in (m.notify_url, m.return_url):
        _check_text(url, MAX_URL_CHARS)
        if url and not is_web_url(url):
            raise WireFault("a payment request with a way back that is no URL of the web")


def is_web_url(text: str) -> bool:
    """http or https with a host, without user, fragment, spaces or control characters."""
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port  # ValueError where it is none
    except ValueError:
        return False
    plain = not (parts.username or parts.password or "#" in text or "@" in parts.netloc)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and plain


def _check_mandate(m: pb.MandateTerms) -> None:
    caps = (m.per_payment, m.per_period, m.total)
    if not all(0 < cap <= MAX_AMOUNT for cap in caps) or m.period_us <= 0 or m.until_us <= 0:
        raise WireFault("a payment request with an impossible standing approval")
    if not m.per_payment <= m.per_period <= m.total:
        raise WireFault("a standing approval whose caps do not lie within each other")
