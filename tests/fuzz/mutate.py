"""Changes inputs where it hurts: protobuf by fields, text by words and numbers, else by bytes.

Everything is drawn from the `Random` that is passed in, so that a seed repeats it.
"""

from collections.abc import Sequence
from enum import Enum, unique
from random import Random
from re import Match
from re import compile as pattern
from typing import Final

from tests.proto.wireforge import varint

MAX_BYTES: Final = 70_000  # beyond the largest limit that any parser has
MAX_DEPTH: Final = 6  # messages within messages; the deepest of ours has five

NUMBERS: Final = (
    *(0, 1, 2, 7, 15, 16, 127, 128, 255, 256, 4095, 4096, 4097),
    *(2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1),
    *(10**15, 1_790_000_000_000_000, 253_402_300_800_000_000),  # now, and the year 10000, in µs
)
WORDS: Final = (
    *("", "-", "+", "/", "=", " ", "\n", "\n\n", "\t", "\r", "\0", "\x1b[2J", "\u202e", "\ufeff"),
    *("null", "true", "NaN", "-Infinity", "1e999", "1.5", "-1", "0x10", "1_000", "٣", "9" * 5000),
    *('"', '""', "{}", "[]", "[" * 200, '{"a":' * 200, "\\ud800", "\\u0000", "\\n", '"\\n"', "#"),
    *("1979-05-27", "inf", "00", "1970-01-01T99:99:99", "é", "\u2028", "→", "->", "'''", "old 0"),
)
_NUMBER: Final = pattern(rb"\d+")
_WORD: Final = pattern(rb"[A-Za-z_]+|\s+|[^\sA-Za-z0-9_]+|\d+")


@unique
class Form(Enum):
    """How an input is built, so that what is changed is a part of it."""

    FIELDS = "protobuf, or else bytes"
    TEXT = "words and numbers"
    DER = "nested elements, as in certificates"


Field = tuple[int, int, bytes | int]
"""(number, wire type, content): an integer for type 0, bytes for the others."""


def fields(data: bytes) -> list[Field] | None:
    """The fields of bytes that look like a message; None where they do not."""
    found: list[Field] = []
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind, number = tag & 7, tag >> 3
        if at < 0 or not 0 < number < 1 << 29:
            return None
        if kind == 0:
            value, at = _varint(data, at)
            if at < 0:
                return None
            found.append((number, kind, value))
            continue
        size, at = (_varint(data, at)) if kind == 2 else ({1: 8, 5: 4}.get(kind, -1), at)
        if at < 0 or size < 0 or at + size > len(data):
            return None
        found.append((number, kind, data[at : at + size]))
        at += size
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        value, at, shift = value | (byte & 0x7F) << shift, at + 1, shift + 7
        if not byte & 0x80:
            return value, at
    return 0, -1


def joined(parts: Sequence[Field], draw: Random | None = None) -> bytes:
    """The message again; with `draw`, now and then with a varint longer than it has to be."""
    out = bytearray()
    for number, kind, content in parts:
        pad = 1 if draw is not None and draw.random() < 0.02 else 0
        out += varint(number << 3 | kind, pad)
        if isinstance(content, int):
            out += varint(content & 2**64 - 1, 0)
        else:
            out += (varint(len(content), 0) if kind == 2 else b"") + content
    return bytes(out)


def elements(data: bytes) -> list[Field] | None:
    """(tag, 0, content) of the elements of DER; None where the bytes look like something else."""
    found: list[Field] = []
    at = 0
    while at + 2 <= len(data):
        tag, size = data[at], data[at + 1]
        at += 2
        if size & 0x80:
            digits = size & 0x7F
            size, at = int.from_bytes(data[at : at + digits], "big"), at + digits
        if at + size > len(data):
            return None
        found.append((tag, 0, data[at : at + size]))
        at += size
    return found if at == len(data) else None


def encoded(parts: Sequence[Field]) -> bytes:
    """The elements again, with the lengths that they have now."""
    out = bytearray()
    for tag, _, content in parts:
        assert isinstance(content, bytes)
        size = len(content)
        digits = (size.bit_length() + 7) // 8
        out.append(tag)
        out += (
            bytes([size]) if size < 128 else bytes([0x80 | digits]) + size.to_bytes(digits, "big")
        )
        out += content
    return bytes(out)


def _elements(parts: list[Field], draw: Random) -> list[Field]:
    parts = list(parts)
    i = draw.randrange(len(parts))
    tag, _, content = parts[i]
    assert isinstance(content, bytes)
    inner = elements(content) if content else None
    if inner and draw.random() < 0.8:
        parts[i] = tag, 0, encoded(_elements(inner, draw))
        return parts
    match draw.randrange(6):
        case 0:
            del parts[i]
        case 1:
            parts.insert(i, parts[i])
        case 2:
            j = draw.randrange(len(parts))
            parts[i], parts[j] = parts[j], parts[i]
        case 3:
            parts[i] = draw.choice((tag ^ 0x20, tag ^ 1, draw.randrange(256))), 0, content
        case _:
            parts[i] = tag, 0, _bytes(content, (), draw)
    return parts


