"""A registry's directory: which file is where, and how it comes into being.

config.toml          what the operator sets
registry.record      the signed record, to be handed to node operators
root/operator-N.key  one key of the root each; they belong offline, with their operators
record.draft         the next record, while it lacks operators' signatures
keys/                statement keys, log keys, TLS key and certificate, used while running
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from proto.key_certificate import certify_key, cosign
from proto.keys import KEY_BYTES, KeyCertificate, KeyPurpose, SigningKey
from proto.registry_record import RegistryRecord, Root, read_record, registry_id, sign_root
from proto.v1 import types_pb2 as pb
from proto.wire import WireFault
from registry.config import Config, config_text
from registry.keyring import HeldKey, KeyRing, key_ring
from registry.record import fill_record, signed_record
from runtime.address import split_address
from runtime.tls import (
    BadCertificate,
    TlsIdentity,
    load_tls_identity,
    make_tls_identity,
    save_tls_identity,
    write_private,
)

DAY_US: Final = 86_400_000_000
KEY_LEAD_US: Final = DAY_US  # a clock set back a little after the start still finds its key valid
ONLINE_KEY_LIFE_US: Final = 400 * DAY_US  # a year, and a month to do the change in
TLS_LIFE_US: Final = 10 * 365 * DAY_US  # the record pins it, so its date adds nothing

Entropy = Callable[[int], bytes]
T = TypeVar("T")


class HomeFault(Exception):
    """One line that names the path and what is wrong."""


@dataclass(frozen=True, slots=True)
class Home:
    """Paths below a registry's directory."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.toml"

    @property
    def record(self) -> Path:
        return self.path / "registry.record"

    @property
    def statement_key(self) -> Path:
        return self.path / "keys" / "statement.key"

    @property
    def log_key(self) -> Path:
        return self.path / "keys" / "log.key"

    def online_keys(self) -> list[Path]:
        """Statement and log keys: the first of each, those that followed, those to come."""
        folder = self.path / "keys"
        return sorted([*folder.glob("statement*.key"), *folder.glob("log*.key")])

    def next_key(self, purpose: KeyPurpose) -> Path:
        """Where the next key of this purpose goes: statement-2.key follows statement.key."""
        first = self.statement_key if purpose is KeyPurpose.STATEMENT else self.log_key
        number = 2
        while (path := first.with_stem(f"{first.stem}-{number}")).exists():
            number += 1
        return path

    @property
    def draft(self) -> Path:
        """The next record, while signatures of operators are missing."""
        return self.path / "record.draft"

    @property
    def tls_key(self) -> Path:
        return self.path / "keys" / "tls.key"

    @property
    def tls_certificate(self) -> Path:
        return self.path / "keys" / "tls.pem"

    @property
    def log(self) -> Path:
        """Checkpoints and tiles by shard, as anybody may read them."""
        return self.path / "log"

    @property
    def members(self) -> Path:
        """Records of registries that decide beside us, so that we can check what they relay."""
        return self.path / "members"

    def root_keys(self) -> list[Path]:
        return sorted((self.path / "root").glob("operator-*.key"))


@dataclass(frozen=True, slots=True)
class Keys:
    """What a running registry signs and serves with. `statement`, `log`: those in force."""

    ring: KeyRing
    statement: SigningKey
    log: SigningKey  # of checkpoints, and of nothing else
    tls: TlsIdentity
    begins_us: int  # of the life of `statement`
    to_log: tuple[bytes, ...]  # SignedKeyCertificate of each key, logged before its first use

    def statement_at(self, now_us: int) -> SigningKey:
        """The statement key that signs now; the last one where all have ended."""
        held = self.ring.newest(KeyPurpose.STATEMENT, now_us)
        return self.statement if held is None else held.key

    def log_at(self, now_us: int) -> SigningKey:
        """The log key that signs now; the last one where all have ended. From any thread."""
        held = self.ring.newest(KeyPurpose.LOG, now_us)
        return self.log if held is None else held.key


def create(
    path: Path, config: Config, operators: int, threshold: int, now_us: int, entropy: Entropy
) -> RegistryRecord:
    """Makes a registry's directory, whole or not at all. HomeFault; never overwrites."""
    return make_whole(
        path, lambda draft: _fill(Home(draft), config, operators, threshold, now_us, entropy)
    )


