"""config.toml: what it may say, and one line about what it may not."""

from dataclasses import replace
from pathlib import Path

import pytest

from node.config import (
    CONFIG_NAME,
    ConfigFault,
    NodeConfig,
    check_config,
    config_text,
    read_config,
    write_config,
)
from node.core.view import Caps
from proto.limits import MAX_AMOUNT
from runtime.address import split_address
from runtime.gossip_limits import STORED_BYTES_EACH, GossipLimits
from runtime.toml_file import MAX_CONFIG_BYTES

ALICE = NodeConfig("Alice", listen="127.0.0.1:7001")


def read(tmp_path: Path, text: str | bytes) -> NodeConfig:
    path = tmp_path / CONFIG_NAME
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_config(path)


def test_the_least_config(tmp_path: Path) -> None:
    config = read(tmp_path, 'alias = "Alice"')
    assert config == NodeConfig("Alice")
    assert config.declared_error_us == 50_000
    assert config.max_pending_amount == MAX_AMOUNT
    assert config.public_address == ""
    assert config.data_path(tmp_path) == tmp_path / "data"


def test_everything_set(tmp_path: Path) -> None:
    text = """
        alias = "Alice"
        listen = "[::1]:0"
        address = "alice.example:7001"
        data_dir = "/var/lib/alice"
        store = "postgresql+psycopg://alice@db.example/books"
        [clock]
        declared_error_ms = 7
        [archive]
        keep_days = 30
        [limits]
        max_pending_count = 3
        max_pending_amount = 900
        max_held_value_s = 9000
        max_messages_per_s = 70
        max_adverts_per_s = 50
        max_message_bytes = 20000
        max_frame_bytes = 600000
        max_known_adverts = 5000
        max_adverts_per_origin = 60
        max_adverts_per_origin_per_min = 7
    """
    config = read(tmp_path, text)
    assert config == NodeConfig(
        "Alice", "[::1]:0", "alice.example:7001", "/var/lib/alice", 7000,
        3, 900, 9000, 70, 50, 20_000, 600_000,
        "postgresql+psycopg://alice@db.example/books", 30,
        5000, 60, 7,
    )  # fmt: skip
    assert config.caps == Caps(3, 900, 9000)
    assert config.gossip_limits == GossipLimits(60, 7, 60, 5000, 5000 * STORED_BYTES_EACH)
    assert config.public_address == "alice.example:7001"
    assert config.data_path(tmp_path) == Path("/var/lib/alice")


def test_nobody_dials_a_port_that_is_not_known() -> None:
    assert NodeConfig("A", listen="127.0.0.1:0").public_address == ""
    assert NodeConfig("A", listen="127.0.0.1:0", address="h:1").public_address == "h:1"


def test_listen_is_the_address_where_none_is_given() -> None:
    assert ALICE.public_address == "127.0.0.1:7001"


@pytest.mark.parametrize(
    "config",
    [
        ALICE,
        replace(ALICE, alias='a "quoted" \\ name', data_dir="a#b'c"),
        replace(ALICE, alias="Łódź 東京", declared_error_us=0, max_pending_count=1),
    ],
)
def test_what_is_written_is_read(tmp_path: Path, config: NodeConfig) -> None:
    path = tmp_path / CONFIG_NAME
    write_config(path, config)
    assert read_config(path) == config == check_config(config, path)


def test_an_owners_file_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / CONFIG_NAME
    write_config(path, ALICE)
    with pytest.raises(FileExistsError):
        write_config(path, replace(ALICE, alias="Eve"))
    assert read_config(path) == ALICE


