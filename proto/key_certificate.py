"""Certificates of communication keys and of a registry's online keys (protocol section 2)."""

from typing import Final

from proto.envelope import Proof, sign
from proto.keys import KeyCertificate, KeyPurpose, SigningKey
from proto.v1 import types_pb2 as pb
from proto.wire import Untimely, WireFault, canonical, parse

KEY_KIND: Final = "pledgeway/key/v1"
MAX_CERTIFIED_KEY_BYTES: Final = 2048  # a P-256 certificate in DER has about 400


def certify_key(key: SigningKey, certificate: KeyCertificate) -> pb.SignedKeyCertificate:
    """Signs with one key; a registry root of several operators adds signatures with `cosign`."""
    return cosign(unsigned_certificate(certificate), key)


def unsigned_certificate(certificate: KeyCertificate) -> pb.SignedKeyCertificate:
    """What is to be signed, without a signature."""
    payload = canonical(
        pb.KeyCertificate(
            owner=certificate.owner,
            purpose=certificate.purpose.name,
            key=certificate.key,
            not_before_us=certificate.not_before_us,
            not_after_us=certificate.not_after_us,
        )
    )
    return pb.SignedKeyCertificate(certificate=payload)


def cosign(signed: pb.SignedKeyCertificate, key: SigningKey) -> pb.SignedKeyCertificate:
    """The same certificate with one more operator's signature."""
    result = pb.SignedKeyCertificate()
    result.CopyFrom(signed)
    result.signatures.append(sign(key, KEY_KIND, signed.certificate).to_message())
    return result


def read_key_certificate(signed: pb.SignedKeyCertificate) -> KeyCertificate:
    """The content, unverified. Raises WireFault."""
    message = parse(pb.KeyCertificate, signed.certificate)
    if not 0 < len(message.key) <= MAX_CERTIFIED_KEY_BYTES or len(message.owner) != 32:
        raise WireFault("a key certificate holds an owner of 32 bytes and a key")
    try:
        purpose = KeyPurpose(message.purpose)
    except ValueError as error:
        raise WireFault("a key certificate of unknown purpose") from error
    return KeyCertificate(
        message.owner, purpose, message.key, message.not_before_us, message.not_after_us
    )


def verify_node_key(
    signed: pb.SignedKeyCertificate, owner: bytes, purpose: KeyPurpose, now_us: int
) -> KeyCertificate:
    """A node's communication key: certified by its identity, for this purpose, valid now.

    Raises WireFault; Untimely where its time is all that is wrong.
    """
    certificate = read_key_certificate(signed)
    if certificate.owner != owner or certificate.purpose is not purpose:
        raise WireFault("a key certificate of another owner or purpose")
    proofs = [Proof.from_message(s) for s in signed.signatures]
    if len(proofs) != 1 or proofs[0].key != owner:
        raise WireFault("a node's key is certified by its identity key, and by it alone")
    if not proofs[0].proves(KEY_KIND, signed.certificate):
        raise WireFault("a key certificate with a wrong signature")
    if not certificate.valid_at(now_us):
        raise Untimely("a key certificate that is not valid now")
    return certificate
