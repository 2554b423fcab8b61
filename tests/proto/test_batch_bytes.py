"""What is written by hand is what protobuf writes."""

from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import signing_key
from proto.batch_bytes import sign_batch_bytes
from proto.envelope import Proof, sign_batch
from proto.v1 import types_pb2 as pb
from proto.wire_bytes import sized, varint

KIND = "pledgeway/test/v1"
KEY = signing_key("batch")


@given(st.one_of(st.integers(0, 5000), st.integers(0, 2**64 - 1)))
def test_numbers(value: int) -> None:
    written = b"\x08" + varint(value)
    if value:
        assert pb.Statement(log_index=value).SerializeToString() == b"\x20" + varint(value)
    assert written[-1] < 128


@given(st.binary(min_size=1, max_size=6000))
def test_fields_of_bytes(data: bytes) -> None:
    assert pb.Commit(evidence=data).SerializeToString() == sized(b"\x12", data)


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=40))
def test_signatures_of_a_batch(payloads: list[bytes]) -> None:
    expected = sign_batch(KEY, [(KIND, payload) for payload in payloads])
    written = sign_batch_bytes(KEY, KIND, payloads)
    assert written == [proof.to_message().SerializeToString() for proof in expected]


def test_a_full_frame_proves_every_payload() -> None:
    payloads = [b"payload %d" % i for i in range(256)]
    for payload, data in zip(payloads, sign_batch_bytes(KEY, KIND, payloads), strict=True):
        proof = Proof.from_message(pb.Signature.FromString(data))
        assert proof.proves(KIND, payload) and not proof.proves(KIND, payload + b"!")


def test_nothing_is_signed_for_nobody() -> None:
    assert sign_batch_bytes(KEY, KIND, []) == []