def make_whole(path: Path, fill: Callable[[Path], T]) -> T:
    """What `fill` gives, having filled an empty folder that then becomes `path`.

    HomeFault where something is there already, or the disk refuses; then nothing has changed.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise HomeFault(f"{path}: exists already, and is left as it is")
    try:
        path.absolute().parent.mkdir(parents=True, exist_ok=True)
        # Built beside its place: after a crash there is no half of it to be taken for a whole.
        draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.absolute().parent))
        try:
            made = fill(draft)
            draft.rename(path)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise HomeFault(f"{path}: cannot be written: {error.strerror}") from error
    return made


def _fill(
    home: Home, config: Config, operators: int, threshold: int, now_us: int, entropy: Entropy
) -> RegistryRecord:
    for folder in ("root", "keys", "members"):
        (home.path / folder).mkdir(mode=0o700)
    roots = [SigningKey(entropy(KEY_BYTES)) for _ in range(operators)]
    for number, key in enumerate(roots, start=1):
        write_private(home.path / "root" / f"operator-{number}.key", key_text(key))
    root = Root(1, tuple(sorted(key.public for key in roots)), threshold)
    owner = registry_id(root.encode())
    online = [
        _new_key(home.statement_key, KeyPurpose.STATEMENT, owner, now_us, entropy),
        _new_key(home.log_key, KeyPurpose.LOG, owner, now_us, entropy),
    ]
    tls = make_tls_identity(now_us - KEY_LEAD_US, now_us + TLS_LIFE_US)
    save_tls_identity(tls, home.tls_key, home.tls_certificate)
    if not config.log_origin:
        config = replace(config, log_origin=_origin(config, owner))
    home.config.write_text(config_text(config))
    blank = pb.RegistryRecord(
        registry_key_id=owner,
        roots=[sign_root(root, roots)],
        keys=[certify_by(certificate, roots) for certificate in online],
        tls_certificate=tls.certificate_der,
    )
    record = fill_record(blank, config, config.listen, config.archive)
    data = signed_record(record, now_us, roots)
    write_public(home.record, data)
    return read_record(data)


def _new_key(
    path: Path, purpose: KeyPurpose, owner: bytes, now_us: int, entropy: Entropy
) -> KeyCertificate:
    key = SigningKey(entropy(KEY_BYTES))
    write_private(path, key_text(key))
    return KeyCertificate(
        owner, purpose, key.public, now_us - KEY_LEAD_US, now_us + ONLINE_KEY_LIFE_US
    )


def certify_by(certificate: KeyCertificate, roots: Sequence[SigningKey]) -> pb.SignedKeyCertificate:
    """The certificate with a signature by each of these root keys."""
    signed = certify_key(roots[0], certificate)
    for key in roots[1:]:
        signed = cosign(signed, key)
    return signed


def _origin(config: Config, owner: bytes) -> str:
    """Schema-less archive prefix and the first shard (registry section 8)."""
    address = config.public_archive.split("://")[-1] or config.archive
    host = split_address(address)
    return f"{host[0] if host else address.split('/')[0]}/{owner.hex()[:16]}"


def load_keys(home: Home, record: RegistryRecord, now_us: int) -> Keys:
    """What `run` needs. HomeFault where a key is missing, not ours, or not valid now."""
    ring = key_ring(record, (read_key(path) for path in home.online_keys()))
    statement = _in_force(ring, KeyPurpose.STATEMENT, home.statement_key, home.record, now_us)
    log = _in_force(ring, KeyPurpose.LOG, home.log_key, home.record, now_us)
    try:
        tls = load_tls_identity(home.tls_key, home.tls_certificate)
    except OSError as error:
        raise HomeFault(f"{error.filename}: cannot be read: {error.strerror}") from error
    except BadCertificate as error:
        raise HomeFault(f"{home.tls_certificate}: {error}") from error
    if tls.certificate_der != record.tls_certificate:
        raise HomeFault(f"{home.tls_certificate}: not the certificate that {home.record} pins")
    begins_us = statement.certificate.not_before_us
    return Keys(ring, statement.key, log.key, tls, begins_us, tuple(ring.to_log(now_us)))


def _in_force(ring: KeyRing, purpose: KeyPurpose, path: Path, record: Path, now_us: int) -> HeldKey:
    held = ring.newest(purpose, now_us)
    if held is None:
        raise HomeFault(f"{path}: {record} does not certify it for now")
    return held


def load_record(path: Path) -> RegistryRecord:
    """HomeFault where it cannot be read or does not certify itself."""
    try:
        return read_record(path.read_bytes())
    except OSError as error:
        raise HomeFault(f"{path}: cannot be read: {error.strerror}") from error
    except WireFault as fault:
        raise HomeFault(f"{path}: {fault}") from fault


def load_members(home: Home) -> dict[bytes, RegistryRecord]:
    """The records of other registries, by id. HomeFault."""
    records: dict[bytes, RegistryRecord] = {}
    for path in sorted(home.members.glob("*.record")):
        record = load_record(path)
        known = records.get(record.registry)
        if known is None or record.replaces(known):
            records[record.registry] = record
    return records


def load_root_keys(home: Home) -> list[SigningKey]:
    """Whichever of them are still at hand; none where they are offline, as they should be."""
    return [read_key(path) for path in home.root_keys()]


def read_key(path: Path) -> SigningKey:
    """HomeFault."""
    try:
        return SigningKey(bytes.fromhex(path.read_text().strip()))
    except OSError as error:
        raise HomeFault(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise HomeFault(f"{path}: not a key: 64 hex digits") from error


def write_public(path: Path, data: bytes) -> None:
    """Replaces a file as a whole: whoever reads it meanwhile sees the old or the new one."""
    draft = path.with_name(path.name + ".new")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def key_text(key: SigningKey) -> bytes:
    """The content of a key file, as `read_key` reads it."""
    return key.seed.hex().encode() + b"\n"


def require_threshold(keys: Sequence[SigningKey], record: RegistryRecord, why: str) -> None:
    """HomeFault where too few root keys are at hand to sign a new record."""
    signed = pb.SignedRegistryRecord.FromString(record.signed)
    newest = pb.RegistryRecord.FromString(signed.record).roots[-1]
    root = Root.decode(newest.root)
    held = {key.public for key in keys} & set(root.keys)
    if len(held) < root.threshold:
        raise HomeFault(
            f"{why}: a new record needs {root.threshold} root keys in root/, {len(held)} are there;"
            " `pledgeway registry record --help` shows how operators sign it elsewhere"
        )
