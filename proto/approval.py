"""What a payer signs to have exactly one payment made (escrow section 10).

The challenge of a passkey, and the bytes that the owner's own key signs, are made from the same
Approval: any other amount, payee, account or fee limit is another approval.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from proto.envelope import Proof, sign
from proto.keys import SigningKey
from proto.levels import Level
from proto.limits import MAX_AMOUNT, MAX_REQUEST_POLICIES
from proto.pae import pae
from proto.policy import RegistryPolicy
from proto.request_parts import HASH_BYTES, MAX_DOMAIN_CHARS, PERSON_BYTES
from proto.v1 import confirm_pb2 as pb
from proto.v1 import types_pb2
from proto.wire import WireFault, canonical, parse

APPROVAL_KIND: Final = "pledgeway/approval/v1"
MAX_APPROVAL_BYTES: Final = 4096
MAX_APPROVED_BYTES: Final = 8192  # with a passkey's proof; client data is some 200 bytes
ID_BYTES: Final = 16
MAX_ATTEMPTS: Final = 20


@dataclass(frozen=True, slots=True)
class Approval:
    """Amounts in smallest units of `brand` (16 bytes). The amount is what the fees leave of the
    total. `policies` empty: any that the request and the node accept. `person` empty: the owner."""

    request_hash: bytes
    person: bytes
    brand: bytes
    total_debit_max: int
    fee_max: int
    first_levels: frozenset[Level]
    policies: tuple[RegistryPolicy, ...]
    valid_until_us: int
    approval_id: bytes
    attempts_max: int
    rp_id: str = ""

    @property
    def amount(self) -> int:
        """What the payee is to get."""
        return self.total_debit_max - self.fee_max

    def encode(self) -> bytes:
        return canonical(
            pb.Approval(
                request_hash=self.request_hash,
                payer_account=self.person,
                brand=self.brand,
                total_debit_max=self.total_debit_max,
                fee_max=self.fee_max,
                first_levels=sorted(self.first_levels),
                policies=[canonical(p.to_message()) for p in self.policies],
                valid_until_us=self.valid_until_us,
                approval_id=self.approval_id,
                attempts_max=self.attempts_max,
                rp_id=self.rp_id,
            )
        )


def read_approval(data: bytes) -> Approval:
    """Raises WireFault where it is not in its only form, or says what none can."""
    if len(data) > MAX_APPROVAL_BYTES:
        raise WireFault("an approval that is too long")
    m = parse(pb.Approval, data)
    if len(m.request_hash) != HASH_BYTES or len(m.approval_id) != ID_BYTES or len(m.brand) != 16:
        raise WireFault("an approval with an id of wrong length")
    if len(m.payer_account) not in (0, PERSON_BYTES) or len(m.rp_id) > MAX_DOMAIN_CHARS:
        raise WireFault("an approval of an impossible person or page")
    if not 0 <= m.fee_max < m.total_debit_max <= MAX_AMOUNT:
        raise WireFault("an approval of an impossible amount")
    if not 1 <= m.attempts_max <= MAX_ATTEMPTS or len(m.policies) > MAX_REQUEST_POLICIES:
        raise WireFault("an approval of too many attempts or policies")
    try:
        levels = frozenset(Level(v) for v in m.first_levels)
    except ValueError as error:
        raise WireFault("an approval with an unknown level") from error
    policies = tuple(
        RegistryPolicy.from_message(parse(types_pb2.RegistryPolicy, p)) for p in m.policies
    )
    found = Approval(
        m.request_hash,
        m.payer_account,
        m.brand,
        m.total_debit_max,
        m.fee_max,
        levels,
        policies,
        m.valid_until_us,
        m.approval_id,
        m.attempts_max,
        m.rp_id,
    )
    if not levels or found.encode() != data:
        raise WireFault("an approval in another form than its own")
    return found


def challenge(approval: bytes) -> bytes:
    """What a passkey signs: 32 bytes."""
    return sha256(pae(APPROVAL_KIND, approval)).digest()


@dataclass(frozen=True, slots=True)
class PasskeyProof:
    """A WebAuthn assertion, whole, so that anybody can verify it again. `public_key` is COSE."""

    credential: bytes
    public_key: bytes
    authenticator_data: bytes
    client_data: bytes
    signature: bytes
    origin: str


@dataclass(frozen=True, slots=True)
class Approved:
    """The bytes of an Approval, and what makes it one: a passkey's assertion, a signature by the
    payer's own key, or the request_hash of the request that granted a standing approval."""

    approval: bytes
    by: PasskeyProof | Proof | bytes

    def encode(self) -> bytes:
        m = pb.Approved(approval=self.approval)
        match self.by:
            case PasskeyProof() as proof:
                m.passkey.CopyFrom(
                    pb.PasskeyProof(
                        credential=proof.credential,
                        public_key=proof.public_key,
                        authenticator_data=proof.authenticator_data,
                        client_data=proof.client_data,
                        signature=proof.signature,
                        origin=proof.origin,
                    )
                )
            case Proof() as proof:
                m.key.CopyFrom(proof.to_message())
            case granted:
                m.mandate = granted
        return canonical(m)


def read_approved(data: bytes) -> Approved:
    """Reads; verifies no signature (proto.receipt does). Raises WireFault."""
    if len(data) > MAX_APPROVED_BYTES:
        raise WireFault("an approval that is too long")
    m = parse(pb.Approved, data)
    read_approval(m.approval)
    match m.WhichOneof("by"):
        case "passkey":
            p = m.passkey
            by: PasskeyProof | Proof | bytes = PasskeyProof(
                p.credential,
                p.public_key,
                p.authenticator_data,
                p.client_data,
                p.signature,
                p.origin,
            )
        case "key":
            by = Proof.from_message(m.key)
        case "mandate" if len(m.mandate) == HASH_BYTES:
            by = m.mandate
        case _:
            raise WireFault("an approval that nobody has given")
    return Approved(m.approval, by)


def sign_approval(key: SigningKey, approval: Approval) -> Approved:
    """By the payer's own key, at a command line."""
    encoded = approval.encode()
    return Approved(encoded, sign(key, APPROVAL_KIND, encoded))
