"""A payee's signed request: one-time committer key, amount and terms (protocol section 8).

What people see of it beside that is of escrow section 10: who asks, in whose browser, for what.
"""

from dataclasses import dataclass, replace
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
from proto.request_parts import MandateTerms, Requester, check_parts
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, canonical, parse

REQUEST_KIND: Final = "pledgeway/request/v1"
REQUEST_VERSION: Final = 1
REQUEST_PREFIX: Final = "pledgeway-request:"
# Around the payee's envelope, where somebody else asks in the payee's name: the requester's.
REQUESTED_KIND: Final = "pledgeway/requested/v1"


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """`policies`: registry policies under which the payee stamps; empty = it uses no registry.

    `last_levels`: levels it takes for the promise it will hold; empty = all. `decline_hashes`: one
    for each attempt. `payee_margin_us`: the expiry it asks for on a last BARE or SECURED promise.

    `amount_min` 0: exactly `amount`; else the payer chooses from there to `amount`. With
    `fees_by_payee` the payer sends `amount` in all, and what is left of it arrives. `exchange`: the
    proposal whose goods change hands in the same decision. `under`: the request (by its hash) that
    granted the standing approval that this one is to be paid from. `person`: whom of its people the
    payee's node credits. `domain` and `refund_to` are the payee's word alone. Empty: absent.
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
    amount_min: int = 0
    fees_by_payee: bool = False
    order_hash: bytes = b""
    exchange: bytes = b""
    created_at_us: int = 0
    requester: Requester | None = None
    audience: bytes = b""
    session_nonce: bytes = b""
    retry_of: bytes = b""
    refund_to: str = ""
    mandate: MandateTerms | None = None
    under: bytes = b""
    domain: str = ""
    person: bytes = b""

    @property
    def least(self) -> int:
        """The smallest amount that it takes."""
        return self.amount_min or self.amount

    @property
    def leaves_choice(self) -> bool:
        """Whether its payer names the amount. Then the descriptor says which (payment_terms)."""
        return self.amount_min > 0

    def takes_amount(self, amount: int) -> bool:
        """Whether a payer may choose it."""
        return self.least <= amount <= self.amount and amount % self.brand.unit == 0

    def over(self, amount: int) -> "PaymentRequest":
        """The same, once its payer has chosen the amount: what routes are looked for."""
        assert self.takes_amount(amount)
        return replace(self, amount=amount, amount_min=0, fees_by_payee=False)

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
                amount_min=self.amount_min,
                fees_by_payee=self.fees_by_payee,
                order_hash=self.order_hash,
                exchange=self.exchange,
                created_at_us=self.created_at_us,
                requester=None if self.requester is None else self.requester.to_message(),
                audience=self.audience,
                session_nonce=self.session_nonce,
                retry_of=self.retry_of,
                refund_to=self.refund_to,
                mandate=None if self.mandate is None else self.mandate.to_message(),
                under=self.under,
                domain=self.domain,
                person=self.person,
            )
        )


def sign_request(key: SigningKey, request: PaymentRequest) -> bytes:
    """The bytes of the signed request (an Envelope)."""
    return Envelope.seal(key, REQUEST_KIND, request.encode()).encode()


def countersign(key: SigningKey, signed: bytes) -> bytes:
    """The signed request with its requester's signature around it."""
    return Envelope.seal(key, REQUESTED_KIND, signed).encode()


def payee_signed(asked: bytes) -> tuple[bytes, bytes]:
    """(what the payee signed, its requester's key or b"") of a request as it was received.

    The requester's signature is verified here; that it is the one whom the payee names is
    `read_asked`'s. Raises WireFault.
    """
    if len(asked) > MAX_REQUEST_BYTES:
        raise WireFault(f"a payment request has at most {MAX_REQUEST_BYTES} bytes")
    if Envelope.decode_unverified(asked).kind != REQUESTED_KIND:
        return asked, b""
    outer = Envelope.decode(asked)
    return outer.payload, outer.signer


def read_asked(asked: bytes, now_us: int) -> tuple[bytes, PaymentRequest]:
    """A request of a stranger, with all signatures that it needs: (what the payee signed, request).

    Raises WireFault: where a requester is named who has not signed, or another one has.
    """
    signed, requester = payee_signed(asked)
    request = read_request(signed, now_us)
    named = b"" if request.requester is None else request.requester.key
    if requester != named and not (requester == b"" and named == request.payee):
        raise WireFault("a payment request that its requester did not sign")
    return signed, request


def request_hash(signed: bytes) -> bytes:
    """SHA-256 of what the payee signed: names it in the books of its payer."""
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
        amount_min=m.amount_min,
        fees_by_payee=m.fees_by_payee,
        order_hash=m.order_hash,
        exchange=m.exchange,
        created_at_us=m.created_at_us,
        requester=Requester.from_message(m.requester) if m.HasField("requester") else None,
        audience=m.audience,
        session_nonce=m.session_nonce,
        retry_of=m.retry_of,
        refund_to=m.refund_to,
        mandate=MandateTerms.from_message(m.mandate) if m.HasField("mandate") else None,
        under=m.under,
        domain=m.domain,
        person=m.person,
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
    check_parts(m)
