"""A path finder's directory and configuration: made whole, checked, told from a node's."""

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from node.command.sim.cast import signing_key
from pathfinder.config import (
    ConfigFault,
    PathFinderConfig,
    check_config,
    config_text,
    read_config,
)
from pathfinder.serving.home import (
    Home,
    HomeFault,
    create,
    drop_peer,
    keep_peer,
    load,
    load_peers,
    read_node_card,
    service_card,
)
from proto.card import (
    NodeCard,
    PathFinderCard,
    read_card,
    read_pathfinder_card,
    read_peer_card,
    sign_pathfinder_card,
)
from proto.wire import WireFault
from runtime.identity import Identity, card, create_identity

NOW_US = 1_790_000_000_000_000
FINDER = PathFinderConfig("Finder", "127.0.0.1:7600")
FULL = PathFinderConfig(
    alias='a "quoted" \\ name',
    listen="0.0.0.0:7600",
    address="finder.example:7600",
    peer_listen="[::]:7601",
    peer_address="finder.example:7601",
    declared_error_us=7000,
    search_us=1000,
    network_per_s=1,
    network_burst=1,
    max_calls=1,
    max_adverts_per_s=1,
    max_known_adverts=1000,
)


def entropy() -> Callable[[int], bytes]:
    drawn = iter(range(1, 100))
    return lambda count: bytes([next(drawn)]) * count


def a_node(tmp_path: Path, name: str = "Ada") -> tuple[Identity, str]:
    directory = tmp_path / name
    directory.mkdir()
    identity = create_identity(directory, NOW_US, os.urandom)
    return identity, card(identity, name, "127.0.0.1:7001")


@pytest.mark.parametrize("config", [FINDER, FULL], ids=["plain", "full"])
def test_a_config_is_read_back(config: PathFinderConfig, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(config_text(config))
    assert read_config(path) == config == check_config(config, path)


FAULTS = [
    ("alias = ''", "alias: "),
    ("alias = ' '", "alias: "),
    ("alias = 7", "alias: "),
    ("alias = 'a'\nlisten = ''", "listen: "),
    ("alias = 'a'\nlisten = 'x'", "listen: must be HOST:PORT"),
    ("alias = 'a'\nlisten = '0.0.0.0:1'", "address: missing: nobody can dial 0.0.0.0"),
    ("alias = 'a'\nlisten = '1.1.1.1:0'", "listen: nobody can dial port 0"),
    ("alias = 'a'\naddress = 'h:0'", "address: nobody can dial port 0"),
    ("alias = 'a'\npeer_listen = '[::]:1'", "peer_address: missing: nobody can dial ::"),
    ("alias = 'a'\npeer_listen = 'x'", "peer_listen: must be HOST:PORT"),
    ("alias = 'a'\npeer_address = 'h:1'", "peer_listen: missing"),
    ("alias = 'a'\n[search]\nlimit_ms = 0", "search.limit_ms: "),
    ("alias = 'a'\n[limits]\nmax_calls = true", "limits.max_calls: "),
    ("alias = 'a'\nnonsense = 1", "nonsense: unknown key"),
    ("alias = 'a'\n[limits]\nnonsense = 1", "limits.nonsense: unknown key"),
    ("alias", "not TOML"),
]


@pytest.mark.parametrize(("text", "words"), FAULTS)
def test_a_config_that_is_none_names_the_key(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigFault) as fault:
        read_config(path)
    assert str(fault.value).startswith(f"{path}: {words}"), fault.value
    assert str(fault.value).isprintable()


def test_a_new_one_is_private_and_is_never_overwritten(tmp_path: Path) -> None:
    home = Home(tmp_path / "finder")
    identity = create(home, FINDER, NOW_US, entropy())
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
    config, loaded = load(home)
    assert config == FINDER and loaded.node == identity.node
    with pytest.raises(HomeFault, match="exists already"):
        create(home, FINDER, NOW_US, entropy())
    assert load(home)[1].node == identity.node
    assert [p.name for p in tmp_path.iterdir()] == ["finder"], "no draft is left"
    home.path.chmod(0o755)
    with pytest.raises(HomeFault, match="others may enter"):
        load(home)
    with pytest.raises(HomeFault, match="holds no path finder"):
        load(Home(tmp_path))


def test_its_card_is_for_nodes_and_for_payers(tmp_path: Path) -> None:
    home = Home(tmp_path / "finder")
    config = replace(FINDER, peer_listen="127.0.0.1:7601")
    identity = create(home, config, NOW_US, entropy())
    text = service_card(identity, config)
    read = read_pathfinder_card(text, NOW_US)
    assert read.service == "127.0.0.1:7600"
    assert read.node.node == identity.node and read.node.address == "127.0.0.1:7601"
    assert read_peer_card(f" {text}\n", NOW_US) == read.node
    with pytest.raises(WireFault, match="begins with pledgeway-card:"):
        read_card(text, NOW_US)
    node, plain = a_node(tmp_path)
    assert read_peer_card(plain, NOW_US).node == node.node
    with pytest.raises(WireFault, match="begins with pledgeway-pathfinder:"):
        read_pathfinder_card(plain, NOW_US)
    with pytest.raises(WireFault):
        read_pathfinder_card(text, NOW_US + 10 * 366 * 86_400_000_000)
    forged = sign_pathfinder_card(signing_key("somebody"), read)
    with pytest.raises(WireFault, match="did not sign"):
        read_pathfinder_card(forged, NOW_US)
    nowhere = sign_pathfinder_card(identity.key, PathFinderCard(read.node, "a\nb"))
    with pytest.raises(WireFault, match="without a printable address"):
        read_pathfinder_card(nowhere, NOW_US)


def test_cards_of_nodes_are_kept_renewed_and_dropped(tmp_path: Path) -> None:
    home = Home(tmp_path / "finder")
    own = create(home, FINDER, NOW_US, entropy())
    ada, of_ada = a_node(tmp_path, "Ada")
    _, of_bob = a_node(tmp_path, "Bob")

    def keep(text: str) -> NodeCard:
        read = read_node_card(text, NOW_US)
        keep_peer(home, read, text, own)
        return read

    bob = keep(of_bob)
    keep(of_ada)
    moved = keep(card(ada, "Ada", "127.0.0.1:7009"))
    assert load_peers(home, NOW_US) == ([moved, bob], [])
    with pytest.raises(HomeFault, match="own card"):
        keep(service_card(own, FINDER))
    (home.peers / "nonsense.card").write_text("nonsense")
    (home.peers / "binary.card").write_bytes(b"\xff" * 20)
    cards, faults = load_peers(home, NOW_US)
    assert cards == [moved, bob] and len(faults) == 2
    assert all(".card: " in fault for fault in faults)
    drop_peer(home, bob.node.hex())
    drop_peer(home, bob.node.hex())
    assert load_peers(home, NOW_US)[0] == [moved]
    later = NOW_US + 10 * 366 * 86_400_000_000
    assert load_peers(home, later)[0] == [], "keys that have ended are of no use"
