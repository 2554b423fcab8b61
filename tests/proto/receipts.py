"""Receipts made by hand with real signatures: certified, bare, in house, and with goods."""

import json
from dataclasses import replace
from functools import cache
from hashlib import sha256
from typing import Any, Final

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import bytes_to_base64url

from node.command.sim.cast import NOW_US, R1, SECOND, SINGLE, CastRegistry, digest, signing_key
from proto.approval import Approval, Approved, PasskeyProof, challenge
from proto.descriptor import Descriptor
from proto.envelope import Envelope
from proto.escrow.legs import Leg, MoneyCarrier, RightCarrier
from proto.escrow.terms import Order, SeatTerms, plant
from proto.key_certificate import certify_key
from proto.keys import KeyCertificate, KeyPurpose, SigningKey
from proto.levels import Level
from proto.messages import MESSAGE_KIND, Redeemed, encode
from proto.money import common_brand
from proto.payment_terms import terms_root
from proto.policy import EMPTY_POLICY
from proto.receipt import PaymentReceipt
from proto.request import PaymentRequest, countersign, request_hash, sign_request
from proto.request_parts import Requester
from proto.v1 import types_pb2 as pb
from tests.proto.build import abort_certificate, commit_certificate, make_commit

PAYEE: Final = signing_key("payee")
PAYER: Final = signing_key("payer")
NEIGHBOUR: Final = signing_key("neighbour")
SHOP: Final = signing_key("shop")
COMMITTER: Final = signing_key("committer")  # as in tests.proto.build, which signs with it
SALT: Final = digest("salt of the payment")
BRAND: Final = common_brand("USD")


def seal_of(key: SigningKey) -> bytes:
    made = KeyCertificate(key.node_id, KeyPurpose.SEAL, digest("seal"), 0, 2**62)
    return certify_key(key, made).SerializeToString()


REQUEST: Final = PaymentRequest(
    request_id=digest("request")[:16],
    payee=PAYEE.node_id,
    payee_alias="Lamps",
    brand=BRAND,
    amount=700,
    committer_key=COMMITTER.public,
    seal_key=digest("seal"),
    seal_certificate=seal_of(PAYEE),
    expires_at_us=NOW_US + 60 * SECOND,
    latest_deadline_us=NOW_US + 120 * SECOND,
    policies=(SINGLE,),
    description="One lamp",
    order_hash=digest("one lamp"),
)
CHOOSING: Final = replace(REQUEST, amount=900, amount_min=500)
ASKED: Final = replace(REQUEST, requester=Requester(SHOP.public, "The lamp shop"))


def signed(request: PaymentRequest) -> bytes:
    return sign_request(PAYEE, request)


def asked(request: PaymentRequest) -> bytes:
    return countersign(SHOP, signed(request))


def descriptor_for(request: PaymentRequest, amount: int = 0, **changes: Any) -> Descriptor:
    """Of its payment. `amount`: as the payer chose it."""
    root = terms_root(SALT, request_hash(signed(request)), amount or None)
    made = Descriptor(
        salt=SALT,
        deadline_us=NOW_US + 30 * SECOND,
        policy=SINGLE,
        committers=(request.committer_key,),
        threshold=1,
        terms_root=root,
    )
    return replace(made, **changes)


def certificate_file(
    descriptor: Descriptor,
    *registries: CastRegistry,
    abort: bool = False,
    key: SigningKey = COMMITTER,
) -> bytes:
    by = registries or (R1,)
    file = pb.CertificateFile()
    if abort:
        file.abort.CopyFrom(abort_certificate(descriptor, *by).to_message())
    else:
        file.commit.MergeFromString(commit_certificate(descriptor, *by, key=key).encode())
    for registry in by:
        file.records.append(pb.SignedRegistryRecord.FromString(registry.record.signed))
    return file.SerializeToString()


def booking(sender: SigningKey = NEIGHBOUR, receiver: SigningKey = PAYEE) -> bytes:
    body = Redeemed(digest("promise")[:16], digest("line")[:16], 7, 7000)
    payload = encode(sender.node_id, receiver.node_id, body)
    return Envelope.seal(sender, MESSAGE_KIND, payload).encode()


def certified(request: PaymentRequest = REQUEST, amount: int = 0, **changes: Any) -> PaymentReceipt:
    descriptor = descriptor_for(request, amount, **changes)
    return PaymentReceipt(
        request=signed(request),
        descriptor=descriptor.encode(),
        certificate=certificate_file(descriptor),
        amount=amount,
    )


