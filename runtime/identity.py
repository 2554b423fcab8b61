"""The keys of a node and the files they live in (protocol section 2: keys and their certificates).

identity.key     Ed25519 seed, 64 hex digits: whoever has it is this node
seal.key         X25519 seed, 64 hex digits: opens the instructions of promises
tls.key tls.crt  P-256 key and self-signed certificate, PEM
tls.cert         SignedKeyCertificate: the identity certifies the TLS certificate
seal.cert        SignedKeyCertificate: the identity certifies the seal key
"""

import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from proto.card import NodeCard, sign_card
from proto.key_certificate import certify_key, read_key_certificate, verify_node_key
from proto.keys import KEY_BYTES, KeyCertificate, KeyPurpose, NodeId, SealKey, SigningKey
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault, canonical, parse
from runtime.tls import (
    BadCertificate,
    TlsIdentity,
    load_tls_identity,
    make_tls_identity,
    save_tls_identity,
    write_private,
)

DAY_US: Final = 86_400_000_000
KEY_LEAD_US: Final = DAY_US  # a clock set back a little after the start still finds its keys valid
KEY_LIFE_US: Final = 2 * 365 * DAY_US  # neighbours pin these keys: a change asks something of them
MAX_KEY_FILE_BYTES: Final = 4096  # ours have below 500; a mistaken path must not fill our memory

IDENTITY_KEY: Final = "identity.key"
SEAL_KEY: Final = "seal.key"
TLS_KEY: Final = "tls.key"
TLS_CERTIFICATE: Final = "tls.crt"
TLS_CERTIFIED: Final = "tls.cert"
SEAL_CERTIFIED: Final = "seal.cert"
PRIVATE_FILES: Final = (IDENTITY_KEY, SEAL_KEY, TLS_KEY)
PUBLIC_FILES: Final = (TLS_CERTIFICATE, TLS_CERTIFIED, SEAL_CERTIFIED)

Entropy = Callable[[int], bytes]  # count -> that many random bytes, as os.urandom


class IdentityFault(Exception):
    """One line that names the file, what is wrong and what to do about it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Everything a node speaks with. Its repr shows public keys only."""

    key: SigningKey
    seal: SealKey
    tls: TlsIdentity
    tls_certificate: bytes  # SignedKeyCertificate
    seal_certificate: bytes  # SignedKeyCertificate
    not_after_us: int  # when the first of the two certificates ends

    @property
    def node(self) -> NodeId:
        return self.key.node_id


def create_identity(directory: Path, now_us: int, entropy: Entropy) -> Identity:
    """Draws new keys and writes them below `directory`, which exists. IdentityFault.

    Refuses where any of the files exists: a lost identity key is lost credit.
    """
    for name in (*PRIVATE_FILES, *PUBLIC_FILES):
        if (directory / name).exists():
            raise IdentityFault(f"{directory / name}: exists already, and is left as it is")
    key, seal = SigningKey(entropy(KEY_BYTES)), entropy(KEY_BYTES)
    begin, end = now_us - KEY_LEAD_US, now_us + KEY_LIFE_US
    tls = make_tls_identity(begin, end)
    try:
        # Crash here: some of the files exist, and the check above refuses to go on with them.
        write_private(directory / IDENTITY_KEY, key.seed.hex().encode() + b"\n")
        write_private(directory / SEAL_KEY, seal.hex().encode() + b"\n")
        save_tls_identity(tls, directory / TLS_KEY, directory / TLS_CERTIFICATE)
        for name, purpose, public in (
            (TLS_CERTIFIED, KeyPurpose.TLS, tls.certificate_der),
            (SEAL_CERTIFIED, KeyPurpose.SEAL, SealKey(seal).public),
        ):
            certificate = KeyCertificate(key.public, purpose, public, begin, end)
            (directory / name).write_bytes(canonical(certify_key(key, certificate)))
    except OSError as error:
        raise IdentityFault(f"{error.filename}: cannot be written: {error.strerror}") from error
    return load_identity(directory)


def load_identity(directory: Path) -> Identity:
    """Reads and checks what `create_identity` wrote. IdentityFault.

    Whether the certificates are valid now is for the caller to ask (`not_after_us`): those who
    receive a card will.
    """
    for name in PRIVATE_FILES:
        _require_private(directory / name)
    key = SigningKey(_seed(directory / IDENTITY_KEY))
    seal = SealKey(_seed(directory / SEAL_KEY))
    try:
        tls = load_tls_identity(directory / TLS_KEY, directory / TLS_CERTIFICATE)
    except OSError as error:
        raise IdentityFault(f"{error.filename}: cannot be read: {error.strerror}") from error
    except BadCertificate as error:
        raise IdentityFault(f"{directory / TLS_CERTIFICATE}: {error}") from error
    certified_tls = _certified(directory / TLS_CERTIFIED, key, KeyPurpose.TLS, tls.certificate_der)
    certified_seal = _certified(directory / SEAL_CERTIFIED, key, KeyPurpose.SEAL, seal.public)
    return Identity(
        key=key,
        seal=seal,
        tls=tls,
        tls_certificate=certified_tls[0],
        seal_certificate=certified_seal[0],
        not_after_us=min(certified_tls[1], certified_seal[1]),
    )


def card(identity: Identity, alias: str, address: str, service: str = "") -> str:
    """The node's signed card, one line of text to hand to neighbours (protocol section 8).

    `service`: where its registrar and its escrow desk answer, if it has such.
    """
    content = NodeCard(
        node=identity.node,
        alias=alias,
        address=address,
        tls_certificate=identity.tls.certificate_der,
        tls=identity.tls_certificate,
        seal=identity.seal_certificate,
        service=service,
    )
    return sign_card(identity.key, content)


def _require_private(path: Path) -> None:
    mode = stat.S_IMODE(_stat_mode(path))
    if mode & 0o077:
        raise IdentityFault(
            f"{path}: others on this machine may read it (mode {mode:03o}): run chmod 600 on it,"
            " and if they are strangers make a new node"
        )


def _stat_mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError as error:
        raise IdentityFault(f"{path}: cannot be read: {error.strerror}") from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_KEY_FILE_BYTES + 1)
    except OSError as error:
        raise IdentityFault(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > MAX_KEY_FILE_BYTES:
        raise IdentityFault(f"{path}: more than {MAX_KEY_FILE_BYTES} bytes: not a file of a node")
    return data


def _seed(path: Path) -> bytes:
    try:
        seed = bytes.fromhex(_read(path).decode("ascii").strip())
    except ValueError as error:
        raise IdentityFault(f"{path}: not a key: {2 * KEY_BYTES} hex digits") from error
    if len(seed) != KEY_BYTES:
        raise IdentityFault(f"{path}: not a key: {2 * KEY_BYTES} hex digits")
    return seed


def _certified(
    path: Path, key: SigningKey, purpose: KeyPurpose, public: bytes
) -> tuple[bytes, int]:
    """The certificate's bytes and its end in µs."""
    data = _read(path)
    try:
        signed = parse(pb.SignedKeyCertificate, data)
        # At its own beginning: here only who signed what is asked, not whether it is still valid.
        begin = read_key_certificate(signed).not_before_us
        certificate = verify_node_key(signed, key.public, purpose, begin)
    except WireFault as fault:
        raise IdentityFault(f"{path}: {fault}") from fault
    if certificate.key != public:
        raise IdentityFault(f"{path}: certifies another key than the one beside it")
    return data, certificate.not_after_us
