"""Certified communication keys (protocol section 2)."""

from dataclasses import replace

import pytest

from node.command.sim.cast import digest, signing_key
from proto.key_certificate import (
    KEY_KIND,
    MAX_CERTIFIED_KEY_BYTES,
    certify_key,
    cosign,
    read_key_certificate,
    verify_node_key,
)
from proto.keys import KeyCertificate, KeyPurpose
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault

NODE, OTHER = signing_key("node"), signing_key("other")
SEAL = KeyCertificate(NODE.public, KeyPurpose.SEAL, digest("seal"), 100, 200)


def test_a_key_is_certified_by_its_identity() -> None:
    signed = certify_key(NODE, SEAL)
    assert KEY_KIND == "pledgeway/key/v1"
    for now in (100, 150, 200):
        assert verify_node_key(signed, NODE.public, KeyPurpose.SEAL, now) == SEAL


@pytest.mark.parametrize("now", [0, 99, 201, 2**62])
def test_out_of_its_time(now: int) -> None:
    with pytest.raises(WireFault):
        verify_node_key(certify_key(NODE, SEAL), NODE.public, KeyPurpose.SEAL, now)


def test_for_one_purpose_and_one_owner() -> None:
    signed = certify_key(NODE, SEAL)
    with pytest.raises(WireFault):
        verify_node_key(signed, NODE.public, KeyPurpose.TLS, 150)
    with pytest.raises(WireFault):
        verify_node_key(signed, OTHER.public, KeyPurpose.SEAL, 150)


def test_nobody_else_certifies_it() -> None:
    for signed in (
        certify_key(OTHER, SEAL),
        cosign(certify_key(NODE, SEAL), OTHER),
        cosign(certify_key(NODE, SEAL), NODE),
        pb.SignedKeyCertificate(certificate=certify_key(NODE, SEAL).certificate),
    ):
        with pytest.raises(WireFault):
            verify_node_key(signed, NODE.public, KeyPurpose.SEAL, 150)


def test_altered_content() -> None:
    signed = certify_key(NODE, SEAL)
    signed.certificate = certify_key(NODE, replace(SEAL, not_after_us=10**9)).certificate
    with pytest.raises(WireFault):
        verify_node_key(signed, NODE.public, KeyPurpose.SEAL, 150)


BAD = [
    pb.KeyCertificate(owner=NODE.public, purpose=2),  # type: ignore[arg-type]
    pb.KeyCertificate(owner=NODE.public, purpose=0, key=b"k" * 32),  # type: ignore[arg-type]
    pb.KeyCertificate(owner=NODE.public, purpose=9, key=b"k" * 32),  # type: ignore[arg-type]
    pb.KeyCertificate(owner=NODE.public[:31], purpose=2, key=b"k" * 32),  # type: ignore[arg-type]
    pb.KeyCertificate(
        owner=NODE.public,
        purpose=2,  # type: ignore[arg-type]
        key=bytes(MAX_CERTIFIED_KEY_BYTES + 1),
    ),
]


@pytest.mark.parametrize("content", BAD)
def test_unreadable_certificates(content: pb.KeyCertificate) -> None:
    with pytest.raises(WireFault):
        read_key_certificate(pb.SignedKeyCertificate(certificate=content.SerializeToString()))


def test_cosigning_leaves_the_first_as_it_was() -> None:
    first = certify_key(NODE, SEAL)
    both = cosign(first, OTHER)
    assert len(first.signatures) == 1
    assert [s.key for s in both.signatures] == [NODE.public, OTHER.public]
