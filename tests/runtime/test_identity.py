"""The keys of a node on disk: made once, readable by their owner alone, certified by each other."""

import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from proto.card import read_card
from proto.wire import WireFault
from runtime.identity import (
    IDENTITY_KEY,
    KEY_LIFE_US,
    PRIVATE_FILES,
    PUBLIC_FILES,
    SEAL_CERTIFIED,
    SEAL_KEY,
    TLS_CERTIFICATE,
    TLS_CERTIFIED,
    TLS_KEY,
    Identity,
    IdentityFault,
    card,
    create_identity,
    load_identity,
)

pytestmark = pytest.mark.edge

NOW_US = 1_795_000_000_000_000


def counted(first: int = 1) -> Callable[[int], bytes]:
    """Entropy that never repeats and never surprises."""
    draws = iter(range(first, 256))
    return lambda count: bytes([next(draws)]) * count


@pytest.fixture
def made(tmp_path: Path) -> Identity:
    return create_identity(tmp_path, NOW_US, counted())


def test_what_is_made_is_loaded(tmp_path: Path, made: Identity) -> None:
    loaded = load_identity(tmp_path)
    assert loaded.node == made.node
    assert loaded.seal.public == made.seal.public
    assert loaded.tls == made.tls
    assert loaded.tls_certificate == made.tls_certificate
    assert loaded.seal_certificate == made.seal_certificate
    assert loaded.not_after_us == NOW_US + KEY_LIFE_US


def test_private_files_are_private(tmp_path: Path, made: Identity) -> None:
    for name in PRIVATE_FILES:
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {*PRIVATE_FILES, *PUBLIC_FILES}


@pytest.mark.parametrize("name", PRIVATE_FILES)
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_key_that_others_may_touch_is_refused(
    tmp_path: Path, made: Identity, name: str, mode: int
) -> None:
    (tmp_path / name).chmod(mode)
    with pytest.raises(IdentityFault, match=rf"{name}: others .*{mode:03o}.*chmod 600"):
        load_identity(tmp_path)


@pytest.mark.parametrize("name", [*PRIVATE_FILES, *PUBLIC_FILES])
def test_nothing_is_overwritten(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(IdentityFault, match=f"{name}: exists already"):
        create_identity(tmp_path, NOW_US, counted())
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "precious"


@pytest.mark.parametrize("name", [*PRIVATE_FILES, *PUBLIC_FILES])
def test_a_missing_file_is_named(tmp_path: Path, made: Identity, name: str) -> None:
    (tmp_path / name).unlink()
    with pytest.raises(IdentityFault, match=f"{name}: cannot be read"):
        load_identity(tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (IDENTITY_KEY, "zz" * 32),
        (IDENTITY_KEY, "ab" * 31),
        (SEAL_KEY, "ab" * 33),
        (SEAL_KEY, ""),
        (SEAL_KEY, "x" * 5000),
        (TLS_CERTIFICATE, "no certificate"),
        (TLS_CERTIFIED, "no certificate"),
        (SEAL_CERTIFIED, ""),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, made: Identity, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(IdentityFault, match=name):
        load_identity(tmp_path)


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ((IDENTITY_KEY,), TLS_CERTIFIED),
        ((SEAL_KEY,), SEAL_CERTIFIED),
        ((SEAL_CERTIFIED,), SEAL_CERTIFIED),
        ((TLS_KEY, TLS_CERTIFICATE), TLS_CERTIFIED),
    ],
)
def test_keys_of_two_nodes_do_not_mix(
    tmp_path: Path, made: Identity, files: tuple[str, ...], named: str
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    create_identity(other, NOW_US, counted(100))
    for name in files:
        (tmp_path / name).write_bytes((other / name).read_bytes())
    with pytest.raises(IdentityFault, match=named):
        load_identity(tmp_path)


def test_a_purpose_is_not_swapped(tmp_path: Path, made: Identity) -> None:
    (tmp_path / SEAL_CERTIFIED).write_bytes(made.tls_certificate)
    with pytest.raises(IdentityFault, match=SEAL_CERTIFIED):
        load_identity(tmp_path)


def test_the_card_says_who_and_where(made: Identity) -> None:
    read = read_card(card(made, "Alice", "127.0.0.1:7001"), NOW_US)
    assert (read.node, read.alias, read.address) == (made.node, "Alice", "127.0.0.1:7001")
    assert read.tls_certificate == made.tls.certificate_der


def test_the_card_ends_with_its_certificates(made: Identity) -> None:
    text = card(made, "Alice", "")
    assert read_card(text, made.not_after_us).alias == "Alice"
    with pytest.raises(WireFault):
        read_card(text, made.not_after_us + 1)


def test_no_secret_is_shown(made: Identity) -> None:
    shown = repr(made) + repr(replace(made, not_after_us=0))
    assert made.key.seed.hex() not in shown
    assert repr(made.key.seed) not in shown
    assert "PRIVATE" not in shown
