"""A path finder's directory: keys, config.toml, and the cards of the nodes that it links with."""

import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pathfinder.config import CONFIG_NAME, PathFinderConfig, config_text, read_config
from proto.card import (
    NodeCard,
    PathFinderCard,
    read_peer_card,
    sign_pathfinder_card,
)
from proto.limits import MAX_ADVERT_BYTES
from proto.wire import WireFault
from runtime.identity import Identity, create_identity, load_identity
from runtime.tls import BadCertificate, certificate_name, require_leaf
from runtime.transport import MAX_PEERS

PEERS: Final = "peers"
SUFFIX: Final = ".card"
SOCKET: Final = "control.sock"
MAX_CARD_CHARS: Final = 2 * MAX_ADVERT_BYTES


class HomeFault(Exception):
    """One line that names the directory or file, and what to do."""


@dataclass(frozen=True, slots=True)
class Home:
    """`path` is the directory."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / CONFIG_NAME

    @property
    def peers(self) -> Path:
        return self.path / PEERS

    @property
    def socket(self) -> Path:
        return self.path / SOCKET


def create(
    home: Home, config: PathFinderConfig, now_us: int, entropy: Callable[[int], bytes]
) -> Identity:
    """Makes the directory, whole or not at all. HomeFault where something is there; OSError."""
    path = home.path.absolute()
    if path.is_symlink() or (path.exists() and (not path.is_dir() or any(path.iterdir()))):
        raise HomeFault(f"{home.path}: exists already, and is left as it is: name another")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Built beside its place: after a crash there is no half one to be taken for a whole.
    draft = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        identity = create_identity(draft, now_us, entropy)
        (draft / PEERS).mkdir()
        (draft / CONFIG_NAME).write_text(config_text(config), encoding="utf-8")
        draft.rename(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return identity


def load(home: Home) -> tuple[PathFinderConfig, Identity]:
    """What `run` needs. HomeFault, ConfigFault, IdentityFault."""
    if not home.config.is_file():
        what = "holds no path finder: make one with `pledgeway pathfinder init"
        raise HomeFault(f"{home.path}: {what} {home.path}`")
    if stat.S_IMODE(home.path.stat().st_mode) & 0o077:
        raise HomeFault(f"{home.path}: others may enter it, and it holds keys: chmod 700 it")
    return read_config(home.config), load_identity(home.path)


def service_card(identity: Identity, config: PathFinderConfig) -> str:
    """What nodes that link with it and payers that ask it are given: one signed line of text."""
    node = node_card(identity, config)
    return sign_pathfinder_card(identity.key, PathFinderCard(node, config.service))


def node_card(identity: Identity, config: PathFinderConfig) -> NodeCard:
    """The part that is for nodes."""
    return NodeCard(
        node=identity.node,
        alias=config.alias,
        address=config.peer_service,
        tls_certificate=identity.tls.certificate_der,
        tls=identity.tls_certificate,
        seal=identity.seal_certificate,
    )


def read_node_card(text: str, now_us: int) -> NodeCard:
    """A card that a path finder can link with. WireFault."""
    card = read_peer_card(text, now_us)
    try:
        require_leaf(card.tls_certificate)
        certificate_name(card.tls_certificate)
    except BadCertificate as fault:
        raise WireFault(str(fault)) from fault
    return card


def keep_peer(home: Home, card: NodeCard, text: str, own: Identity) -> None:
    """Writes a card that was read, durably. HomeFault, OSError."""
    if card.node == own.node:
        raise HomeFault("this is the path finder's own card: give the one of a node")
    path = home.peers / f"{card.node.hex()}{SUFFIX}"
    home.peers.mkdir(exist_ok=True)
    if not path.exists() and len(_files(home)) >= MAX_PEERS:
        raise HomeFault(f"{home.peers}: a path finder links with at most {MAX_PEERS} nodes")
    draft = path.with_suffix(".new")
    with draft.open("w", encoding="ascii") as file:
        file.write("".join(text.split()) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def drop_peer(home: Home, node: str) -> None:
    """Forgets the card of a node (id in hex). OSError."""
    (home.peers / f"{node}{SUFFIX}").unlink(missing_ok=True)


def load_peers(home: Home, now_us: int) -> tuple[list[NodeCard], list[str]]:
    """The nodes to link with, by alias; and a line for each file that cannot be used."""
    cards, faults = [], []
    for path in _files(home)[:MAX_PEERS]:
        try:
            with path.open(encoding="ascii") as file:
                cards.append(read_node_card(file.read(MAX_CARD_CHARS), now_us))
        except (OSError, UnicodeDecodeError, WireFault) as fault:
            faults.append(f"{path}: {fault}: ask for a new card, and `pathfinder peer add` it")
    return sorted(cards, key=lambda card: (card.alias, card.node)), faults


def _files(home: Home) -> list[Path]:
    return sorted(home.peers.glob(f"*{SUFFIX}"))
