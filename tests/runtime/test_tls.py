"""Keys and pins: files for the owner alone, and what is no certificate of ours."""

import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from runtime.tls import (
    BadCertificate,
    certificate_name,
    load_tls_identity,
    make_tls_identity,
    require_leaf,
    save_tls_identity,
    seen_pin,
    spki_sha256,
    write_private,
)

YEAR_US = 365 * 86_400_000_000
IDENTITY = make_tls_identity(0, YEAR_US)


def test_what_is_saved_is_loaded_and_the_key_is_private(tmp_path: Path) -> None:
    key, certificate = tmp_path / "tls.key", tmp_path / "tls.pem"
    save_tls_identity(IDENTITY, key, certificate)
    assert load_tls_identity(key, certificate) == IDENTITY
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_private(path, b"first")
    with pytest.raises(FileExistsError):
        write_private(path, b"second")
    assert path.read_bytes() == b"first"


def test_the_pin_is_of_the_key_not_of_the_certificate() -> None:
    key = serialization.load_pem_private_key(IDENTITY.key_pem, None)
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    digest = hashes.Hash(hashes.SHA256())
    digest.update(public)
    assert IDENTITY.spki_sha256 == digest.finalize()
    assert seen_pin({"x509_pem_cert": [IDENTITY.certificate_pem]}) == IDENTITY.spki_sha256


def test_each_certificate_has_a_name_of_its_own() -> None:
    other = make_tls_identity(0, YEAR_US)
    names = {certificate_name(one.certificate_der) for one in (IDENTITY, other)}
    assert len(names) == 2
    assert all(len(label) <= 63 for name in names for label in name.split("."))


def test_the_validity_is_the_one_asked_for() -> None:
    certificate = x509.load_der_x509_certificate(IDENTITY.certificate_der)
    assert certificate.not_valid_before_utc.timestamp() == 0
    assert certificate.not_valid_after_utc.timestamp() == YEAR_US // 10**6


def test_a_certificate_of_ours_may_issue_no_other() -> None:
    require_leaf(IDENTITY.certificate_der)


def test_a_context_without_a_usable_certificate_has_no_pin() -> None:
    assert seen_pin({}) is None
    assert seen_pin({"x509_pem_cert": [b"junk"]}) is None


def ed25519_certificate() -> bytes:
    key = ed25519.Ed25519PrivateKey.generate()
    template = x509.load_der_x509_certificate(IDENTITY.certificate_der)
    return (
        x509.CertificateBuilder()
        .subject_name(template.subject)
        .issuer_name(template.issuer)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(template.not_valid_before_utc)
        .not_valid_after(template.not_valid_after_utc)
        .sign(key, None)
        .public_bytes(serialization.Encoding.DER)
    )


@pytest.mark.parametrize("junk", [b"", b"junk", bytes(5000), ed25519_certificate()])
def test_bytes_that_are_no_certificate_of_ours_are_named(junk: bytes) -> None:
    for reader in (spki_sha256, certificate_name, require_leaf):
        with pytest.raises(BadCertificate):
            reader(junk)


def test_a_traceback_does_not_show_the_key() -> None:
    assert b"PRIVATE" in IDENTITY.key_pem
    assert "PRIVATE" not in repr(IDENTITY)
