"""What a registrar says of a right that it keeps (escrow section 4): signed, and shown as it is."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, unique
from hashlib import sha256
from typing import Any, Final

from proto.brand_codec import brand_from_message, brand_to_message
from proto.envelope import Envelope
from proto.fees import Fee
from proto.keys import NodeId, SigningKey, node_id
from proto.limits import (
    MAX_AMOUNT,
    MAX_ATTRIBUTES_BYTES,
    MAX_LOCK_US,
    MAX_REQUEST_POLICIES,
    MAX_TYPE_CHARS,
)
from proto.money import BRAND_ID_BYTES, SCALE, Brand, Rate, mul_div_ceil
from proto.policy import RegistryPolicy, policy_fault
from proto.v1 import escrow_pb2 as pb
from proto.v1 import types_pb2
from proto.wire import WireFault, canonical, parse

RIGHT_KIND: Final = "pledgeway/right/v1"
Attributes = Mapping[str, Any]


@unique
class Vetting(IntEnum):
    """Who may open an account by himself."""

    ANYONE = 1
    LISTED = 2
    CLOSED = 3


def canonical_json(value: object) -> str:
    """One spelling for one content: sorted keys, no spaces, no exponents, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def unique_brand_id(registrar: NodeId, kind: str, attributes: str) -> bytes:
    """The brand of a thing that its registrar calls by type and attributes: 16 bytes, derived, so
    that it need not be asked for."""
    named = b"pledgeway/right-id/v1\0" + registrar + f"{kind}\0{attributes}".encode()
    return sha256(named).digest()[:BRAND_ID_BYTES]


def registrar_fee_ceil(fee: Fee, amount: int) -> int:
    """What a registrar keeps of a transfer of `amount`: its rate beyond 1, rounded up, and its
    flat part. May exceed the amount: then there is nothing left to transfer."""
    return mul_div_ceil(amount, fee.rate.nano - SCALE, SCALE) + fee.flat


@dataclass(frozen=True, slots=True)
class Right:
    """`brand.issuer` is the registrar and `brand.unit` its lot; `attributes` is canonical JSON.

    `fee`: of the terms that every account may use, where `open_terms`. `supply`: issued in all.
    `policies`: registry policies under which it prepares; `longest_lock_us`: of D - now.
    """

    brand: Brand
    registrar: NodeId
    kind: str
    attributes: str = "{}"
    supply: int = 1
    fee: Fee = field(default_factory=Fee)
    open_terms: bool = True
    vetting: Vetting = Vetting.ANYONE
    policies: tuple[RegistryPolicy, ...] = ()
    longest_lock_us: int = 0
    sequence: int = 1

    def encode(self) -> bytes:
        return canonical(
            pb.Right(
                brand=brand_to_message(self.brand),
                registrar=self.registrar,
                type=self.kind,
                attributes=self.attributes,
                supply=self.supply,
                fee=types_pb2.Fee(rate=str(self.fee.rate), flat=self.fee.flat),
                open_terms=self.open_terms,
                vetting=int(self.vetting),  # type: ignore[arg-type]
                policies=[policy.to_message() for policy in self.policies],
                longest_lock_us=self.longest_lock_us,
                sequence=self.sequence,
            )
        )


def sign_right(key: SigningKey, right: Right) -> bytes:
    """The signed description (an Envelope)."""
    return Envelope.seal(key, RIGHT_KIND, right.encode()).encode()


def read_right(signed: bytes) -> Right:
    """Verifies and reads a description. Raises WireFault."""
    envelope = Envelope.decode(signed)
    if envelope.kind != RIGHT_KIND:
        raise WireFault("not the description of a right")
    m = parse(pb.Right, envelope.payload)
    if envelope.signer != m.registrar or m.brand.issuer != m.registrar:
        raise WireFault("a description of a right that its registrar did not sign")
    if not 1 <= len(m.type) <= MAX_TYPE_CHARS or not m.type.isprintable():
        raise WireFault("a right without a printable type")
    _check_attributes(m.attributes)
    if not 0 <= m.supply <= MAX_AMOUNT or not 0 <= m.longest_lock_us <= MAX_LOCK_US:
        raise WireFault("a right with an impossible supply or lock")
    policies = tuple(RegistryPolicy.from_message(p) for p in m.policies)
    if len(policies) > MAX_REQUEST_POLICIES or any(
        policy_fault(p) or not p.members for p in policies
    ):
        raise WireFault("a right with an invalid registry policy")
    try:
        fee = Fee(Rate.parse(m.fee.rate or "1"), m.fee.flat)
        registrar, vetting = node_id(m.registrar), Vetting(m.vetting)
    except ValueError as error:
        raise WireFault(str(error)) from error
    return Right(
        brand=brand_from_message(m.brand),
        registrar=registrar,
        kind=m.type,
        attributes=m.attributes,
        supply=m.supply,
        fee=fee,
        open_terms=m.open_terms,
        vetting=vetting,
        policies=policies,
        longest_lock_us=m.longest_lock_us,
        sequence=m.sequence,
    )


def _check_attributes(text: str) -> None:
    if len(text.encode()) > MAX_ATTRIBUTES_BYTES:
        raise WireFault(f"attributes of a right have at most {MAX_ATTRIBUTES_BYTES} bytes")
    try:
        value = json.loads(text)
    except ValueError as error:
        raise WireFault("attributes of a right that are no JSON") from error
    plain = isinstance(value, dict) and all(
        isinstance(v, str | int) and not isinstance(v, bool) for v in value.values()
    )
    if not plain or canonical_json(value) != text or not text.isprintable():
        raise WireFault("attributes of a right are a flat object of texts and whole numbers")