def bare(request: PaymentRequest = REQUEST) -> PaymentReceipt:
    descriptor = descriptor_for(request, policy=EMPTY_POLICY)
    return PaymentReceipt(
        request=signed(request),
        descriptor=descriptor.encode(),
        commit=make_commit(descriptor).evidence,
        booking=booking(),
    )


def in_house() -> PaymentReceipt:
    return replace(bare(), booking=booking(PAYEE))


# ---------------------------------------------------------------- goods in the same decision

PROPOSAL: Final = digest("proposal")
MONEY: Final = Leg(
    1, BRAND.guid, 700, "buyer", "seller", MoneyCarrier(PAYER.node_id, PAYEE.node_id)
)
GOODS: Final = Leg(2, digest("lamps")[:16], 1, "seller", "buyer", RightCarrier(NEIGHBOUR.node_id))
SEAT: Final = SeatTerms("seller", PAYEE.node_id, COMMITTER.public)
EXCHANGING: Final = replace(REQUEST, exchange=PROPOSAL, committer_key=digest("not used"))
LEG: Final = replace(REQUEST, request_id=digest("leg")[:16], description="", order_hash=b"")


def with_goods(
    request: PaymentRequest = EXCHANGING,
    money: Leg = MONEY,
    seat: SeatTerms = SEAT,
    proposal: bytes = PROPOSAL,
    shown: tuple[int, ...] = (0, 2, 3),
    own: PaymentRequest | None = LEG,
    **changes: Any,
) -> PaymentReceipt:
    """`shown`: which of money, goods, seat and proposal are opened. `own`: the leg's request."""
    terms = (money, GOODS, seat, Order(proposal))
    root, openings = plant(terms, [digest(f"salt {i}") for i in range(len(terms))])
    how = {"terms_root": root, "committers": (COMMITTER.public,)} | changes
    descriptor = descriptor_for(request, **how)
    return PaymentReceipt(
        request=signed(request),
        descriptor=descriptor.encode(),
        certificate=certificate_file(descriptor),
        openings=tuple(openings[i].encode() for i in shown),
        leg_request=signed(own) if own is not None else b"",
    )


# ---------------------------------------------------------------- approvals

RP_ID: Final = "bank.example"
ORIGIN: Final = f"https://{RP_ID}"
APPROVAL: Final = Approval(
    request_hash=request_hash(signed(REQUEST)),
    person=digest("anna")[:16],
    brand=BRAND.guid,
    total_debit_max=705,
    fee_max=5,
    first_levels=frozenset({Level.ATOMIC}),
    policies=(SINGLE,),
    valid_until_us=NOW_US + 60 * SECOND,
    approval_id=digest("approval")[:16],
    attempts_max=3,
    rp_id=RP_ID,
)
PRESENT, VERIFIED = 1, 4  # flags of authenticator data


@cache
def authenticator(label: str = "phone") -> ec.EllipticCurvePrivateKey:
    number = int.from_bytes(digest("passkey " + label), "big") >> 1
    return ec.derive_private_key(number, ec.SECP256R1())


def cose(key: ec.EllipticCurvePrivateKey) -> bytes:
    numbers = key.public_key().public_numbers()
    x, y = (n.to_bytes(32, "big") for n in (numbers.x, numbers.y))
    return cbor2.dumps({1: 2, 3: -7, -1: 1, -2: x, -3: y})


def assertion(
    approval: bytes,
    *,
    label: str = "phone",
    rp_id: str = RP_ID,
    origin: str = ORIGIN,
    flags: int = PRESENT | VERIFIED,
    **client: Any,
) -> PasskeyProof:
    """What an authenticator answers. `client`: more, or other, of the client data."""
    said = {
        "type": "webauthn.get",
        "challenge": bytes_to_base64url(challenge(approval)),
        "origin": origin,
        "crossOrigin": False,
    }
    data = json.dumps(said | client).encode()
    authenticated = sha256(rp_id.encode()).digest() + bytes([flags]) + (9).to_bytes(4, "big")
    key = authenticator(label)
    signature = key.sign(
        authenticated + sha256(data).digest(), ec.ECDSA(SHA256(), deterministic_signing=True)
    )
    return PasskeyProof(b"credential", cose(key), authenticated, data, signature, origin)


def by_passkey(approval: Approval = APPROVAL, **how: Any) -> Approved:
    encoded = approval.encode()
    return Approved(encoded, assertion(encoded, **how))


def commit_of(descriptor: Descriptor, key: SigningKey) -> bytes:
    """The Evidence that somebody signs."""
    return make_commit(descriptor, key).evidence
