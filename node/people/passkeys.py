"""Passkeys of people: what a browser is asked (WebAuthn), and what its answer says. Pure.

The WebAuthn library reads and verifies; here it is told what must hold: our own origin and domain,
a person who was there and verified by the device, and a credential that this person still has.
"""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, unique
from typing import Any, Final

from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_registration_response,
)
from webauthn.helpers import (
    bytes_to_base64url,
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    parse_attestation_object,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from node.core.keyed import replace
from node.core.people.rows import Credential, CredentialKind, Person
from proto.approval import PasskeyProof, challenge
from proto.passkey import MALFORMED, ApprovalInvalid, check_answer

ANSWER_US: Final = 600_000_000  # a person has to find the key that lies in another room
MAX_ANSWER_CHARS: Final = 16 * 1024  # one with an attestation of several certificates has some 8 KB
MAX_ID_BYTES: Final = 1023  # WebAuthn section 4, credential id
MAX_KEY_BYTES: Final = 1024  # RSA of 4096 bits has 530
MAX_LABEL_CHARS: Final = 40
# Ed25519, and the two that every authenticator has (browsers warn where they are not offered).
ALGORITHMS: Final = (
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
)
# Browsers put the first in place of all others; the second comes from those that name no maker.
FORMATS: Final = ("none", "packed")
BASE64URL: Final = re.compile(r"[A-Za-z0-9_-]*={0,2}")
UNREADABLE: Final = (*MALFORMED, AttributeError, ArithmeticError, RecursionError)
VERIFIED: Final = 0x04  # flag UV of authenticator data, which is at byte 32
FLAGS_AT: Final = 32
COUNT_AT: Final = slice(33, 37)


@unique
class PasskeyFault(Enum):
    """Why an answer is not taken, as its person is told."""

    FORM = "what the passkey answered cannot be read"
    KIND = "this kind of passkey is not known here"
    LATE = "that was asked too long ago: it is asked anew now"
    REFUSED = "the passkey's answer is not to what was asked here just now"
    UNVERIFIED = "the device did not check that it is you: give it a PIN or a screen lock first"
    UNKNOWN = "this passkey opens no account here, or was ended"
    COPIED = "this passkey counts backwards, as a copy of it would: end it, and make a new one"
    KNOWN_ALREADY = "this passkey is among yours already"


class PasskeyRefused(ValueError):
    """`fault` names what is wrong."""

    def __init__(self, fault: PasskeyFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Site:
    """What passkeys are bound to: `rp_id`, the host; `origin`, where its pages are; `name`, how a
    browser's dialogue calls it."""

    rp_id: str
    origin: str
    name: str


@dataclass(frozen=True, slots=True)
class Answer:
    """An assertion as it came, not verified. `person`: whom it says it is of; empty: nobody."""

    credential: bytes
    person: bytes
    client_data: bytes
    authenticator_data: bytes
    signature: bytes


def creation_options(site: Site, person: Person, asked: bytes, has: Iterable[Credential]) -> str:
    """JSON by which a browser makes a passkey for this person, on a device without one of his."""
    return options_to_json(
        generate_registration_options(
            rp_id=site.rp_id,
            rp_name=site.name,
            user_name=person.name,
            user_id=person.id,
            user_display_name=person.display,
            challenge=asked,
            timeout=ANSWER_US // 1000,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                require_resident_key=True,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=[PublicKeyCredentialDescriptor(id=c.id) for c in live(has)],
            supported_pub_key_algs=list(ALGORITHMS),
        )
    )


def request_options(site: Site, asked: bytes, of: Iterable[Credential] = ()) -> str:
    """JSON by which a browser signs `asked` with one of these; without any, with one that the
    person chooses."""
    return options_to_json(
        generate_authentication_options(
            rp_id=site.rp_id,
            challenge=asked,
            timeout=ANSWER_US // 1000,
            allow_credentials=[PublicKeyCredentialDescriptor(id=c.id) for c in live(of)],
            user_verification=UserVerificationRequirement.REQUIRED,
        )
    )


def live(credentials: Iterable[Credential]) -> list[Credential]:
    """The passkeys among them that were not ended, oldest first."""
    passkeys = (c for c in credentials if c.kind is CredentialKind.PASSKEY and not c.ended_at_us)
    return sorted(passkeys, key=lambda c: (c.created_at_us, c.id))


def able(credentials: Iterable[Credential], now_us: int) -> list[Credential]:
    """The live passkeys among them that may approve."""
    return [c for c in live(credentials) if not c.rest_us(now_us)]


def resting(credentials: Iterable[Credential], now_us: int) -> list[Credential]:
    """The live passkeys among them that came by a recovery code, and approve nothing yet."""
    return [c for c in live(credentials) if c.rest_us(now_us)]


def read_creation(site: Site, asked: bytes, text: str, person: bytes, now_us: int) -> Credential:
    """A passkey that a browser has just made on our page, as a row. Raises PasskeyRefused."""
    words = _words(text)
    attestation = _bytes(_response(words), "attestationObject")
    try:
        if parse_attestation_object(attestation).fmt not in FORMATS:
            raise PasskeyRefused(PasskeyFault.KIND)
        made = verify_registration_response(
            credential=words,
            expected_challenge=asked,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            supported_pub_key_algs=list(ALGORITHMS),
        )
        # What cannot verify anything later must not become the only way in.
        decoded_public_key_to_cryptography(decode_credential_public_key(made.credential_public_key))
    except PasskeyRefused:
        raise
    except UNREADABLE as error:
        raise PasskeyRefused(PasskeyFault.REFUSED) from error
    if not made.user_verified:
        raise PasskeyRefused(PasskeyFault.UNVERIFIED)
    _refuse_framed(_bytes(_response(words), "clientDataJSON"))
    too_long = len(made.credential_public_key) > MAX_KEY_BYTES
    if too_long or not 0 < len(made.credential_id) <= MAX_ID_BYTES:
        raise PasskeyRefused(PasskeyFault.KIND)
    if words["id"].rstrip("=") != bytes_to_base64url(made.credential_id):
        raise PasskeyRefused(PasskeyFault.REFUSED)
    return Credential(
        person=person,
        id=made.credential_id,
        kind=CredentialKind.PASSKEY,
        public_key=made.credential_public_key,
        label="",
        created_at_us=now_us,
        sign_count=made.sign_count,
    )


def read_answer(text: str) -> Answer:
    """An assertion as a browser sends it (WebAuthn section 5.1: toJSON). Raises PasskeyRefused."""
    words = _words(text)
    response = _response(words)
    handle = response.get("userHandle")
    return Answer(
        credential=_bytes(words, "rawId"),
        person=b"" if handle is None else _bytes(response, "userHandle"),
        client_data=_bytes(response, "clientDataJSON"),
        authenticator_data=_bytes(response, "authenticatorData"),
        signature=_bytes(response, "signature"),
    )


def verify_answer(
    site: Site, asked: bytes, answer: Answer, credentials: Iterable[Credential], now_us: int
) -> tuple[PasskeyProof, Credential]:
    """The proof that one of these passkeys signed `asked`, and its row as it is from now on.

    Raises PasskeyRefused: also where its counter did not grow, unless it has none.
    """
    found = next((c for c in live(credentials) if c.id == answer.credential), None)
    if found is None or answer.person not in (b"", found.person):
        raise PasskeyRefused(PasskeyFault.UNKNOWN)
    flags = answer.authenticator_data[FLAGS_AT : FLAGS_AT + 1]
    if flags and not flags[0] & VERIFIED:
        raise PasskeyRefused(PasskeyFault.UNVERIFIED)
    proof = PasskeyProof(
        credential=found.id,
        public_key=found.public_key,
        authenticator_data=answer.authenticator_data,
        client_data=answer.client_data,
        signature=answer.signature,
        origin=site.origin,
    )
    try:
        check_answer(proof, asked, site.rp_id)
    except (ApprovalInvalid, *UNREADABLE) as error:
        raise PasskeyRefused(PasskeyFault.REFUSED) from error
    count = int.from_bytes(answer.authenticator_data[COUNT_AT], "big")
    if (count or found.sign_count) and count <= found.sign_count:
        raise PasskeyRefused(PasskeyFault.COPIED)
    return proof, replace(found, sign_count=count, used_at_us=now_us)


def verify_approval(
    site: Site, approval: bytes, text: str, credentials: Iterable[Credential], now_us: int
) -> tuple[PasskeyProof, Credential]:
    """The proof that this person approved exactly these Approval bytes on our page, and the
    passkey's row from now on. Raises PasskeyRefused."""
    return verify_answer(site, challenge(approval), read_answer(text), credentials, now_us)


def _words(text: str) -> dict[str, Any]:
    if len(text) > MAX_ANSWER_CHARS:
        raise PasskeyRefused(PasskeyFault.FORM)
    try:
        words = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PasskeyRefused(PasskeyFault.FORM) from error
    if not isinstance(words, dict) or not isinstance(words.get("id"), str):
        raise PasskeyRefused(PasskeyFault.FORM)
    if words["id"] != words.get("rawId") or words.get("type") != "public-key":
        raise PasskeyRefused(PasskeyFault.FORM)
    return words


def _response(words: Mapping[str, Any]) -> dict[str, Any]:
    found = words.get("response")
    if not isinstance(found, dict):
        raise PasskeyRefused(PasskeyFault.FORM)
    return found


def _bytes(words: Mapping[str, Any], name: str) -> bytes:
    """Base64url, which the decoder of the standard library would not insist on."""
    text = words.get(name)
    if not isinstance(text, str) or not BASE64URL.fullmatch(text):
        raise PasskeyRefused(PasskeyFault.FORM)
    try:
        return urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    except ValueError as error:
        raise PasskeyRefused(PasskeyFault.FORM) from error


def _refuse_framed(client_data: bytes) -> None:
    """The library has read it; it does not look at where the page was shown."""
    said = json.loads(client_data)
    if said.get("crossOrigin", False) is not False or "topOrigin" in said:
        raise PasskeyRefused(PasskeyFault.REFUSED)
