"""Payment requests and node cards: what people hand each other (protocol section 8)."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import NOW_US, SECOND, SINGLE, TWO_OF_THREE, digest, signing_key
from proto.card import CARD_PREFIX, NodeCard, read_card, sign_card
from proto.envelope import Envelope
from proto.key_certificate import certify_key, read_key_certificate
from proto.keys import KeyCertificate, KeyPurpose, SealKey, SigningKey
from proto.levels import Level
from proto.limits import (
    MAX_AMOUNT,
    MAX_DESCRIPTION_CHARS,
    MAX_REQUEST_ATTEMPTS,
    MAX_REQUEST_POLICIES,
    PAYEE_MARGIN_US,
)
from proto.money import Brand
from proto.policy import EMPTY_POLICY, RegistryPolicy
from proto.request import (
    REQUEST_KIND,
    REQUEST_PREFIX,
    PaymentRequest,
    from_text,
    read_request,
    request_hash,
    sign_request,
    to_text,
)
from proto.v1 import types_pb2 as pb
from proto.wire import Untimely, WireFault

PAYEE, OTHER = signing_key("payee"), signing_key("other")
SEAL = SealKey(digest("seal"))


def certificate(
    purpose: KeyPurpose = KeyPurpose.SEAL, key: SigningKey = PAYEE, last: int = 2**62
) -> bytes:
    content = KeyCertificate(PAYEE.public, purpose, SEAL.public, 0, last)
    return certify_key(key, content).SerializeToString()


REQUEST = PaymentRequest(
    request_id=b"r" * 16,
    payee=PAYEE.node_id,
    payee_alias="Bea",
    brand=Brand(b"b" * 16, "USD"),
    amount=100_000,
    committer_key=digest("committer"),
    seal_key=SEAL.public,
    seal_certificate=certificate(),
    expires_at_us=NOW_US + 60 * SECOND,
    latest_deadline_us=NOW_US + 30 * SECOND,
    decline_hashes=(digest("d1"), digest("d2")),
    policies=(SINGLE, TWO_OF_THREE),
    last_levels=frozenset({Level.ATOMIC, Level.BARE}),
    description="two loaves — grüße",
    payee_margin_us=3 * SECOND,
)


def read(request: PaymentRequest, key: SigningKey = PAYEE) -> PaymentRequest:
    return read_request(sign_request(key, request), NOW_US)


def altered(change: Callable[[pb.PaymentRequest], object]) -> bytes:
    message = pb.PaymentRequest.FromString(REQUEST.encode())
    change(message)
    return Envelope.seal(PAYEE, REQUEST_KIND, message.SerializeToString()).encode()


def test_a_request_travels() -> None:
    assert read(REQUEST) == REQUEST
    signed = sign_request(PAYEE, REQUEST)
    assert request_hash(signed) == sha256(signed).digest()


def test_a_request_is_a_line_of_text() -> None:
    signed = sign_request(PAYEE, REQUEST)
    text = to_text(signed)
    assert text.startswith(REQUEST_PREFIX)
    assert text.isascii()
    assert not any(c.isspace() or c == "=" for c in text)
    assert from_text(text) == signed
    # Mail programs break lines.
    assert (
        from_text("  " + "\r\n".join(text[i : i + 60] for i in range(0, len(text), 60))) == signed
    )


@pytest.mark.parametrize("text", ["", "pledgeway-card:AAAA", REQUEST_PREFIX + "A", "x" * 10**6])
def test_text_that_is_no_request(text: str) -> None:
    with pytest.raises(WireFault):
        read_request(from_text(text), NOW_US)


@given(st.text(max_size=60))
def test_noise_in_text_is_a_fault(noise: str) -> None:
    with pytest.raises(WireFault):
        read_request(from_text(REQUEST_PREFIX + noise), NOW_US)


def test_an_expired_request_can_be_shown() -> None:
    short = replace(REQUEST, seal_certificate=certificate(last=REQUEST.expires_at_us))
    assert read_request(sign_request(PAYEE, short), NOW_US + 10**15) == short


def test_defaults() -> None:
    plain = replace(
        REQUEST, policies=(), last_levels=frozenset(), decline_hashes=(), description=""
    )
    assert read(plain) == plain
    message = pb.PaymentRequest.FromString(REQUEST.encode())
    message.ClearField("payee_margin_us")
    signed = Envelope.seal(PAYEE, REQUEST_KIND, message.SerializeToString()).encode()
    assert read_request(signed, NOW_US).payee_margin_us == PAYEE_MARGIN_US


LEVELS = [  # policies given, last levels listed, levels taken
    (True, set(), set(Level)),
    (False, set(), {Level.BARE, Level.SECURED}),
    (True, {Level.ATOMIC}, {Level.ATOMIC}),
    (False, {Level.ATOMIC, Level.BARE}, {Level.BARE}),
]


@pytest.mark.parametrize(("policies", "listed", "taken"), LEVELS)
def test_last_levels(policies: bool, listed: set[Level], taken: set[Level]) -> None:
    """V5: without a registry the payee cannot stamp; an empty list restricts nothing."""
    request = replace(
        REQUEST, policies=(SINGLE,) if policies else (), last_levels=frozenset(listed)
    )
    assert {lv for lv in Level if request.takes_level(lv)} == taken


REFUSED: dict[str, Callable[[], bytes]] = {
    "signed by another": lambda: sign_request(OTHER, REQUEST),
    "another kind": lambda: Envelope.seal(PAYEE, "x", REQUEST.encode()).encode(),
    "no message": lambda: Envelope.seal(PAYEE, REQUEST_KIND, b"\xff").encode(),
    "empty": lambda: Envelope.seal(PAYEE, REQUEST_KIND, b"").encode(),
    "version 2": lambda: altered(lambda m: setattr(m, "version", 2)),
    "no amount": lambda: altered(lambda m: setattr(m, "amount", 0)),
    "too large an amount": lambda: altered(lambda m: setattr(m, "amount", MAX_AMOUNT + 1)),
    "short id": lambda: altered(lambda m: setattr(m, "request_id", b"r")),
    "short committer": lambda: altered(lambda m: setattr(m, "committer_key", b"k" * 31)),
    "short decline hash": lambda: altered(lambda m: m.decline_hashes.append(b"d")),
    "too many attempts": lambda: altered(
        lambda m: m.decline_hashes.extend([b"d" * 32] * MAX_REQUEST_ATTEMPTS)
    ),
    "too many policies": lambda: altered(
        lambda m: m.policies.extend([SINGLE.to_message()] * MAX_REQUEST_POLICIES)
    ),
    "empty policy": lambda: altered(lambda m: m.policies.append(EMPTY_POLICY.to_message())),
    "unsafe policy": lambda: altered(
        lambda m: m.policies.append(RegistryPolicy(SINGLE.members, 1, 0).to_message())
    ),
    "unknown level": lambda: altered(lambda m: m.last_levels.append(4)),
    "no brand": lambda: altered(lambda m: m.ClearField("brand")),
    "unprintable description": lambda: altered(lambda m: setattr(m, "description", "1\r2")),
    "unprintable alias": lambda: altered(lambda m: setattr(m, "payee_alias", "a\x1b[1A")),
    "long description": lambda: altered(
        lambda m: setattr(m, "description", "d" * (MAX_DESCRIPTION_CHARS + 1))
    ),
    "long alias": lambda: altered(lambda m: setattr(m, "payee_alias", "a" * 65)),
    "negative margin": lambda: altered(lambda m: setattr(m, "payee_margin_us", -1)),
    "seal key by another": lambda: sign_request(
        PAYEE, replace(REQUEST, seal_certificate=certificate(key=OTHER))
    ),
    "seal key for TLS": lambda: sign_request(
        PAYEE, replace(REQUEST, seal_certificate=certificate(KeyPurpose.TLS))
    ),
    "seal key out of time": lambda: sign_request(
        PAYEE, replace(REQUEST, seal_certificate=certificate(last=NOW_US - 1))
    ),
    "too long": lambda: bytes(8193),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    with pytest.raises(WireFault):
        read_request(REFUSED[name](), NOW_US)


@given(st.integers(0, 10**6))
def test_a_flipped_bit_fails_or_says_the_same(position: int) -> None:
    data = bytearray(sign_request(PAYEE, REQUEST))
    bit = position % (len(data) * 8)
    data[bit // 8] ^= 1 << bit % 8
    try:
        changed = read_request(bytes(data), NOW_US)
    except WireFault:
        return
    assert changed == REQUEST


# ---------------------------------------------------------------- cards

CARD = NodeCard(
    PAYEE.node_id,
    "Bea",
    "localhost:7001",
    SEAL.public,
    certificate(KeyPurpose.TLS),
    certificate(KeyPurpose.SEAL),
)


CERTIFICATES = [
    read_key_certificate(pb.SignedKeyCertificate.FromString(signed))
    for signed in (CARD.tls, CARD.seal)
]


def test_a_card_is_a_line_of_text() -> None:
    text = sign_card(PAYEE, CARD)
    assert text.startswith(CARD_PREFIX)
    assert read_card(text, NOW_US) == CARD
    assert read_card(f"\n {text[:40]}\n{text[40:]}\n", NOW_US) == CARD
    assert read_card(sign_card(PAYEE, replace(CARD, address="")), NOW_US).address == ""


def test_a_card_that_has_been_read_is_timely_or_not_all_the_same() -> None:
    text = sign_card(PAYEE, CARD)
    first_us, last_us = (
        max(c.not_before_us for c in CERTIFICATES),
        min(c.not_after_us for c in CERTIFICATES),
    )
    for _ in range(2):
        assert read_card(text, first_us) == read_card(text, last_us) == CARD
        for at_us in (first_us - 1, last_us + 1):
            with pytest.raises(Untimely):
                read_card(text, at_us)


BAD_CARDS = {
    "by another": lambda: sign_card(OTHER, CARD),
    "no alias": lambda: sign_card(PAYEE, replace(CARD, alias="")),
    "unprintable alias": lambda: sign_card(PAYEE, replace(CARD, alias="B\nea")),
    "unprintable address": lambda: sign_card(PAYEE, replace(CARD, address="host\x1b[2J:1")),
    "long alias": lambda: sign_card(PAYEE, replace(CARD, alias="b" * 65)),
    "long address": lambda: sign_card(PAYEE, replace(CARD, address="b" * 256)),
    "keys exchanged": lambda: sign_card(PAYEE, replace(CARD, tls=CARD.seal, seal=CARD.tls)),
    "a request": lambda: CARD_PREFIX + to_text(sign_request(PAYEE, REQUEST)).split(":")[1],
    "cut": lambda: sign_card(PAYEE, CARD)[:-2],
    "nothing": lambda: "",
    "prefix alone": lambda: CARD_PREFIX,
    "not ASCII": lambda: CARD_PREFIX + "é",
}


@pytest.mark.parametrize("name", BAD_CARDS)
def test_bad_cards(name: str) -> None:
    with pytest.raises(WireFault):
        read_card(BAD_CARDS[name](), NOW_US)
