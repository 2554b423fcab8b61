"""TLS keys, pins and credentials (architecture: a node's TLS key is not its identity key).

Certificates are self-signed ECDSA P-256, because gRPC's TLS refuses Ed25519 ones. What ties a
certificate to an identity is the Hello on a peer stream, or a signed key certificate.
"""

import datetime
import hashlib
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

MAX_CERTIFICATE_BYTES = 4096  # ours take about 500; nobody makes us parse a book
NAME_HEX_DIGITS = 32  # of the key's hash: fits a DNS label (63) and does not collide

# What the library raises about a stranger's bytes: not all of it is a ValueError.
_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
_SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


class BadCertificate(ValueError):
    """Bytes that are not a certificate we can pin: too long, not X.509, not P-256."""


@dataclass(frozen=True, slots=True)
class TlsIdentity:
    """A certificate (DER) and its private key (PKCS#8 PEM)."""

    certificate_der: bytes
    key_pem: bytes

    def __repr__(self) -> str:
        # The key must not reach a log by way of a traceback.
        return f"TlsIdentity(spki_sha256={self.spki_sha256.hex()})"

    @property
    def certificate_pem(self) -> bytes:
        return certificate_pem(self.certificate_der)

    @property
    def spki_sha256(self) -> bytes:
        return spki_sha256(self.certificate_der)


def make_tls_identity(not_before_us: int, not_after_us: int) -> TlsIdentity:
    """A new P-256 key and its self-signed certificate, valid between two POSIX microseconds."""
    key = ec.generate_private_key(ec.SECP256R1())
    pin = hashlib.sha256(key.public_key().public_bytes(*_SPKI)).hexdigest()
    # Each name is its own: a verifier that looks trust roots up by subject finds the one.
    host = f"{pin[:NAME_HEX_DIGITS]}.pledgeway"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    usage = x509.KeyUsage(
        digital_signature=True,
        # No key_cert_sign: TLS must not accept a further certificate that this key issued.
        key_cert_sign=False,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    both_sides = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_utc(not_before_us))
        .not_valid_after(_utc(not_after_us))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(both_sides), critical=False)
        .sign(key, hashes.SHA256())
    )
    key_pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return TlsIdentity(certificate.public_bytes(serialization.Encoding.DER), key_pem)


def _utc(at_us: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at_us // 1_000_000, datetime.UTC)


def _parse(certificate_der: bytes) -> x509.Certificate:
    if len(certificate_der) > MAX_CERTIFICATE_BYTES:
        raise BadCertificate(f"a certificate of {len(certificate_der)} bytes")
    try:
        certificate = x509.load_der_x509_certificate(certificate_der)
        public = certificate.public_key()
    except _UNREADABLE as error:
        raise BadCertificate("not an X.509 certificate that can be used") from error
    if not isinstance(public, ec.EllipticCurvePublicKey) or public.curve.name != "secp256r1":
        raise BadCertificate("the certificate's key is not P-256")
    return certificate


def spki_sha256(certificate_der: bytes) -> bytes:
    """The pin: SHA-256 of SubjectPublicKeyInfo, 32 bytes (RFC 7469 2.4). BadCertificate."""
    return hashlib.sha256(_parse(certificate_der).public_key().public_bytes(*_SPKI)).digest()


def require_leaf(certificate_der: bytes) -> None:
    """BadCertificate unless the key may sign no further certificates.

    A list of trust roots is not a pin: without this restriction TLS also accepts whatever
    certificate a pinned key has issued.
    """
    try:
        usage = _parse(certificate_der).extensions.get_extension_for_class(x509.KeyUsage)
    except (x509.ExtensionNotFound, *_UNREADABLE) as error:
        raise BadCertificate("the certificate does not restrict what its key is for") from error
    if usage.value.key_cert_sign:
        raise BadCertificate("the certificate's key may issue further certificates")


def certificate_name(certificate_der: bytes) -> str:
    """The DNS name that a client must expect of this certificate. BadCertificate."""
    certificate = _parse(certificate_der)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, *_UNREADABLE) as error:
        raise BadCertificate("the certificate names no host") from error
    hosts = names.value.get_values_for_type(x509.DNSName)
    if not hosts:
        raise BadCertificate("the certificate names no host")
    return hosts[0]


