"""A witness's directory: which file is where, and how it comes into being.

config.toml      what the operator sets
witness.key      the cosignature key, used while running
logs/            the records of the registries whose logs are cosigned
evidence/        what contradicts what was cosigned, for whoever accuses the log
witness.sqlite   the newest cosigned checkpoint of each log
address          where the running witness listens
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from proto.keys import KEY_BYTES, SigningKey
from proto.note import COSIGNATURE, NoteKey
from registry.home import HomeFault, key_text, make_whole, read_key, write_public
from registry.witness.config import WitnessConfig, config_text
from runtime.tls import write_private

Entropy = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class WitnessHome:
    """Paths below a witness's directory."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.toml"

    @property
    def key(self) -> Path:
        return self.path / "witness.key"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def evidence(self) -> Path:
        return self.path / "evidence"

    @property
    def address(self) -> Path:
        return self.path / "address"


def create_witness(path: Path, config: WitnessConfig, entropy: Entropy) -> NoteKey:
    """Makes a witness's directory, whole or not at all. HomeFault; never overwrites."""
    return make_whole(path, lambda draft: _fill(WitnessHome(draft), config, entropy))


def _fill(home: WitnessHome, config: WitnessConfig, entropy: Entropy) -> NoteKey:
    for folder in (home.logs, home.evidence):
        folder.mkdir(mode=0o700)
    key = SigningKey(entropy(KEY_BYTES))
    write_private(home.key, key_text(key))
    home.config.write_text(config_text(config))
    return cosignature_key(config.name, key)


def load_witness_key(home: WitnessHome) -> SigningKey:
    """HomeFault."""
    return read_key(home.key)


def cosignature_key(name: str, key: SigningKey) -> NoteKey:
    """What verifiers are told of this witness (C2SP tlog-cosignature, Ed25519)."""
    return NoteKey(name, COSIGNATURE, key.public)


def read_address(home: WitnessHome) -> str | None:
    """HOST:PORT where it listens, or listened last; None before its first run."""
    try:
        return home.address.read_text().strip() or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise HomeFault(f"{home.address}: cannot be read: {error}") from error


def write_address(home: WitnessHome, address: str) -> None:
    """Atomic: whoever reads it sees the old address or the new one."""
    write_public(home.address, address.encode() + b"\n")


def private_file(path: Path, data: bytes) -> None:
    """A new durable file under its final name at once: half of it is never seen there."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    write_private(draft, data)
    draft.replace(path)
