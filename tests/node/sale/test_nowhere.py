"""The search for secrets finds each form in which one could be kept, and nothing where none is."""

import json
import logging
import sqlite3
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.node.sale.nowhere import assert_nowhere, files, forms, found_in

SECRET = bytes(range(200, 256)) + b'hunter2 "x"\n'
WORDS = "Fünf große Bären & 1 Wal".encode()

KEPT: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda s: s,
    "hex": lambda s: s.hex().encode(),
    "HEX": lambda s: s.hex().upper().encode(),
    "base64, first": lambda s: b64encode(s + b"tail"),
    "base64, second": lambda s: b64encode(b"a" + s + b"tail"),
    "base64, third": lambda s: b64encode(b"ab" + s + b"tail"),
    "url-safe, first": lambda s: urlsafe_b64encode(s),
    "url-safe, second": lambda s: urlsafe_b64encode(b"abcd" + s),
    "url-safe, third": lambda s: urlsafe_b64encode(b"ab" + s + b"t"),
    "UTF-16, little": lambda s: s.decode("latin-1").encode("utf-16-le"),
    "UTF-16, big": lambda s: s.decode("latin-1").encode("utf-16-be"),
    "text in UTF-16": lambda s: s.decode("utf-8", "surrogateescape").encode(
        "utf-16-le", "surrogatepass"
    ),
    "hex in UTF-16": lambda s: s.hex().encode().decode().encode("utf-16-be"),
    "base64 in UTF-16": lambda s: b64encode(b"a" + s).decode().encode("utf-16-le"),
    "JSON": lambda s: json.dumps(s.decode("utf-8", "surrogateescape")).encode(),
    "repr": lambda s: repr(s).encode(),
    "URL": lambda s: quote(s).encode(),
}


@pytest.mark.parametrize("secret", [SECRET, WORDS, b"swordfish-42", bytes(32)[:-1] + b"\x07"])
@pytest.mark.parametrize("kept", KEPT)
def test_each_form_is_found_wherever_it_stands(kept: str, secret: bytes, tmp_path: Path) -> None:
    path = tmp_path / "below" / "some.file"
    path.parent.mkdir()
    path.write_bytes(b"before " + KEPT[kept](secret) + b" after")
    with pytest.raises(AssertionError, match=r"some\.file: the secret stands there"):
        assert_nowhere(secret, tmp_path)


@pytest.mark.parametrize("kept", KEPT)
def test_a_part_is_found_too(kept: str) -> None:
    """The first half on one page, the second on another."""
    whole = KEPT[kept](SECRET)
    half = len(whole) // 2
    assert found_in(SECRET, whole[:half] + b"\0\0\1\7" + whole[half:])
    assert found_in(SECRET, whole[half - 2 :])
    assert found_in(SECRET, whole[: half + 2])


def test_nothing_is_found_where_there_is_nothing(tmp_path: Path) -> None:
    other = bytes(reversed(SECRET))
    (tmp_path / "file").write_bytes(b"".join(kept(other) for kept in KEPT.values()))
    assert_nowhere(SECRET, tmp_path, texts=("all quiet",))
    with pytest.raises(AssertionError, match="nothing was searched"):
        assert_nowhere(SECRET)
    with pytest.raises(AssertionError, match="too short"):
        assert_nowhere(b"short", tmp_path)


def test_a_base64_form_holds_no_digit_that_depends_on_its_neighbours() -> None:
    for before in range(6):
        for after in (b"", b"\0", b"\xff\xff"):
            whole = b64encode(b"\xff" * before + SECRET + after)
            assert forms(SECRET)[f"base64 at {before % 3}"] in whole


@pytest.mark.edge
@pytest.mark.parametrize("size", [24, 3000, 9000])
@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_what_sqlite_keeps(mode: str, size: int, tmp_path: Path) -> None:
    """In the log beside the database, in the database, over several pages, and deleted."""
    secret = bytes((7 * i * i + i // 5) % 256 for i in range(size))
    path = tmp_path / "books.sqlite"
    books = sqlite3.connect(path)
    try:
        books.execute(f"PRAGMA journal_mode={mode}")
        books.execute("PRAGMA secure_delete=OFF")
        books.execute("CREATE TABLE kept (id INTEGER PRIMARY KEY, what BLOB)")
        books.commit()
        assert_nowhere(secret, path)
        books.execute("INSERT INTO kept (what) VALUES (?)", (b"x" * 111 + secret,))
        books.commit()
        assert (tmp_path / "books.sqlite-wal" in files(path)) == (mode == "wal")
        with pytest.raises(AssertionError, match="the secret stands there"):
            assert_nowhere(secret, path)
        books.execute("DELETE FROM kept")
        books.commit()
    finally:
        books.close()
    with pytest.raises(AssertionError, match="the secret stands there"):
        assert_nowhere(secret, tmp_path)


def test_what_a_log_tells(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    caplog.set_level(logging.DEBUG)
    assert_nowhere(SECRET, texts=(caplog.text,))
    logging.getLogger("sale").debug("got %r", SECRET)
    with pytest.raises(AssertionError, match="the secret was told"):
        assert_nowhere(SECRET, texts=(caplog.text,))
