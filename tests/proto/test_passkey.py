"""Approvals verified again, offline: passkeys, own keys, standing ones, and all that is none."""

import json
from collections.abc import Callable
from dataclasses import replace

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import SINGLE, TWO_OF_THREE, digest
from proto.approval import Approval, Approved, PasskeyProof, sign_approval
from proto.envelope import Proof
from proto.keys import SigningKey
from proto.passkey import (
    ApprovalFault,
    ApprovalInvalid,
    Given,
    GivenBy,
    check_approved,
    check_assertion,
    is_page_of,
)
from proto.request import PaymentRequest, request_hash
from tests.proto import receipts as r

HASH = request_hash(r.signed(r.REQUEST))
GRANTED = digest("the request that asked for a standing approval")
UNDER = replace(r.REQUEST, under=GRANTED)


def check(approved: Approved, request: PaymentRequest = r.REQUEST, **more: object) -> Given:
    hashed = request_hash(r.signed(request))
    return check_approved(approved, request, hashed, 700, SINGLE, **more)  # type: ignore[arg-type]


def fault(approved: Approved, request: PaymentRequest = r.REQUEST, **more: object) -> ApprovalFault:
    with pytest.raises(ApprovalInvalid) as caught:
        check(approved, request, **more)
    return caught.value.fault


def by_key(approval: Approval = r.APPROVAL, key: SigningKey = r.PAYER) -> Approved:
    return sign_approval(key, approval)


def test_a_passkey_approves() -> None:
    given_ = check(r.by_passkey())
    assert given_.by is GivenBy.PASSKEY and given_.origin == r.ORIGIN
    assert given_.key == r.cose(r.authenticator()) and given_.approval == r.APPROVAL
    assert check(r.by_passkey(), keys={given_.key}) == given_
    other = r.cose(r.authenticator("stolen"))
    assert fault(r.by_passkey(), keys={other}) is ApprovalFault.OTHER_KEY


def test_the_payers_own_key_approves() -> None:
    approved = by_key(replace(r.APPROVAL, rp_id=""))
    assert check(approved, keys=[r.PAYER.public]).by is GivenBy.KEY
    assert fault(approved, keys=[r.SHOP.public]) is ApprovalFault.OTHER_KEY
    proof = approved.by
    assert isinstance(proof, Proof)
    broken = Approved(approved.approval, replace(proof, signature=bytes(64)))
    assert fault(broken) is ApprovalFault.SIGNATURE


CHANGED: dict[str, object] = {
    "person": digest("bob")[:16],
    "total_debit_max": 706,
    "fee_max": 4,
    "first_levels": frozenset({r.Level.BARE}),
    "policies": (),
    "valid_until_us": r.APPROVAL.valid_until_us + 1,
    "approval_id": digest("x")[:16],
    "attempts_max": 4,
    "request_hash": digest("x"),
    "brand": digest("x")[:16],
}


@pytest.mark.parametrize("name", CHANGED)
@pytest.mark.parametrize("made", [r.by_passkey, by_key])
def test_every_field_of_an_approval_flipped_is_rejected(
    name: str, made: Callable[[], Approved]
) -> None:
    changed = replace(r.APPROVAL, **{name: CHANGED[name]})  # type: ignore[arg-type]
    assert fault(Approved(changed.encode(), made().by))


def test_the_page_is_of_the_node() -> None:
    changed = replace(r.APPROVAL, rp_id="evil.example").encode()
    assert fault(Approved(changed, r.by_passkey().by)) is ApprovalFault.ORIGIN
    assert fault(r.by_passkey(origin="https://evil.example")) is ApprovalFault.ORIGIN
    assert fault(r.by_passkey(rp_id="evil.example")) is ApprovalFault.ASSERTION
    nowhere = replace(r.APPROVAL, rp_id="")
    assert fault(r.by_passkey(nowhere)) is ApprovalFault.NO_PAGE


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"flags": r.PRESENT}, ApprovalFault.ASSERTION),
        ({"flags": r.VERIFIED}, ApprovalFault.ASSERTION),
        ({"type": "webauthn.create"}, ApprovalFault.ASSERTION),
        ({"challenge": "AAAA"}, ApprovalFault.ASSERTION),
        ({"challenge": 5}, ApprovalFault.ASSERTION),
        ({"origin": "https://bank.example:x"}, ApprovalFault.ORIGIN),
        ({"crossOrigin": True}, ApprovalFault.FRAMED),
        ({"crossOrigin": "yes"}, ApprovalFault.FRAMED),
        ({"topOrigin": "https://evil.example"}, ApprovalFault.FRAMED),
    ],
)
def test_what_an_authenticator_did_not_say_is_no_approval(
    how: dict[str, object], expected: ApprovalFault
) -> None:
    assert fault(r.by_passkey(**how)) is expected


def test_another_payments_assertion_is_none() -> None:
    other = r.assertion(replace(r.APPROVAL, approval_id=digest("x")[:16]).encode())
    assert fault(Approved(r.APPROVAL.encode(), other)) is ApprovalFault.ASSERTION


def _proof() -> PasskeyProof:
    proof = r.by_passkey().by
    assert isinstance(proof, PasskeyProof)
    return proof


