"""Passkeys without a page: approvals over exact bytes, with every byte of them flipped."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from node.command.browsing.authenticator import Authenticator, Key, bytes_of, text_of
from node.core.keyed import replace
from node.core.people.rows import Credential, CredentialKind, Person, PersonPhase, person_id
from node.people.passkeys import (
    PasskeyFault,
    PasskeyRefused,
    Site,
    creation_options,
    read_creation,
    request_options,
    verify_approval,
)
from proto.approval import challenge
from tests.proto.receipts import APPROVAL

SITE = Site("bank.example", "https://bank.example", "Bank")
BIANCA = Person(person_id("bianca"), "bianca", "Bianca", PersonPhase.ACTIVE, 1)
ASKED = sha256(b"asked").digest()
BYTES = APPROVAL.encode()
NOW_US = 1_000_000


def rsa_key() -> Key:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Hers:
    """An authenticator with a passkey, and the row of it."""

    device: Authenticator
    row: Credential

    def approves(self, approval: bytes = BYTES, **lies: Any) -> str:
        return self.device.get(request_options(SITE, challenge(approval), [self.row]), **lies)

    def fault(self, text: str, approval: bytes = BYTES) -> PasskeyFault:
        with pytest.raises(PasskeyRefused) as caught:
            verify_approval(SITE, approval, text, [self.row], NOW_US)
        return caught.value.fault


@pytest.fixture
def hers() -> Hers:
    device = Authenticator(SITE.origin)
    made = device.create(creation_options(SITE, BIANCA, ASKED, []))
    return Hers(device, read_creation(SITE, ASKED, made, BIANCA.id, NOW_US))


def test_options_ask_for_what_is_needed(hers: Hers) -> None:
    asked = json.loads(creation_options(SITE, BIANCA, ASKED, [hers.row]))
    assert asked["authenticatorSelection"]["residentKey"] == "required"
    assert asked["authenticatorSelection"]["userVerification"] == "required"
    assert [p["alg"] for p in asked["pubKeyCredParams"]] == [-8, -7, -257]
    assert [bytes_of(c["id"]) for c in asked["excludeCredentials"]] == [hers.row.id]
    assert asked["attestation"] == "none" and bytes_of(asked["user"]["id"]) == BIANCA.id
    ended = replace(hers.row, ended_at_us=1)
    asked = json.loads(request_options(SITE, ASKED, [ended]))
    assert asked["allowCredentials"] == [] and asked["userVerification"] == "required"


def test_an_approval_is_proven(hers: Hers) -> None:
    proof, used = verify_approval(SITE, BYTES, hers.approves(), [hers.row], NOW_US + 5)
    assert (proof.credential, proof.public_key) == (hers.row.id, hers.row.public_key)
    assert proof.origin == SITE.origin
    assert (used.sign_count, used.used_at_us) == (1, NOW_US + 5)


@pytest.mark.parametrize("kind", [ed25519.Ed25519PrivateKey.generate, rsa_key])
def test_every_kind_that_is_offered_works(kind: Callable[[], Key]) -> None:
    device, key = Authenticator(SITE.origin), kind()
    made = device.create(creation_options(SITE, BIANCA, ASKED, []), key=key)
    row = read_creation(SITE, ASKED, made, BIANCA.id, NOW_US)
    text = device.get(request_options(SITE, challenge(BYTES), [row]))
    proof, _ = verify_approval(SITE, BYTES, text, [row], NOW_US)
    assert proof.public_key == row.public_key == device.passkeys[0].cose


def test_another_kind_is_refused() -> None:
    """ES384, which nobody asked for."""
    device = Authenticator(SITE.origin)
    numbers = ec.derive_private_key(7, ec.SECP384R1()).public_key().public_numbers()
    x, y = (n.to_bytes(48, "big") for n in (numbers.x, numbers.y))
    public = cbor2.dumps({1: 2, 3: -35, -1: 2, -2: x, -3: y})
    made = device.create(creation_options(SITE, BIANCA, ASKED, []), public_key=public)
    with pytest.raises(PasskeyRefused) as caught:
        read_creation(SITE, ASKED, made, BIANCA.id, NOW_US)
    assert caught.value.fault is PasskeyFault.REFUSED


def test_no_other_bytes_are_approved(hers: Hers) -> None:
    """The amount, the payee, the fee: whatever is changed after the person looked."""
    text = hers.approves()
    for at in range(len(BYTES)):
        changed = bytearray(BYTES)
        changed[at] ^= 1
        assert hers.fault(text, bytes(changed)) is PasskeyFault.REFUSED


@pytest.mark.parametrize("name", ["clientDataJSON", "authenticatorData", "signature"])
def test_no_byte_of_an_answer_can_be_changed(hers: Hers, name: str) -> None:
    words = json.loads(hers.approves())
    whole = bytes_of(words["response"][name])
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 4
        words["response"][name] = text_of(bytes(changed))
        assert hers.fault(json.dumps(words)) in (
            PasskeyFault.REFUSED,
            PasskeyFault.UNVERIFIED,
        )
    for short in (b"", whole[:-1], whole[:36]):
        words["response"][name] = text_of(short)
        hers.fault(json.dumps(words))


def test_a_counter_that_does_not_grow_is_a_copys(hers: Hers) -> None:
    hers.row = replace(hers.row, sign_count=5)
    for count in (0, 1, 5):
        assert hers.fault(hers.approves(count=count)) is PasskeyFault.COPIED
    _, used = verify_approval(SITE, BYTES, hers.approves(count=6), [hers.row], NOW_US)
    assert used.sign_count == 6
    none = replace(hers.row, sign_count=0)
    _, used = verify_approval(SITE, BYTES, hers.approves(count=0), [none], NOW_US)
    assert used.sign_count == 0, "many have no counter"


def test_only_a_live_passkey_of_hers(hers: Hers) -> None:
    text = hers.approves()
    key = replace(hers.row, kind=CredentialKind.KEY)
    for row in (replace(hers.row, ended_at_us=1), key):
        hers.row = row
        assert hers.fault(text) is PasskeyFault.UNKNOWN


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"id": "AAAA"}, PasskeyFault.FORM),
        ({"id": "AAAA", "rawId": "AAAA"}, PasskeyFault.UNKNOWN),
        ({"type": "password"}, PasskeyFault.FORM),
        ({"response": None}, PasskeyFault.FORM),
        ({"response": {}}, PasskeyFault.FORM),
        ({"response": {"clientDataJSON": "!"}}, PasskeyFault.FORM),
        ({"response": {"clientDataJSON": 5}}, PasskeyFault.FORM),
    ],
)
def test_an_envelope_of_another_form(
    hers: Hers, change: dict[str, object], fault: PasskeyFault
) -> None:
    words = json.loads(hers.approves()) | change
    assert hers.fault(json.dumps(words)) is fault


def test_no_byte_of_an_attestation_breaks_the_reader(hers: Hers) -> None:
    """Whatever somebody sends is a passkey or refused: nothing else is raised."""
    made = hers.device.create(creation_options(SITE, BIANCA, ASKED, []))
    words = json.loads(made)
    whole = bytes_of(words["response"]["attestationObject"])
    refused = 0
    for at in range(len(whole)):
        for flip in (0x01, 0x20, 0x80, 0xFF):
            changed = bytearray(whole)
            changed[at] ^= flip
            words["response"]["attestationObject"] = text_of(bytes(changed))
            try:
                read_creation(SITE, ASKED, json.dumps(words), BIANCA.id, NOW_US)
            except PasskeyRefused:
                refused += 1
    assert refused > 3 * len(whole), "but for the AAGUID and the counter"
