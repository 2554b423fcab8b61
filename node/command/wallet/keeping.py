"""The file in which a wallet keeps its key and where its account is; for its owner's eyes alone."""

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from proto.keys import SigningKey

FILE: Final = "wallet.json"
MAX_FILE_BYTES: Final = 65_536
PRIVATE: Final = 0o600


class WalletFault(Exception):
    """One line: what is wrong with the wallet's file, and what to do."""


@dataclass(frozen=True, slots=True)
class Wallet:
    """`seed`: of the key, 32 bytes in hex. `origin`: https://HOST of the node's page; `node`: the
    node's id in hex, as it was when the wallet joined. Empty `origin`: a key without an account.
    `token`: of the last login."""

    seed: str
    origin: str = ""
    name: str = ""
    node: str = ""
    token: str = ""

    @property
    def key(self) -> SigningKey:
        """What signs logins and approvals."""
        return SigningKey(bytes.fromhex(self.seed))


def default_folder() -> Path:
    """Where a wallet is when nobody says where."""
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "pledgeway" / "wallet"


def fresh_wallet() -> Wallet:
    """A new key, for no account yet."""
    return Wallet(os.urandom(32).hex())


def load_wallet(folder: Path) -> Wallet | None:
    """None where there is none. WalletFault."""
    path = folder / FILE
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise WalletFault(f"{path}: cannot be read: {error.strerror}") from error
    try:
        found = Wallet(**json.loads(data))
        _ = found.key
    except (ValueError, TypeError) as error:
        raise WalletFault(f"{path}: holds no wallet: restore it from a copy") from error
    return found


def save_wallet(folder: Path, wallet: Wallet) -> None:
    """In place of what was there, whole or not at all. WalletFault."""
    path = folder / FILE
    beside = folder / f"{FILE}.new"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
        with os.fdopen(handle, "w") as file:
            os.fchmod(file.fileno(), PRIVATE)  # whatever was left there by somebody else
            json.dump(asdict(wallet), file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise WalletFault(f"{path}: cannot be written: {error.strerror}") from error


def logged_in(wallet: Wallet, token: str) -> Wallet:
    """The same with the token of a new login."""
    return replace(wallet, token=token)
