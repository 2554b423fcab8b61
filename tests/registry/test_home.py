"""A registry's directory: created whole, never overwritten, keys for their owner alone."""

import random
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from node.command.sim.cast import NOW_US
from proto.limits import GUARD_US
from proto.registry_record import read_record
from registry.config import (
    DEFAULTS,
    MAX_ORIGIN_CHARS,
    Config,
    ConfigFault,
    config_text,
    read_config,
)
from registry.home import Home, HomeFault, create, load_keys, load_members, load_record
from runtime.address import split_address
from tests.registry.serving import CONFIG


def found(path: Path, seed: int = 1, config: Config = CONFIG, operators: int = 1) -> Home:
    create(path, config, operators, operators // 2 + 1, NOW_US, random.Random(seed).randbytes)
    return Home(path)


def test_what_init_leaves(tmp_path: Path) -> None:
    home = found(tmp_path / "deep" / "r", operators=3)
    record = load_record(home.record)
    keys = load_keys(home, record, NOW_US)
    for key, known in ((keys.statement, record.statement_key), (keys.log, record.log_key)):
        assert known(key.public, NOW_US) is not None
    assert keys.statement.public != keys.log.public
    assert record.guard_us == GUARD_US
    assert record.declared_clock
    assert record.sequence == 1
    assert len(home.root_keys()) == 3
    for secret in (*home.root_keys(), home.statement_key, home.tls_key):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600, secret
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
    assert [p.name for p in home.path.parent.iterdir()] == ["r"], "no draft is left"
    config = read_config(home.config)
    assert replace(config, log_origin="") == CONFIG
    assert config.log_origin == f"127.0.0.1/{record.registry.hex()[:16]}"
    assert len(config.log_origin) <= MAX_ORIGIN_CHARS


def test_the_key_is_valid_a_little_before_and_a_year_after(tmp_path: Path) -> None:
    home = found(tmp_path / "r")
    record = load_record(home.record)
    day_us = 86_400_000_000
    for days in (-1, 0, 366):
        load_keys(home, record, NOW_US + days * day_us)
    for days in (-2, 401):
        with pytest.raises(HomeFault, match="does not certify it for now"):
            load_keys(home, record, NOW_US + days * day_us)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    home = found(tmp_path / "r")
    before = home.record.read_bytes()
    with pytest.raises(HomeFault, match=r"r: exists already"):
        found(tmp_path / "r", seed=2)
    assert home.record.read_bytes() == before
    (tmp_path / "file").write_text("mine")
    with pytest.raises(HomeFault):
        found(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    found(tmp_path / "empty")


def test_files_that_are_not_what_they_should_be(tmp_path: Path) -> None:
    home, other = found(tmp_path / "r"), found(tmp_path / "other", seed=2)
    record = load_record(home.record)
    home.tls_certificate.write_bytes(other.tls_certificate.read_bytes())
    with pytest.raises(HomeFault, match=r"tls\.pem: not the certificate"):
        load_keys(home, record, NOW_US)
    home.statement_key.write_text("not hex\n")
    with pytest.raises(HomeFault, match=r"statement\.key: not a key"):
        load_keys(home, record, NOW_US)
    home.record.write_bytes(b"nonsense")
    with pytest.raises(HomeFault, match=r"registry\.record"):
        load_record(home.record)
    home.record.unlink()
    with pytest.raises(HomeFault, match=r"registry\.record: cannot be read"):
        load_record(home.record)


def test_members_beside_us(tmp_path: Path) -> None:
    home, other = found(tmp_path / "r"), found(tmp_path / "other", seed=2)
    assert load_members(home) == {}
    (home.members / "other.record").write_bytes(other.record.read_bytes())
    record = read_record(other.record.read_bytes())
    assert load_members(home) == {record.registry: record}


# --------------------------------------------------------------------- config.toml

FULL = replace(
    DEFAULTS, name='Har"bour\\', log_origin="example.net/1", listen="[::1]:7", archive="h:0"
)


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(config_text(FULL))
    assert read_config(path) == FULL


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("colour = 1", "colour: unknown key"),
        ("[clock]\nsorce = 'chrony'", "clock.sorce: unknown key"),
        ("[extra]\nx = 1", "extra.x: unknown key"),
        ("name = 7", "name: must be a printable text"),
        ("name = ''", "name: must not be empty"),
        ('name = "a\\nb"', "name: must be a printable text"),
        ("listen = '7443'", "listen: must be HOST:PORT"),
        ("archive = 'h:70000'", "archive: must be HOST:PORT"),
        ("public_archive = 'ftp://h'", "public_archive: must begin with http"),
        ("capacity_per_s = 0", "capacity_per_s: must be a whole number from 1"),
        ("capacity_per_s = true", "capacity_per_s: must be a whole number"),
        ("[clock]\nsource = 'sundial'", "clock.source: must be one of declared, chrony"),
        ("[clock]\ndeclared_error_ms = 1.5", "clock.declared_error_ms: must be a whole number"),
        ("[clock]\ndeclared_error_ms = 251", "clock.declared_error_ms: above max_error_ms"),
        ("[limits]\nguard_ms = 1249", "limits.guard_ms: must cover a leap second"),
        ("= 3", "not TOML"),
        ("x = " + "[" * 5000, "not TOML"),
    ],
)
def test_one_line_names_file_and_key(tmp_path: Path, change: str, complaint: str) -> None:
    key = change.split("=")[0].strip()
    base = {"name": "'n'", "log_origin": "'o'", "listen": "'h:1'", "archive": "'h:2'"}
    base.pop(key, None)
    path = tmp_path / "config.toml"
    path.write_text("".join(f"{k} = {v}\n" for k, v in base.items()) + change)
    with pytest.raises(ConfigFault) as caught:
        read_config(path)
    assert str(caught.value).startswith(f"{path}: {complaint}")
    assert "\n" not in str(caught.value)


def test_missing_keys_and_files(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    with pytest.raises(ConfigFault, match=r"config\.toml: cannot be read"):
        read_config(path)
    path.write_text("name = 'n'")
    with pytest.raises(ConfigFault, match=r"config\.toml: log_origin: missing"):
        read_config(path)
    path.write_bytes(b"name = '\xff'")
    with pytest.raises(ConfigFault, match=r"not TOML"):
        read_config(path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("h:1", ("h", 1)),
        ("[::1]:0", ("::1", 0)),
        ("::1:5", None),
        ("h", None),
        (":5", None),
        ("h:", None),
        ("h:٣", None),
        ("h:65536", None),
        ("h:-1", None),
    ],
)
def test_addresses(text: str, expected: tuple[str, int] | None) -> None:
    assert split_address(text) == expected
