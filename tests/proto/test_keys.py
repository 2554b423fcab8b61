"""Keys and pre-authentication encoding: published vectors, and inputs of every wrong shape."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import digest, signing_key
from proto.keys import (
    KeyCertificate,
    KeyPurpose,
    SealKey,
    SigningKey,
    node_id,
    verify,
    verify_raw,
)
from proto.limits import MAX_ENVELOPE_BYTES
from proto.pae import pae

PAE_VECTORS = [
    # The example of the DSSE specification, and its edges.
    (
        "http://example.com/HelloWorld",
        b"hello world",
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world",
    ),
    ("", b"", b"DSSEv1 0  0 "),
    ("a", b"\0\xff", b"DSSEv1 1 a 2 \0\xff"),
    ("é", b" ", b"DSSEv1 2 \xc3\xa9 1  "),
]


@pytest.mark.parametrize(("kind", "payload", "expected"), PAE_VECTORS)
def test_pae(kind: str, payload: bytes, expected: bytes) -> None:
    assert pae(kind, payload) == expected


@given(st.text(), st.binary(), st.text(), st.binary())
def test_pae_is_injective(kind: str, payload: bytes, kind2: str, payload2: bytes) -> None:
    same = (kind, payload) == (kind2, payload2)
    assert (pae(kind, payload) == pae(kind2, payload2)) == same


# RFC 8032 section 7.1, tests 1 to 3: seed, public key, message, signature.
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e3970"
        "1cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613"
        "d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760"
        "984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC_8032)
def test_ed25519_vectors(seed: str, public: str, message: str, signature: str) -> None:
    key = SigningKey(bytes.fromhex(seed))
    assert key.public.hex() == public
    assert key.seed.hex() == seed
    assert verify_raw(key.public, bytes.fromhex(message), bytes.fromhex(signature))


def test_a_signature_covers_kind_payload_and_key() -> None:
    key, other = signing_key("a"), signing_key("b")
    signature = key.sign("pledgeway/x/v1", b"payload")
    assert verify(key.public, "pledgeway/x/v1", b"payload", signature)
    assert not verify(other.public, "pledgeway/x/v1", b"payload", signature)
    assert not verify(key.public, "pledgeway/y/v1", b"payload", signature)
    assert not verify(key.public, "pledgeway/x/v1", b"payloae", signature)
    # What stands in the kind cannot be moved into the payload.
    assert not verify(key.public, "pledgeway/x/v", b"1payload", signature)


def test_every_flipped_bit_of_a_signature_counts() -> None:
    key = signing_key("a")
    signature = key.sign("k", b"p")
    for bit in range(len(signature) * 8):
        bad = bytearray(signature)
        bad[bit // 8] ^= 1 << bit % 8
        assert not verify(key.public, "k", b"p", bytes(bad)), bit


# Points of small order: with one of them as a key, one signature would fit many messages.
SMALL_ORDER = [
    "00" * 32,
    "01" + "00" * 31,
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
]


@pytest.mark.parametrize("public", SMALL_ORDER)
def test_keys_of_small_order_prove_nothing(public: str) -> None:
    key = bytes.fromhex(public)
    for signature in (bytes(64), bytes([1]) + bytes(63), key + bytes(32)):
        assert not verify_raw(key, b"anything", signature)


@given(st.binary(max_size=80), st.text(max_size=8), st.binary(max_size=8), st.binary(max_size=80))
def test_verify_never_raises(public: bytes, kind: str, payload: bytes, signature: bytes) -> None:
    assert verify(public, kind, payload, signature) is False


@pytest.mark.parametrize("size", [0, 1, 31, 33, 64])
def test_lengths_of_keys(size: int) -> None:
    for make in (SigningKey, SealKey, node_id):
        with pytest.raises(ValueError, match="32 bytes"):
            make(bytes(size))
    signature = signing_key("a").sign("k", b"p")
    assert not verify(bytes(size), "k", b"p", signature)
    assert SealKey(digest("s")).shared(bytes(size)) is None


def test_node_id_is_the_public_key() -> None:
    key = signing_key("a")
    assert key.node_id == node_id(key.public) == key.public


def test_secrets_are_not_shown() -> None:
    key, seal = signing_key("a"), SealKey(digest("s"))
    for shown in (repr(key), str(key), f"{key}"):
        assert key.seed.hex() not in shown
        assert repr(key.seed) not in shown
    assert digest("s").hex() not in repr(seal)


def test_x25519_vector_of_rfc_7748() -> None:
    """Section 6.1: Bob's key, Alice's public key, and what they share."""
    bob = SealKey(bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))
    alice = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
    shared = bob.shared(bytes.fromhex(alice))
    assert bob.public.hex() == "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
    assert shared is not None
    assert shared.hex() == "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"


def test_both_sides_share_one_secret() -> None:
    a, b = SealKey(digest("a")), SealKey(digest("b"))
    assert a.shared(b.public) == b.shared(a.public) is not None
    assert a.shared(a.public) != a.shared(b.public)


@pytest.mark.parametrize(
    "public",
    [
        "00" * 32,
        "01" + "00" * 31,
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ],
)
def test_points_of_small_order_share_nothing(public: str) -> None:
    assert SealKey(digest("a")).shared(bytes.fromhex(public)) is None


def test_a_certificate_is_valid_from_and_to_its_bounds() -> None:
    c = KeyCertificate(b"o" * 32, KeyPurpose.SEAL, b"k" * 32, 10, 20)
    assert [c.valid_at(t) for t in (9, 10, 15, 20, 21)] == [False, True, True, True, False]


def test_long_messages_are_not_kept() -> None:
    """Forged ones cost nothing: sixteen thousand of them would have filled a gigabyte."""
    key = signing_key("a").public
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for n in range(200):
            assert not verify_raw(key, n.to_bytes(MAX_ENVELOPE_BYTES, "big"), bytes(64))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 10 * MAX_ENVELOPE_BYTES