@pytest.mark.parametrize(
    ("text", "key", "cause"),
    [
        ("", "alias", "missing"),
        ('alias = ""', "alias", "characters"),
        ("alias = 3", "alias", "text"),
        ('alias = "a/b"', "alias", "'/'"),
        ('alias = " "', "alias", "characters"),
        (f'alias = "{"a" * 65}"', "alias", "at most 64"),
        ('alias = "a\\u202Eb"', "alias", "printable"),
        ('alias = "A"\nlisten = "7001"', "listen", "HOST:PORT"),
        ('alias = "A"\nlisten = "::1:7001"', "listen", "HOST:PORT"),
        ('alias = "A"\nlisten = "host:65536"', "listen", "HOST:PORT"),
        ('alias = "A"\nlisten = ["a:1"]', "listen", "text"),
        ('alias = "A"\naddress = "host:٣"', "address", "HOST:PORT"),
        ('alias = "A"\naddress = "host:0"', "address", "port 0"),
        ('alias = "A"\nlisten = "0.0.0.0:7001"', "address", "missing"),
        ('alias = "A"\nlisten = "[::]:7001"', "address", "missing"),
        ('alias = "A"\naddress = "0.0.0.0:7001"', "address", "nobody can dial 0.0.0.0"),
        ('alias = "A"\ndata_dir = ""', "data_dir", "empty"),
        ('alias = "A"\ncolour = "red"', "colour", "unknown key"),
        ('alias = "A"\n[limits]\nmax_hops = 3', "limits.max_hops", "unknown key"),
        ('alias = "A"\n[colours]', "colours", "unknown key"),
        ('alias = "A"\n"a\\nb" = 1', "'a\\nb'", "unknown key"),
        ('alias = "A"\nclock = 5', "clock", "unknown key"),
        ('alias = "A"\n[clock]\ndeclared_error_ms = -1', "clock.declared_error_ms", "whole"),
        ('alias = "A"\n[clock]\ndeclared_error_ms = 1.5', "clock.declared_error_ms", "whole"),
        ('alias = "A"\n[clock]\ndeclared_error_ms = true', "clock.declared_error_ms", "whole"),
        ('alias = "A"\n[limits]\nmax_pending_count = 0', "limits.max_pending_count", "whole"),
        ('alias = "A"\n[limits]\nmax_pending_count = 262145', "limits.max_pending_count", "262144"),
        ('alias = "A"\n[limits]\nmax_messages_per_s = 0', "limits.max_messages_per_s", "whole"),
        ('alias = "A"\n[limits]\nmax_adverts_per_s = 0', "limits.max_adverts_per_s", "whole"),
        ('alias = "A"\n[limits]\nmax_known_adverts = 999', "limits.max_known_adverts", "1000"),
        ('alias = "A"\n[limits]\nmax_held_value_s = 0', "limits.max_held_value_s", "whole"),
        ('alias = "A"\n[limits]\nmax_message_bytes = 65537', "limits.max_message_bytes", "65536"),
        ('alias = "A"\n[limits]\nmax_frame_bytes = 99', "limits.max_frame_bytes", "589824"),
        (
            'alias = "A"\n[limits]\nmax_pending_amount = 9223372036854775808',
            "limits.max_pending_amount",
            "whole",
        ),
        ("alias =", "", "not TOML"),
        (b"alias = '\xff'", "", "not TOML"),
        ("a=" + "[" * 5000, "", "not TOML"),
        ("#" * (MAX_CONFIG_BYTES + 1), "", "more than"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    tmp_path: Path, text: str | bytes, key: str, cause: str
) -> None:
    with pytest.raises(ConfigFault) as caught:
        read(tmp_path, text)
    fault = caught.value
    assert fault.key == key
    assert cause in fault.cause
    assert str(fault).startswith(str(tmp_path / CONFIG_NAME))
    assert fault.key in str(fault)
    assert "\n" not in str(fault)


def test_a_missing_file_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigFault, match="cannot be read"):
        read_config(tmp_path / "nowhere")


def test_a_config_is_checked_before_it_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigFault) as caught:
        check_config(replace(ALICE, alias="a\nb"), tmp_path)
    assert caught.value.key == "alias"
    with pytest.raises(ConfigFault) as caught:
        check_config(replace(ALICE, listen="nowhere"), tmp_path)
    assert caught.value.key == "listen"


def test_the_text_explains_itself() -> None:
    lines = [line for line in config_text(ALICE).splitlines() if "=" in line]
    assert len(lines) == 32


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("host:1", ("host", 1)),
        ("[::1]:80", ("::1", 80)),
        ("host:", None),
        (":80", None),
        ("host", None),
        ("::1:80", None),
        ("host:+1", None),
        ("host:000080", None),
    ],
)
def test_addresses(text: str, found: tuple[str, int] | None) -> None:
    assert split_address(text) == found


CARD = "pledgeway-pathfinder:abc"


def test_whom_a_node_asks_for_routes(tmp_path: Path) -> None:
    text = f'alias = "A"\n[pathfinder]\ncards = ["{CARD}"]\ngossip = false\n'
    config = read(tmp_path, text)
    assert (config.pathfinders, config.gossip) == ((CARD,), False)
    assert read(tmp_path, config_text(config)) == config
    assert read(tmp_path, 'alias = "A"\n[pathfinder]\n') == NodeConfig("A")


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("gossip = false", "pathfinder.gossip"),
        ("gossip = 1", "pathfinder.gossip"),
        (f"cards = {CARD!r}", "pathfinder.cards"),
        ("cards = [7]", "pathfinder.cards"),
        ("cards = ['pledgeway-card:abc']", "pathfinder.cards"),
        (f"cards = {[CARD] * 9}", "pathfinder.cards"),
        (f"cards = ['{CARD}{'x' * 20_000}']", "pathfinder.cards"),
        ("key = 'x'", "pathfinder.key"),
    ],
)
def test_what_is_no_path_finder_names_the_key(section: str, key: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigFault) as fault:
        read(tmp_path, f'alias = "A"\n[pathfinder]\n{section}\n')
    assert fault.value.key == key
