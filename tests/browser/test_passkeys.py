"""Browser, authenticator and the library that judges: what is honest passes, no lie does."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from node.command.browsing.passkeys import Authenticator
from node.command.browsing.window import Browser
from tests.browser.two_sites import Sites

pytestmark = [pytest.mark.edge, pytest.mark.browser]

RP: Final = "bank.localhost"
CHALLENGE: Final = bytes(range(32))
CEREMONY: Final = """
const [what, options, done] = arguments;
const read = { create: "parseCreationOptionsFromJSON", get: "parseRequestOptionsFromJSON" }[what];
navigator.credentials[what]({ publicKey: PublicKeyCredential[read](options) })
  .then((made) => done(made.toJSON()), (fault) => done(String(fault)));
"""


class Person:
    """Somebody with one passkey at the bank, and the bank's side of it."""

    def __init__(self, window: Browser, keys: Authenticator, origin: str) -> None:
        self.window, self.keys, self.origin = window, keys, origin
        options = generate_registration_options(
            rp_id=RP,
            rp_name="A bank",
            user_name="bianca",
            user_id=bytes([1]) * 16,
            challenge=CHALLENGE,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            supported_pub_key_algs=[
                COSEAlgorithmIdentifier.EDDSA,
                COSEAlgorithmIdentifier.ECDSA_SHA_256,
                COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
            ],
        )
        self.known = verify_registration_response(
            credential=self._asked("create", json.loads(options_to_json(options))),
            expected_challenge=CHALLENGE,
            expected_rp_id=RP,
            expected_origin=origin,
            require_user_verification=True,
        )

    def signed(self, challenge: bytes) -> Any:
        options = generate_authentication_options(
            rp_id=RP,
            challenge=challenge,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return self._asked("get", json.loads(options_to_json(options)))

    def judged(self, answer: Any, challenge: bytes, origin: str = "") -> VerifiedAuthentication:
        return verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=RP,
            expected_origin=origin or self.origin,
            credential_public_key=self.known.credential_public_key,
            credential_current_sign_count=self.known.sign_count,
            require_user_verification=True,
        )

    def _asked(self, what: str, options: dict[str, Any]) -> Any:
        answer = self.window.run_later(CEREMONY, what, options)
        assert isinstance(answer, dict), answer
        return answer


@contextmanager
def person(window: Browser, sites: Sites) -> Iterator[Person]:
    window.open(sites.bank)
    with window.passkeys() as keys:
        yield Person(window, keys, sites.bank)


def test_an_honest_passkey_signs_what_it_was_asked(visitor: Browser, sites: Sites) -> None:
    with person(visitor, sites) as bianca:
        verified = bianca.judged(bianca.signed(CHALLENGE[::-1]), CHALLENGE[::-1])
        assert verified.user_verified
        assert verified.new_sign_count > bianca.known.sign_count
        assert verified.credential_id == bianca.keys.credentials()[0].credential_id


@pytest.mark.parametrize("lie", ["signature", "verified", "present"])
def test_a_passkey_that_lies_is_refused(visitor: Browser, sites: Sites, lie: str) -> None:
    with person(visitor, sites) as bianca:
        bianca.keys.lies(**{lie: True})
        told = bianca.signed(CHALLENGE)
        with pytest.raises(WebAuthnException):
            bianca.judged(told, CHALLENGE)
        bianca.keys.lies()
        assert bianca.judged(bianca.signed(CHALLENGE), CHALLENGE).user_verified


def test_another_challenge_or_origin_is_refused(visitor: Browser, sites: Sites) -> None:
    with person(visitor, sites) as bianca:
        told = bianca.signed(CHALLENGE)
        with pytest.raises(WebAuthnException, match="challenge"):
            bianca.judged(told, CHALLENGE[::-1])
        with pytest.raises(WebAuthnException, match="origin"):
            bianca.judged(told, CHALLENGE, sites.shop)
        with pytest.raises(WebAuthnException, match="origin"):
            bianca.judged(told, CHALLENGE, "http://bank.localhost")