def mutate(data: bytes, others: Sequence[bytes], draw: Random, form: Form = Form.FIELDS) -> bytes:
    """Another input. `others`: what it may take pieces of."""
    text = form is Form.TEXT
    for _ in range(draw.choice((1, 1, 1, 2, 2, 4))):
        if form is Form.DER and draw.random() < 0.9 and (der := elements(data)):
            data = encoded(_elements(der, draw))
            continue
        parts = None if text or draw.random() < 0.15 else fields(data)
        if parts:
            data = joined(_fields(parts, others, draw, 0), draw)
        elif text and draw.random() < 0.85:
            data = _text(data, others, draw)
        else:
            data = _bytes(data, others, draw)
    return data[:MAX_BYTES]


def _fields(parts: list[Field], others: Sequence[bytes], draw: Random, depth: int) -> list[Field]:
    parts = list(parts)
    if not parts:
        return [(draw.randint(1, 20), 0, draw.choice(NUMBERS))]
    i = draw.randrange(len(parts))
    number, kind, content = parts[i]
    match draw.randrange(9):
        case 0:
            del parts[i]
        case 1:
            parts.insert(draw.randrange(len(parts) + 1), parts[i])
        case 2:
            parts += [parts[i]] * draw.choice((1, 4, 17, 70))
        case 3:
            j = draw.randrange(len(parts))
            parts[i], parts[j] = parts[j], parts[i]
        case 4:
            number = draw.choice((number + 1, number - 1, draw.randint(1, 24), 2**29 - 1))
            parts.insert(i, (max(1, number), kind, content))
        case 5:
            donor = fields(draw.choice(others)) if others else None
            parts[i] = draw.choice(donor) if donor else parts[i]
        case _:
            parts[i] = number, kind, _content(content, others, draw, depth)
    return parts


def _content(
    content: bytes | int, others: Sequence[bytes], draw: Random, depth: int
) -> bytes | int:
    if isinstance(content, int):
        near = (content + 1, content - 1, content ^ 1 << draw.randrange(64))
        return draw.choice((*near, *draw.choices(NUMBERS, k=4))) % 2**64
    inner = fields(content) if depth < MAX_DEPTH and content else None
    if inner and draw.random() < 0.7:
        return joined(_fields(inner, others, draw, depth + 1), draw)
    match draw.randrange(6):
        case 0:
            return b""
        case 1:
            return content[:-1] if draw.random() < 0.5 else content[: len(content) // 2]
        case 2:
            return content + bytes([draw.randrange(256)]) * draw.choice((1, 1, 16, 300, 5000))
        case 3:
            return draw.choice(WORDS).encode()
        case 4:
            return _text(content, others, draw)
        case _:
            return _bytes(content, others, draw)


def _text(data: bytes, others: Sequence[bytes], draw: Random) -> bytes:
    def number(found: Match[bytes]) -> bytes:
        if draw.random() < 0.7:
            return found[0]
        return str(draw.choice((draw.choice(NUMBERS), int(found[0][:30]) + 1))).encode()

    words = list(_WORD.finditer(data))
    if not words or draw.random() < 0.1:
        return _NUMBER.sub(number, data, count=40) or draw.choice(WORDS).encode()
    found = draw.choice(words)
    start, end = found.span()
    match draw.randrange(6):
        case 0:
            return data[:start] + data[end:]
        case 1:
            return data[:end] + found[0] + data[end:]
        case 2:
            return data[:start] + draw.choice(WORDS).encode("utf-8", "replace") + data[end:]
        case 3:
            return data[:start] + draw.choice(WORDS).encode("utf-8", "replace") + data[start:]
        case 4:
            other = draw.choice(words)
            first, second = sorted((found.span(), other.span()))
            return data[: first[0]] + data[second[0] : second[1]] + data[first[1] :]
        case _:
            lines = data.splitlines(keepends=True) + list(
                draw.choice(others or (b"",)).splitlines()
            )
            draw.shuffle(lines)
            return b"".join(lines[: draw.randint(1, len(lines))]) if lines else data


def _bytes(data: bytes, others: Sequence[bytes], draw: Random) -> bytes:
    if not data:
        return draw.randbytes(draw.randint(1, 40))
    at = draw.randrange(len(data))
    match draw.randrange(6):
        case 0:
            return data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :]
        case 1:
            return data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :]
        case 2:
            return data[:at]
        case 3:
            return data[:at] + data[at + draw.choice((1, 2, 8, 32)) :]
        case 4:
            return data[:at] + draw.randbytes(draw.choice((1, 2, 8))) + data[at:]
        case _:
            other = draw.choice(others) if others else data
            return data[:at] + other[draw.randrange(len(other) + 1) :]
