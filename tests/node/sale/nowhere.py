"""Searches files for a secret in every form in which a program may have let it slip.

`assert_nowhere(secret, *paths)`: plain, hexadecimal, base64 at all three alignments (URL-safe too),
as JSON, as Python or a URL would write it, each also in UTF-16. Pieces of each form are looked for
as well, since a page of SQLite ends anywhere. tests/node/sale/test_nowhere.py proves each of them
to be found.
"""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np

MIN_SECRET_BYTES = 12  # a shorter one could be there by chance
PIECE_BYTES = 12  # of a form: 96 bits by chance in no file
MAX_PIECES = 64  # of a form: those of a page of recovery codes are still 300 bytes apart at most
HEAD_BYTES = 6  # of a piece: by chance once in some hundred terabytes
DULL_VALUES = 3  # a piece of so few different bytes is in many files


def forms(secret: bytes) -> dict[str, bytes]:
    """By name, all that is looked for."""
    text = secret.decode("utf-8", "surrogateescape")
    latin = secret.decode("latin-1")
    found = {"plain": secret, "hexadecimal": secret.hex().encode()}
    found["HEXADECIMAL"] = secret.hex().upper().encode()
    for shift in range(3):
        found[f"base64 at {shift}"] = _base64(secret, shift)
        found[f"url-safe base64 at {shift}"] = _base64(secret, shift, safe=True)
    found["JSON"] = json.dumps(text)[1:-1].encode()
    found["repr of bytes"] = repr(secret)[2:-1].encode()
    found["URL"] = quote(secret).encode()
    for name, form in list(found.items()):
        if form.isascii():
            found[f"{name} in UTF-16"] = form.decode().encode("utf-16-le")
    found["plain in UTF-16"] = latin.encode("utf-16-le")
    found["text in UTF-16"] = text.encode("utf-16-le", "surrogatepass")
    for name, form in list(found.items()):
        if name.endswith("UTF-16"):
            swapped = zip(form[1::2], form[::2], strict=True)
            found[f"{name}, big end first"] = bytes(byte for pair in swapped for byte in pair)
    return found


def _base64(secret: bytes, shift: int, *, safe: bool = False) -> bytes:
    """What is the same of it wherever `shift` bytes (of every three) stand before it: the digits
    that depend on the secret alone."""
    encode = urlsafe_b64encode if safe else b64encode
    digits = encode(bytes(shift) + secret)
    return digits[-(-8 * shift // 6) : 8 * (shift + len(secret)) // 6]


def found_in(secret: bytes, data: bytes) -> str:
    """The name of a form of which a piece is in `data`; empty where there is none."""
    looked_for = forms(secret)
    if not _may_hold(data, _heads(looked_for.values())):
        return ""
    for name, form in looked_for.items():
        if any(piece in data for piece in _pieces(form)):
            return name
    return ""


def _pieces(form: bytes) -> Iterator[bytes]:
    """Cut where it may, of what is left on one side a whole piece is among these; two of a short
    one. Zeros and the like are everywhere, and are looked for with the rest of the form alone."""
    yield form
    size = min(PIECE_BYTES, max(1, len(form) // 2))
    for at in range(0, len(form) - size + 1, max(size, len(form) // MAX_PIECES)):
        piece = form[at : at + size]
        if len(set(piece)) > DULL_VALUES:
            yield piece


def _heads(looked_for: Iterable[bytes]) -> frozenset[bytes]:
    """The beginnings of all pieces. Empty where one is too short to have one."""
    heads = frozenset(piece[:HEAD_BYTES] for form in looked_for for piece in _pieces(form))
    return heads if all(len(head) == HEAD_BYTES for head in heads) else frozenset()


def _may_hold(data: bytes, heads: frozenset[bytes]) -> bool:
    """False only where none of these is in `data`: all of them in one go, for a search of each by
    itself takes a minute for the stores of a town."""
    if not heads or len(data) < HEAD_BYTES:
        return True
    begins = np.zeros(1 << 16, dtype=bool)
    begins[[int.from_bytes(head[:2], "little") for head in heads]] = True
    for shift in range(2):
        pairs = np.frombuffer(data, "<u2", count=(len(data) - shift) // 2, offset=shift)
        for at in 2 * np.flatnonzero(begins[pairs]) + shift:
            if data[at : at + HEAD_BYTES] in heads:
                return True
    return False


def files(*paths: Path) -> list[Path]:
    """All files that are meant: directories with what is below them, and what SQLite keeps beside
    a database."""
    found: dict[Path, None] = {}
    for path in paths:
        below = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        beside = [Path(f"{p}{end}") for p in below for end in ("-wal", "-shm", "-journal")]
        for file in (*below, *(p for p in beside if p.exists())):
            found[file] = None
    return list(found)


def assert_nowhere(secret: bytes, *paths: Path, texts: tuple[str, ...] = ()) -> None:
    """Fails where the secret, or a piece of it, is in a file or a text in any form. At least one
    file must be there, since nothing is found in nothing."""
    assert len(secret) >= MIN_SECRET_BYTES, "too short to be told from chance"
    looked_at = files(*paths)
    assert looked_at or texts, "nothing was searched"
    for path in looked_at:
        form = found_in(secret, path.read_bytes())
        assert not form, f"{path}: the secret stands there, {form}"
    for text in texts:
        form = found_in(secret, text.encode("utf-8", "surrogatepass"))
        assert not form, f"the secret was told, {form}"