def with_part(part: str, data: bytes) -> PasskeyProof:
    return replace(_proof(), **{part: data})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "key",
    [
        b"",
        b"\x04",
        b"\x04" + bytes(64),
        b"\xff" * 70,
        b"\x81" * 4000,
        cbor2.dumps([1, 2]),
        cbor2.dumps(5),
        cbor2.dumps({}),
        cbor2.dumps({1: 2, 3: -7, -1: 1, -2: 5, -3: 5}),
        cbor2.dumps({1: 2, 3: -7, -1: 1, -2: b"", -3: b""}),
        cbor2.dumps({1: 2, 3: -7, -1: [1], -2: bytes(32), -3: bytes(32)}),
        cbor2.dumps({1: 2, 3: "x", -1: 1, -2: bytes(32), -3: bytes(32)}),
        cbor2.dumps({1: [2], 3: -7}),
        cbor2.dumps({1: 1, 3: -8, -1: 6, -2: bytes(32)}),
        cbor2.dumps({1: 1, 3: -8, -1: 6, -2: "text"}),
        cbor2.dumps({1: 3, 3: -257, -1: b"\xff" * 3000, -2: b"\xff" * 900}),
        cbor2.dumps({1: 3, 3: 99, -1: b"\xff" * 256, -2: b"\x01\x00\x01"}),
    ],
)
def test_a_key_that_is_none_is_a_named_fault(key: bytes) -> None:
    proof = replace(_proof(), public_key=key)
    assert fault(Approved(r.APPROVAL.encode(), proof)) is ApprovalFault.ASSERTION


@given(st.sampled_from(["public_key", "authenticator_data", "client_data", "signature"]), st.data())
def test_every_byte_of_a_passkeys_proof_flipped_is_rejected(part: str, data: st.DataObject) -> None:
    proof = _proof()
    whole: bytes = getattr(proof, part)
    at = data.draw(st.integers(0, len(whole) - 1))
    bit = data.draw(st.integers(0, 7))
    flipped = whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :]
    with pytest.raises(ApprovalInvalid):
        check_assertion(with_part(part, flipped), r.APPROVAL.encode(), r.RP_ID)


@given(st.sampled_from(["public_key", "authenticator_data", "client_data"]), st.binary())
def test_whatever_stands_there_it_is_a_named_fault(part: str, junk: bytes) -> None:
    with pytest.raises(ApprovalInvalid):
        check_assertion(with_part(part, junk), r.APPROVAL.encode(), r.RP_ID)


NAMES = st.sampled_from(["type", "challenge", "origin", "crossOrigin", "tokenBinding"])
JSON = st.recursive(
    st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(NAMES, x)
)


@given(JSON)
def test_whatever_the_client_data_say_it_is_a_named_fault(said: object) -> None:
    proof = replace(_proof(), client_data=json.dumps(said).encode())
    with pytest.raises(ApprovalInvalid):
        check_assertion(proof, r.APPROVAL.encode(), r.RP_ID)


# ---------------------------------------------------------------- standing approvals


def standing() -> Approval:
    return replace(r.APPROVAL, request_hash=GRANTED)


def by_mandate(named: bytes = GRANTED) -> Approved:
    hashed = request_hash(r.signed(UNDER))
    return Approved(replace(r.APPROVAL, request_hash=hashed).encode(), named)


def test_a_standing_approval_is_named_by_the_request() -> None:
    found = check(by_mandate(), UNDER)
    assert found.by is GivenBy.MANDATE and found.granted == GRANTED and not found.key
    assert fault(by_mandate(digest("x")), UNDER) is ApprovalFault.OTHER_MANDATE
    assert fault(by_mandate(), UNDER, keys=[r.PAYER.public]) is ApprovalFault.MANDATE


def test_a_standing_approval_is_as_good_as_what_granted_it() -> None:
    for granted in (r.by_passkey(standing()), by_key(standing())):
        assert check(by_mandate(), UNDER, granted=granted).key
    assert fault(by_mandate(), UNDER, granted=r.by_passkey()) is ApprovalFault.MANDATE
    others = replace(standing(), person=digest("bob")[:16])
    assert fault(by_mandate(), UNDER, granted=r.by_passkey(others)) is ApprovalFault.MANDATE
    mandate = Approved(standing().encode(), GRANTED)
    assert fault(by_mandate(), UNDER, granted=mandate) is ApprovalFault.MANDATE
    assert fault(by_mandate(), UNDER, granted=Approved(b"\xff", GRANTED)) is ApprovalFault.FORM


def test_it_is_of_this_amount_and_these_registries() -> None:
    for amount, policy in ((699, SINGLE), (706, SINGLE), (700, TWO_OF_THREE)):
        with pytest.raises(ApprovalInvalid) as caught:
            check_approved(r.by_passkey(), r.REQUEST, HASH, amount, policy)
        assert caught.value.fault is ApprovalFault.OTHER_PAYMENT


def test_what_cannot_be_read_is_no_approval() -> None:
    assert fault(Approved(b"\xff", GRANTED)) is ApprovalFault.FORM


@pytest.mark.parametrize(
    ("origin", "of"),
    [
        ("https://bank.example", True),
        ("https://pay.bank.example", True),
        ("https://bank.example:8443", True),
        ("http://bank.example", False),
        ("https://evilbank.example", False),
        ("https://bank.example.evil.org", False),
        ("https://bank.example/", False),
        ("https://x@bank.example", False),
        ("HTTPS://bank.example", False),
        ("https://bank.example:99999", False),
        ("https://[::1", False),
        ("", False),
    ],
)
def test_pages_of_a_node(origin: str, of: bool) -> None:
    assert is_page_of(origin, "bank.example") is of


def test_a_page_on_this_machine_needs_no_certificate() -> None:
    assert is_page_of("http://bank.localhost:8080", "bank.localhost")
    assert is_page_of("http://localhost", "localhost")
    assert not is_page_of("http://localhost.example", "localhost.example")


def test_the_fixed_hash_is_of_the_request() -> None:
    assert r.APPROVAL.request_hash == HASH
