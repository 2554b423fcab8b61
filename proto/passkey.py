"""Whether an approval was given: by a passkey, by the payer's own key, or by a standing one.

A WebAuthn assertion is verified as the node did when it came, from its own bytes, at any time
later. That the key in it is a payer's cannot be read from it: whoever has a list of a payer's keys
(the payer itself, or its node) gives it. It stands apart from proto.receipt_check, since it loads
the WebAuthn library.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from webauthn import verify_authentication_response
from webauthn.helpers import bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import AuthenticationCredential, AuthenticatorAssertionResponse

from proto.approval import APPROVAL_KIND, Approval, Approved, PasskeyProof, challenge, read_approval
from proto.envelope import Proof
from proto.policy import EMPTY_POLICY, RegistryPolicy
from proto.receipt_check import approves
from proto.request import PaymentRequest
from proto.wire import WireFault

# What the library lets through from parsers below it, of bytes that no authenticator makes.
MALFORMED: Final = (WebAuthnException, UnsupportedAlgorithm, ValueError, TypeError, LookupError)


@unique
class ApprovalFault(Enum):
    """Why an approval is none."""

    FORM = "the approval cannot be read"
    OTHER_PAYMENT = "the approval is of another payment"
    NO_PAGE = "a passkey approves on the page of a node, and the approval names none"
    ORIGIN = "the passkey was asked on a page that is not of the node"
    FRAMED = "the passkey was asked inside a page of somebody else's"
    ASSERTION = "the passkey's assertion does not hold for this approval"
    SIGNATURE = "the signature of the payer's key does not hold"
    OTHER_KEY = "the key is not among the payer's"
    OTHER_MANDATE = "the request is not to be paid from that standing approval"
    MANDATE = "the standing approval does not hold"


class ApprovalInvalid(ValueError):
    """`fault` names what is wrong."""

    def __init__(self, fault: ApprovalFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@unique
class GivenBy(Enum):
    """What makes an approval one."""

    PASSKEY = "passkey"
    KEY = "key"
    MANDATE = "standing approval"


@dataclass(frozen=True, slots=True)
class Given:
    """An approval that holds. `key`: COSE of a passkey, Ed25519 of a key, b"" of a mandate whose
    own approval was not at hand. `origin`: of the page, for a passkey. `granted`: request_hash of
    the request that asked for the standing approval."""

    by: GivenBy
    approval: Approval
    key: bytes = b""
    credential: bytes = b""
    origin: str = ""
    granted: bytes = b""


def check_approved(
    approved: Approved,
    request: PaymentRequest,
    request_hash: bytes,
    amount: int,
    policy: RegistryPolicy = EMPTY_POLICY,
    *,
    keys: Collection[bytes] | None = None,
    granted: Approved | None = None,
) -> Given:
    """That somebody approved just this payment. Raises ApprovalInvalid.

    `amount`: what the payee got, in smallest units; `policy`: that decided. `keys`: the payer's, as
    in Given; None: any key counts, and the caller looks at it. `granted`: the approval of the
    standing one that it is paid from; without it a mandate says no more than which one it was.
    """
    try:
        approval = read_approval(approved.approval)
    except WireFault as fault:
        raise ApprovalInvalid(ApprovalFault.FORM) from fault
    if not approves(approval, request, request_hash, amount, policy):
        raise ApprovalInvalid(ApprovalFault.OTHER_PAYMENT)
    if isinstance(approved.by, bytes):
        return _by_mandate(approved.by, approval, request, granted, keys)
    return _by_key(approved, approval, keys)


def _by_key(approved: Approved, approval: Approval, keys: Collection[bytes] | None) -> Given:
    match approved.by:
        case PasskeyProof() as proof:
            check_assertion(proof, approved.approval, approval.rp_id)
            given = Given(
                GivenBy.PASSKEY, approval, proof.public_key, proof.credential, proof.origin
            )
        case Proof() as proof:
            if not proof.proves(APPROVAL_KIND, approved.approval):
                raise ApprovalInvalid(ApprovalFault.SIGNATURE)
            given = Given(GivenBy.KEY, approval, proof.key)
        case _:
            raise ApprovalInvalid(ApprovalFault.MANDATE)
    if keys is not None and given.key not in keys:
        raise ApprovalInvalid(ApprovalFault.OTHER_KEY)
    return given


def _by_mandate(
    named: bytes,
    approval: Approval,
    request: PaymentRequest,
    granted: Approved | None,
    keys: Collection[bytes] | None,
) -> Given:
    """A standing approval covers what its own request and the caps say; its node keeps count of
    them, so no single payment can prove that it stayed within."""
    if request.under != named:
        raise ApprovalInvalid(ApprovalFault.OTHER_MANDATE)
    if granted is None:
        if keys is not None:
            raise ApprovalInvalid(ApprovalFault.MANDATE)
        return Given(GivenBy.MANDATE, approval, granted=named)
    try:
        standing = read_approval(granted.approval)
    except WireFault as fault:
        raise ApprovalInvalid(ApprovalFault.FORM) from fault
    same = (standing.person, standing.brand) == (approval.person, approval.brand)
    if standing.request_hash != named or not same:
        raise ApprovalInvalid(ApprovalFault.MANDATE)
    by = _by_key(granted, standing, keys)
    return Given(GivenBy.MANDATE, approval, by.key, by.credential, by.origin, named)


def check_assertion(proof: PasskeyProof, approval: bytes, rp_id: str) -> None:
    """That an authenticator signed exactly these Approval bytes on a page of `rp_id`, and knew
    whose finger or code it was. Raises ApprovalInvalid."""
    check_answer(proof, challenge(approval), rp_id)


def check_answer(proof: PasskeyProof, asked: bytes, rp_id: str) -> None:
    """The same for whatever an authenticator was asked to sign: `asked` is the challenge. Raises
    ApprovalInvalid.

    Counters of authenticators are not compared: whoever stores them does (a passkey that is kept in
    several devices has none).
    """
    if not rp_id:
        raise ApprovalInvalid(ApprovalFault.NO_PAGE)
    if not is_page_of(proof.origin, rp_id):
        raise ApprovalInvalid(ApprovalFault.ORIGIN)
    response = AuthenticatorAssertionResponse(
        client_data_json=proof.client_data,
        authenticator_data=proof.authenticator_data,
        signature=proof.signature,
    )
    credential = AuthenticationCredential(
        id=bytes_to_base64url(proof.credential), raw_id=proof.credential, response=response
    )
    try:
        verify_authentication_response(
            credential=credential,
            expected_challenge=asked,
            expected_rp_id=rp_id,
            expected_origin=proof.origin,
            credential_public_key=proof.public_key,
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except MALFORMED as error:
        raise ApprovalInvalid(ApprovalFault.ASSERTION) from error
    # The library verified that it is JSON; it does not look at these fields.
    said = json.loads(proof.client_data)
    if said.get("crossOrigin", False) is not False or "topOrigin" in said:
        raise ApprovalInvalid(ApprovalFault.FRAMED)


def is_page_of(origin: str, rp_id: str) -> bool:
    """Whether a browser shows a passkey of `rp_id` on a page of this origin: https, or this machine
    itself, at the domain or below it."""
    try:
        parts = urlsplit(origin)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if origin != f"{parts.scheme}://{host}" + (f":{port}" if port is not None else ""):
        return False
    local = host == "localhost" or host.endswith(".localhost")
    plain = parts.scheme == "http" and local
    below = host == rp_id or host.endswith("." + rp_id)
    return below and (parts.scheme == "https" or plain)
