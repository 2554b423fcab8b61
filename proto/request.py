"""A payee's signed request: one-time committer key, amount and terms (protocol section 8)."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from proto.brand_codec import brand_from_message, brand_to_message
from proto.envelope import Envelope
from proto.key_certificate import verify_node_key
from proto.keys import KeyPurpose, NodeId, SigningKey, node_id
from proto.levels import Level
from proto.limits import (
    MAX_ALIAS_CHARS,
    MAX_AMOUNT,
    MAX_DESCRIPTION_CHARS,
    MAX_REQUEST_ATTEMPTS,
    MAX_REQUEST_BYTES,
    MAX_REQUEST_POLICIES,
    PAYEE_MARGIN_US,
)
from proto.money import Brand
from proto.one_line import from_line, to_line
from proto.policy import RegistryPolicy, policy_fault
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, canonical, parse

REQUEST_KIND: Final = "pledgeway/request/v1"
REQUEST_VERSION: Final = 1
REQUEST_PREFIX: Final = "pledgeway-request:"


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """`policies`: registry policies under which the payee stamps; empty = it uses no registry.

    `last_levels`: levels it takes for the promise it will hold; empty = all. `decline_hashes`: one
    for each attempt. `payee_margin_us`: the expiry it asks for on a last BARE or SECURED promise.
    """

    request_id: bytes
    payee: NodeId
    payee_alias: str
    brand: Brand
    amount: int
    committer_key: bytes
    seal_key: bytes
    seal_certificate: bytes  # SignedKeyCertificate
    expires_at_us: int
    latest_deadline_us: int
    decline_hashes: tuple[bytes, ...] = ()
    policies: tuple[RegistryPolicy, ...] = ()
    last_levels: frozenset[Level] = frozenset()
    description: str = ""
    payee_margin_us: int = PAYEE_MARGIN_US

    def takes_level(self, level: Level) -> bool:
        """Whether it may be the last level. Without a registry the payee cannot stamp."""
        if level.needs_stamp and not self.policies:
            return False
        return not self.last_levels or level in self.last_levels

    def encode(self) -> bytes:
        return canonical(
            pb.PaymentRequest(
                version=REQUEST_VERSION,
                request_id=self.request_id,
                payee=self.payee,
                payee_alias=self.payee_alias,
                brand=brand_to_message(self.brand),
                amount=self.amount,
                committer_key=self.committer_key,
                decline_hashes=self.decline_hashes,
                policies=[p.to_message() for p in self.policies],
                last_levels=sorted(self.last_levels),
                latest_deadline_us=self.latest_deadline_us,
                expires_at_us=self.expires_at_us,
                description=self.description,
                seal=pb.SignedKeyCertificate.FromString(self.seal_certificate),
                payee_margin_us=self.payee_margin_us,
            )
        )


def sign_request(key: SigningKey, request: PaymentRequest) -> bytes:
    """The bytes of the signed request (an Envelope)."""
    return Envelope.seal(key, REQUEST_KIND, request.encode()).encode()


def request_hash(signed: bytes) -> bytes:
    """SHA-256 of the signed request: names it in the books of its payer."""
    return sha256(signed).digest()


def to_text(signed: bytes) -> str:
    """One line that can be mailed, pasted or shown as a QR code."""
    return to_line(REQUEST_PREFIX, signed)


def from_text(text: str) -> bytes:
    """The bytes behind `to_text`. Raises WireFault."""
    return from_line(REQUEST_PREFIX, text, "a payment request", MAX_REQUEST_BYTES)


def read_request(signed: bytes, now_us: int, *, own: bool = False) -> PaymentRequest:
    """Verifies and reads a request. Raises WireFault. An expired one is read: it can be shown.

    `own`: it comes from the reader's own store, and its signature was made or verified then.
    """
    if len(signed) > MAX_REQUEST_BYTES:
        raise WireFault(f"a payment request has at most {MAX_REQUEST_BYTES} bytes")
    envelope = Envelope.decode_unverified(signed) if own else Envelope.decode(signed)
    if envelope.kind != REQUEST_KIND:
        raise WireFault("not a payment request")
    m = parse(pb.PaymentRequest, envelope.payload)
    if envelope.signer != m.payee:
        raise WireFault("a payment request that its payee did not sign")
    if m.version != REQUEST_VERSION:
        raise WireFault(f"a payment request of version {m.version}; this node reads version 1")
    _check_sizes(m)
    policies = tuple(RegistryPolicy.from_message(p) for p in m.policies)
    if any(policy_fault(p) or not p.members for p in policies):
        raise WireFault("a payment request with an invalid registry policy")
    try:
        levels = frozenset(Level(v) for v in m.last_levels)
        payee = node_id(m.payee)
    except ValueError as error:
        raise WireFault("a payment request with an unknown level or payee") from error
    seal = verify_node_key(m.seal, m.payee, KeyPurpose.SEAL, min(now_us, m.expires_at_us))
    return PaymentRequest(
        request_id=m.request_id,
        payee=payee,
        payee_alias=m.payee_alias,
        brand=brand_from_message(m.brand),
        amount=m.amount,
        committer_key=m.committer_key,
        seal_key=seal.key,
        seal_certificate=m.seal.SerializeToString(),
        expires_at_us=m.expires_at_us,
        latest_deadline_us=m.latest_deadline_us,
        decline_hashes=tuple(m.decline_hashes),
        policies=policies,
        last_levels=levels,
        description=m.description,
        payee_margin_us=m.payee_margin_us or PAYEE_MARGIN_US,
    )


def _check_sizes(m: pb.PaymentRequest) -> None:
    if len(m.request_id) != 16 or len(m.committer_key) != 32:
        raise WireFault("a payment request with an id or committer key of wrong length")
    if not 1 <= m.amount <= MAX_AMOUNT:
        raise WireFault("a payment request over no amount")
    if len(m.decline_hashes) > MAX_REQUEST_ATTEMPTS or any(len(h) != 32 for h in m.decline_hashes):
        raise WireFault("a payment request with too many or malformed decline hashes")
    if len(m.policies) > MAX_REQUEST_POLICIES:
        raise WireFault("a payment request with too many policies")
    texts = (m.payee_alias, m.description)
    if len(m.payee_alias) > MAX_ALIAS_CHARS or len(m.description) > MAX_DESCRIPTION_CHARS:
        raise WireFault("a payment request with too long texts")
    # Control characters could repaint a terminal and show another amount or payee.
    if any(not text.isprintable() for text in texts):
        raise WireFault("a payment request with unprintable texts")
    if not 0 <= m.payee_margin_us <= MAX_AMOUNT:
        raise WireFault("a payment request with an impossible margin")