def certificate_pem(certificate_der: bytes) -> bytes:
    """DER to PEM. BadCertificate."""
    return _parse(certificate_der).public_bytes(serialization.Encoding.PEM)


def seen_pin(auth_context: Mapping[str, Iterable[bytes]]) -> bytes | None:
    """The pin of the TLS key at the other end of a server's call; None without a usable one."""
    for pem in auth_context.get("x509_pem_cert", ()):
        try:
            der = x509.load_pem_x509_certificate(pem).public_bytes(serialization.Encoding.DER)
            return spki_sha256(der)
        except _UNREADABLE:
            return None
    return None


def save_tls_identity(identity: TlsIdentity, key_path: Path, certificate_path: Path) -> None:
    """Writes both as PEM, the key readable by its owner alone. OSError; never overwrites a key."""
    write_private(key_path, identity.key_pem)
    certificate_path.write_bytes(identity.certificate_pem)


def load_tls_identity(key_path: Path, certificate_path: Path) -> TlsIdentity:
    """Reads what save_tls_identity wrote. OSError, BadCertificate."""
    pem = certificate_path.read_bytes()
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except _UNREADABLE as error:
        raise BadCertificate(f"{certificate_path} holds no certificate") from error
    der = certificate.public_bytes(serialization.Encoding.DER)
    _parse(der)
    return TlsIdentity(der, key_path.read_bytes())


def write_private(path: Path, content: bytes) -> None:
    """Creates a file of mode 0600 and makes it durable. FileExistsError rather than overwrite."""
    # The mode is set at creation: between a plain open and a chmod others could open it.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


class AdmittedPeers:
    """The certificates that a peer server's handshake admits; may be replaced at any time.

    A handshake only admits; which peer it is, the pin and the Hello decide. Taking a certificate
    away stops new handshakes only, live streams are closed by the transport.
    """

    def __init__(self, own: TlsIdentity) -> None:
        self._own = own
        self._lock = threading.Lock()  # handshakes happen in threads of gRPC
        self._current = self._configure(())
        self._changed = False

    def replace(self, certificates_der: Iterable[bytes]) -> None:
        """Admits exactly these certificates from the next handshake on. BadCertificate."""
        configuration = self._configure(certificates_der)
        with self._lock:
            self._current = configuration
            self._changed = True

    def credentials(self) -> grpc.ServerCredentials:
        """Mutual TLS that asks for the current certificates at each handshake."""
        with self._lock:
            self._changed = False
            return grpc.dynamic_ssl_server_credentials(
                self._current,
                self._fetch,  # type: ignore[arg-type]  # gRPC takes None, its stubs do not say so
                require_client_authentication=True,
            )

    def _fetch(self) -> grpc.ServerCertificateConfiguration | None:
        with self._lock:
            if not self._changed:
                return None  # gRPC's word for: as before
            self._changed = False
            return self._current

    def _configure(self, certificates_der: Iterable[bytes]) -> grpc.ServerCertificateConfiguration:
        # Our own stands in the list because gRPC refuses an empty one; no peer has our key.
        roots = [self._own.certificate_pem]
        roots += [certificate_pem(der) for der in sorted(certificates_der)]
        return grpc.ssl_server_certificate_configuration(
            [(self._own.key_pem, self._own.certificate_pem)], b"".join(roots)
        )


def peer_channel_credentials(
    own: TlsIdentity, peer_certificate_der: bytes
) -> grpc.ChannelCredentials:
    """Mutual TLS towards the one server that holds this certificate. BadCertificate."""
    return grpc.ssl_channel_credentials(
        certificate_pem(peer_certificate_der), own.key_pem, own.certificate_pem
    )


def server_credentials(own: TlsIdentity) -> grpc.ServerCredentials:
    """TLS that proves the server alone; whoever calls may stay anonymous (registry)."""
    return grpc.ssl_server_credentials([(own.key_pem, own.certificate_pem)])


def pinned_channel_credentials(certificate_der: bytes) -> grpc.ChannelCredentials:
    """TLS towards the one server that holds this certificate; no certificate of our own."""
    return grpc.ssl_channel_credentials(certificate_pem(certificate_der))


def pinned_channel_options(certificate_der: bytes) -> list[tuple[str, str | int]]:
    """Makes TLS expect the certificate's own name, whatever address was dialled."""
    return [("grpc.ssl_target_name_override", certificate_name(certificate_der))]
