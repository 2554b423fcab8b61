"""The sealed hand-over: who can open what, and what is refused by name."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from node.sale.handover import (
    SIZES,
    SealFault,
    Unsealable,
    check_resealed,
    check_said,
    credential_fault,
    key_hash,
    open_credential,
    open_handed_over,
    reseal,
    seal_credential,
    sealed_hash,
)
from node.sale.vault import BoxKey
from proto.sale.handover import HandedOver
from proto.sale.letters import MAX_CREDENTIAL_BYTES, MAX_SEALED_BYTES
from tests.node.sale.nowhere import found_in

SALE, OTHER_SALE = b"s" * 16, b"t" * 16
SELLER, AGENT, BUYER, STRANGER = (BoxKey(bytes([i]) * 32) for i in range(1, 5))
KEY, FRESH = b"K" * 32, b"f" * 32
CREDENTIAL = b"user sally, password correct-horse-battery"
HANDED = seal_credential(CREDENTIAL, SALE, SELLER, AGENT.public, FRESH)
RESEALED = reseal(CREDENTIAL, SALE, AGENT, BUYER.public, KEY, FRESH)


def refused(do: Callable[[], object]) -> SealFault:
    """Why it is; a cause that can be shown in one line."""
    with pytest.raises(Unsealable) as caught:
        do()
    assert str(caught.value).isprintable()
    return caught.value.why


def test_all_the_way() -> None:
    received = open_credential(HANDED, SALE, AGENT, SELLER.public)
    assert received == CREDENTIAL
    changed = received.replace(b"horse", b"zebra")
    sealed = reseal(changed, SALE, AGENT, BUYER.public, KEY, FRESH)
    check_resealed(sealed, SALE, BUYER, AGENT.public, sha256(KEY).digest())
    assert open_handed_over(sealed, SALE, BUYER, AGENT.public, KEY) == changed


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=MAX_CREDENTIAL_BYTES), st.binary(min_size=32, max_size=32))
def test_any_credential_comes_back_and_fits_into_its_letter(credential: bytes, key: bytes) -> None:
    handed = seal_credential(credential, SALE, SELLER, AGENT.public, key)
    resealed = reseal(credential, SALE, AGENT, BUYER.public, key, FRESH)
    assert open_credential(handed, SALE, AGENT, SELLER.public) == credential
    assert open_handed_over(resealed, SALE, BUYER, AGENT.public, key) == credential
    assert max(len(handed), len(resealed)) <= MAX_SEALED_BYTES


@pytest.mark.parametrize("end", [b"\0", b"\0\0\0", b"\n", b"\0x"])
def test_a_credential_may_end_like_padding(end: bytes) -> None:
    for credential in (end, b"a" + end, b"a" * 511 + end):
        handed = seal_credential(credential, SALE, SELLER, AGENT.public, FRESH)
        assert open_credential(handed, SALE, AGENT, SELLER.public) == credential


def test_lengths_say_little() -> None:
    lengths = {
        len(seal_credential(b"x" * n, SALE, SELLER, AGENT.public, FRESH))
        for n in range(1, MAX_CREDENTIAL_BYTES + 1, 61)
    }
    assert len(lengths) == len(SIZES)
    largest = b"x" * MAX_CREDENTIAL_BYTES
    assert len(reseal(largest, SALE, AGENT, BUYER.public, KEY, FRESH)) <= MAX_SEALED_BYTES


@pytest.mark.parametrize(
    ("credential", "said"),
    [(b"", "empty"), (b"x" * (MAX_CREDENTIAL_BYTES + 1), "at most 8192 bytes, not 8193")],
)
def test_what_cannot_be_handed_over(credential: bytes, said: str) -> None:
    assert said in credential_fault(credential)
    with pytest.raises(ValueError, match=said):
        seal_credential(credential, SALE, SELLER, AGENT.public, FRESH)
    assert credential_fault(b"x" * MAX_CREDENTIAL_BYTES) == ""


# ---------------------------------------------------------------- who can open what


@pytest.mark.parametrize(("mine", "theirs"), [(BUYER, SELLER), (STRANGER, SELLER), (AGENT, BUYER)])
def test_only_the_agent_opens_what_the_seller_sealed(mine: BoxKey, theirs: BoxKey) -> None:
    assert refused(lambda: open_credential(HANDED, SALE, mine, theirs.public)) is (
        SealFault.NOT_OPENED
    )


@pytest.mark.parametrize("mine", [SELLER, STRANGER])
def test_k_alone_opens_nothing(mine: BoxKey) -> None:
    assert refused(lambda: open_handed_over(RESEALED, SALE, mine, AGENT.public, KEY)) is (
        SealFault.NOT_OPENED
    )
    with pytest.raises(CryptoError):
        SecretBox(KEY).decrypt(RESEALED)


def test_the_buyers_box_alone_opens_nothing() -> None:
    """He gets at a layer that is under K, and at nothing of the credential."""
    layer = BUYER.box(AGENT.public).decrypt(RESEALED)
    assert not found_in(CREDENTIAL, layer)
    inner = layer[1 + 16 + 32 :]
    for key in (bytes(32), key_hash(KEY), SALE * 2):
        with pytest.raises(CryptoError):
            SecretBox(key).decrypt(inner)
    wrong = bytes([KEY[0] ^ 1]) + KEY[1:]
    assert refused(lambda: open_handed_over(RESEALED, SALE, BUYER, AGENT.public, wrong)) is (
        SealFault.OTHER_LOCK
    )


def test_nothing_of_it_travels_in_the_clear() -> None:
    for sealed in (HANDED, RESEALED):
        for secret in (CREDENTIAL, KEY, SALE):
            assert not found_in(secret, sealed)


# ---------------------------------------------------------------- replay, swap, foreign


def test_a_sealed_credential_of_one_sale_is_none_of_another() -> None:
    """Even between the same keys, which no two sales have."""
    assert refused(lambda: open_credential(HANDED, OTHER_SALE, AGENT, SELLER.public)) is (
        SealFault.OTHER_SALE
    )
    for do in (
        lambda: open_handed_over(RESEALED, OTHER_SALE, BUYER, AGENT.public, KEY),
        lambda: check_resealed(RESEALED, OTHER_SALE, BUYER, AGENT.public, key_hash(KEY)),
    ):
        assert refused(do) is SealFault.OTHER_SALE


def test_one_step_is_not_another() -> None:
    """Were two parts of a sale played with one box, neither layer would pass for the other."""
    assert refused(lambda: open_handed_over(HANDED, SALE, AGENT, SELLER.public, KEY)) is (
        SealFault.OTHER_STEP
    )
    assert refused(lambda: open_credential(RESEALED, SALE, BUYER, AGENT.public)) is (
        SealFault.OTHER_STEP
    )


def test_an_inner_layer_of_another_sale() -> None:
    """An agent puts the right words around something that he once sealed elsewhere."""
    old = AGENT.box(BUYER.public).decrypt(
        reseal(CREDENTIAL, OTHER_SALE, AGENT, BUYER.public, KEY, FRESH)
    )
    forged = AGENT.box(BUYER.public).encrypt(old[:1] + SALE + old[17:], b"n" * 24)
    check_resealed(forged, SALE, BUYER, AGENT.public, key_hash(KEY))
    assert refused(lambda: open_handed_over(forged, SALE, BUYER, AGENT.public, KEY)) is (
        SealFault.OTHER_SALE
    )


def test_the_buyer_sees_the_wrong_lock_before_he_signs() -> None:
    other = key_hash(b"another key")
    assert refused(lambda: check_resealed(RESEALED, SALE, BUYER, AGENT.public, other)) is (
        SealFault.OTHER_LOCK
    )


def test_any_altered_byte_is_seen() -> None:
    draw = Random("altered")
    for sealed in (HANDED, RESEALED):
        for at in (0, 23, 24, 39, 40, *draw.sample(range(len(sealed)), 40), len(sealed) - 1):
            bad = bytearray(sealed)
            bad[at] ^= 1 << draw.randrange(8)
            mine, theirs = (AGENT, SELLER) if sealed is HANDED else (BUYER, AGENT)
            assert (
                refused(
                    lambda bad=bytes(bad), mine=mine, theirs=theirs: open_credential(
                        bad, SALE, mine, theirs.public
                    )
                )
                is SealFault.NOT_OPENED
            )


@pytest.mark.parametrize("size", [0, 1, 24, 39, 40, 41, MAX_SEALED_BYTES])
def test_what_was_never_sealed(size: int) -> None:
    assert refused(lambda: open_credential(bytes(size), SALE, AGENT, SELLER.public)) is (
        SealFault.NOT_OPENED
    )


def test_what_is_too_long_is_not_opened() -> None:
    huge = AGENT.box(SELLER.public).encrypt(bytes(MAX_SEALED_BYTES), b"n" * 24)
    assert refused(lambda: open_credential(huge, SALE, AGENT, SELLER.public)) is SealFault.TOO_LONG


HEADER = b"\x01" + SALE


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x01",
        HEADER,
        HEADER + b"\0",
        HEADER + b"\0\0" + bytes(512),  # of no length
        HEADER + b"\0\x05" + b"hello" + bytes(506),  # padded to no size
        HEADER + b"\0\x05" + b"hello" + bytes(1019),  # padded to another size
        HEADER + b"\0\x05" + b"hello" + bytes(506) + b"!",  # something behind the end
        HEADER + b"\xff\xff" + bytes(8000),
    ],
)
def test_what_its_owner_sealed_in_another_layout(content: bytes) -> None:
    """One content has one form: nothing can be hidden behind its end."""
    sealed = SELLER.box(AGENT.public).encrypt(content, b"n" * 24)
    why = refused(lambda: open_credential(sealed, SALE, AGENT, SELLER.public))
    assert why in (SealFault.BROKEN, SealFault.OTHER_STEP, SealFault.OTHER_SALE)


@pytest.mark.parametrize("key", [bytes(32), b"\1" + bytes(31), b"", b"k" * 31])
def test_box_keys_that_are_none(key: bytes) -> None:
    """A party that names a point of small order would let everybody open what is sealed to it."""
    for do in (
        lambda: seal_credential(CREDENTIAL, SALE, SELLER, key, FRESH),
        lambda: reseal(CREDENTIAL, SALE, AGENT, key, KEY, FRESH),
        lambda: open_credential(HANDED, SALE, AGENT, key),
    ):
        assert refused(do) is SealFault.BAD_KEY


@pytest.mark.parametrize("key", [b"", b"K" * 31, b"K" * 33])
def test_k_has_32_bytes(key: bytes) -> None:
    assert refused(lambda: open_handed_over(RESEALED, SALE, BUYER, AGENT.public, key)) is (
        SealFault.BAD_KEY
    )
    with pytest.raises(ValueError, match="K has 32 bytes"):
        reseal(CREDENTIAL, SALE, AGENT, BUYER.public, key, FRESH)


# ---------------------------------------------------------------- nonces


def test_randomness_that_repeats_shows_no_content() -> None:
    """The nonce hangs on the content as well: one key stream never covers two contents."""
    one = seal_credential(b"one", SALE, SELLER, AGENT.public, FRESH)
    two = seal_credential(b"two", SALE, SELLER, AGENT.public, FRESH)
    assert one[:24] != two[:24]
    assert one == seal_credential(b"one", SALE, SELLER, AGENT.public, FRESH)
    assert one != seal_credential(b"one", SALE, SELLER, AGENT.public, b"g" * 32)
    with pytest.raises(ValueError, match="32 fresh bytes"):
        seal_credential(b"one", SALE, SELLER, AGENT.public, b"too few")


# ---------------------------------------------------------------- the agent's statement

SAID = HandedOver(SALE, key_hash(KEY), sealed_hash(RESEALED), b"h" * 32, b"c" * 16)


@pytest.mark.parametrize(
    "said",
    [
        replace(SAID, sale=OTHER_SALE),
        replace(SAID, key_hash=bytes(32)),
        replace(SAID, sealed_hash=sealed_hash(HANDED)),
    ],
)
def test_a_statement_about_something_else(said: HandedOver) -> None:
    check_said(SAID, SALE, key_hash(KEY), RESEALED)
    assert refused(lambda: check_said(said, SALE, key_hash(KEY), RESEALED)) is (
        SealFault.OTHER_THAN_SAID
    )
