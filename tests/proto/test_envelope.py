"""Signed envelopes and batches: what is proved, and what must not be."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import digest, signing_key
from proto.envelope import (
    BATCH_KIND,
    MAX_KIND_BYTES,
    Envelope,
    Proof,
    batch_payload,
    sign,
    sign_batch,
)
from proto.keys import SigningKey
from proto.limits import MAX_ENVELOPE_BYTES
from proto.merkle import leaf_hash, merkle_root
from proto.pae import pae
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault

KEY, OTHER = signing_key("envelope"), signing_key("other")
KIND = "pledgeway/message/v1"


def batch(size: int) -> list[tuple[str, bytes]]:
    return [(KIND, b"payload %d" % i) for i in range(size)]


def test_an_envelope_travels() -> None:
    sealed = Envelope.seal(KEY, KIND, b"\0payload")
    assert Envelope.decode(sealed.encode()) == sealed
    assert sealed.signer == KEY.public
    assert sealed.proof.proves(KIND, b"\0payload")


def test_the_signature_is_over_the_pae_of_the_exact_payload() -> None:
    proof = sign(KEY, KIND, b"p")
    assert proof.signature == KEY.sign(KIND, b"p")
    assert not proof.proves(KIND, b"p ")
    assert not proof.proves("pledgeway/statement/v1", b"p")
    assert not replace(proof, key=OTHER.public).proves(KIND, b"p")


def test_a_payload_is_never_serialised_again() -> None:
    """Bytes that no library would write stay what they are."""
    payload = b"\x08\x81\x80\x00"  # field 1 with an overlong varint
    sealed = Envelope.seal(KEY, KIND, payload)
    assert Envelope.decode(sealed.encode()).payload == payload


@pytest.mark.parametrize("field", ["type", "payload", "key", "signature"])
def test_every_changed_part_of_an_envelope_fails(field: str) -> None:
    message = pb.Envelope.FromString(Envelope.seal(KEY, KIND, b"payload").encode())
    match field:
        case "type":
            message.type = "pledgeway/messag/v1"
        case "payload":
            message.payload = b"payloae"
        case "key":
            message.signature.key = OTHER.public
        case _:
            message.signature.signature = OTHER.sign(KIND, b"payload")
    data = message.SerializeToString()
    with pytest.raises(WireFault):
        Envelope.decode(data)
    assert Envelope.decode_unverified(data).kind == message.type


@given(st.integers(0, 10**6))
def test_a_flipped_bit_fails_or_changes_nothing(position: int) -> None:
    sealed = Envelope.seal(KEY, KIND, b"some payload")
    data = bytearray(sealed.encode())
    bit = position % (len(data) * 8)
    data[bit // 8] ^= 1 << bit % 8
    try:
        read = Envelope.decode(bytes(data))
    except WireFault:
        return
    assert (read.kind, read.payload, read.signer) == (sealed.kind, sealed.payload, sealed.signer)


@given(st.binary(max_size=300))
def test_noise_is_no_envelope(noise: bytes) -> None:
    with pytest.raises(WireFault):
        Envelope.decode(noise)


def test_sizes() -> None:
    overhead = len(Envelope.seal(KEY, KIND, bytes(60_000)).encode()) - 60_000
    fits = Envelope.seal(KEY, KIND, bytes(MAX_ENVELOPE_BYTES - overhead)).encode()
    assert len(fits) == MAX_ENVELOPE_BYTES
    assert Envelope.decode(fits)
    large = Envelope.seal(KEY, KIND, bytes(MAX_ENVELOPE_BYTES - overhead + 1)).encode()
    for read in (Envelope.decode, Envelope.decode_unverified):
        with pytest.raises(WireFault):
            read(large)


def test_the_kind_is_bounded_in_bytes() -> None:
    assert Envelope.decode(Envelope.seal(KEY, "k" * MAX_KIND_BYTES, b"").encode())
    for kind in ("k" * (MAX_KIND_BYTES + 1), "é" * (MAX_KIND_BYTES // 2 + 1)):
        with pytest.raises(WireFault):
            Envelope.decode(Envelope.seal(KEY, kind, b"").encode())


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 64, 127, 128])
def test_each_proof_of_a_batch_stands_alone(size: int) -> None:
    items = batch(size)
    proofs = sign_batch(KEY, items)
    for (kind, payload), proof in zip(items, proofs, strict=True):
        data = Envelope(kind, payload, proof).encode()
        read = Envelope.decode(data)
        assert (read.payload, read.signer) == (payload, KEY.public)


def test_a_batch_has_one_signature() -> None:
    assert len({p.signature for p in sign_batch(KEY, batch(100))}) == 1


def test_a_batch_of_several_kinds_binds_each_kind() -> None:
    items = [("pledgeway/a/v1", b"p"), ("pledgeway/b/v1", b"p"), ("pledgeway/c/v1", b"p")]
    proofs = sign_batch(KEY, items)
    for i, proof in enumerate(proofs):
        for j, (kind, payload) in enumerate(items):
            assert proof.proves(kind, payload) == (i == j)


@pytest.mark.parametrize("size", [2, 3, 7, 8])
def test_forged_batch_proofs_fail(size: int) -> None:
    items = batch(size)
    proofs = sign_batch(KEY, items)
    for i, ((kind, payload), proof) in enumerate(zip(items, proofs, strict=True)):
        assert proof.proves(kind, payload)
        forged = [
            replace(proof, size=0),
            replace(proof, size=0, index=0, path=()),
            replace(proof, size=size + 1),
            replace(proof, size=size - 1),
            replace(proof, index=(i + 1) % size),
            replace(proof, index=size),
            replace(proof, index=-1),
            replace(proof, path=()),
            replace(proof, path=proof.path[:-1]),
            replace(proof, path=(*proof.path, digest("x"))),
            replace(proof, path=(digest("x"), *proof.path[1:])),
            replace(proof, path=(b"", *proof.path[1:])),
            replace(proof, key=OTHER.public),
            replace(proof, key=b""),
            replace(proof, signature=b""),
            replace(proof, signature=sign(KEY, kind, payload).signature),
            replace(proof, size=-1),
            replace(proof, size=2**32 - 1, index=2**32 - 2),
        ]
        assert [f for f in forged if f.proves(kind, payload)] == []


def test_a_batch_signature_is_no_signature_of_a_message_and_the_other_way_round() -> None:
    items = batch(4)
    leaves = [leaf_hash(pae(*item)) for item in items]
    root = batch_payload(merkle_root(leaves), 4)
    proof = sign_batch(KEY, items)[0]
    assert Proof(KEY.public, proof.signature).proves(BATCH_KIND, root)
    assert not Proof(KEY.public, proof.signature).proves(KIND, root)
    # An inner node offered as the leaf of a smaller tree.
    inner = Proof(KEY.public, proof.signature, 0, 2, proof.path[1:])
    assert not inner.proves(KIND, items[0][1])


@given(
    st.binary(max_size=40),
    st.binary(max_size=70),
    st.integers(-5, 2**40),
    st.integers(-5, 2**40),
    st.lists(st.binary(max_size=40), max_size=20),
)
def test_proofs_of_any_shape_never_raise(
    key: bytes, signature: bytes, index: int, size: int, path: list[bytes]
) -> None:
    assert Proof(key, signature, index, size, tuple(path)).proves(KIND, b"p") is False


def test_a_proof_travels() -> None:
    for proof in sign_batch(SigningKey(digest("x")), batch(5)):
        assert Proof.from_message(proof.to_message()) == proof
