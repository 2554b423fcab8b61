"""Protobuf's wire format, written by hand where many messages of one shape are made at once.

Encoding of the protobuf documentation, "Encoding": a field is its tag and its value, values of
bytes and messages have their length before them, and in proto3 a zero or empty field is left out.
What is written here must be what protobuf itself would write; the tests compare both.
"""

from typing import Final

_SHORT: Final = 1 << 7
_TABLED: Final = 1 << 12  # lengths of nearly everything that a registry answers


def _varint(value: int) -> bytes:
    assert value >= 0, value
    out = bytearray()
    while value >= _SHORT:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


_TABLE: Final = [_varint(value) for value in range(_TABLED)]


def varint(value: int) -> bytes:
    """A number from 0 on, seven bits a byte, the lowest first."""
    return _TABLE[value] if value < _TABLED else _varint(value)


def sized(tag: bytes, data: bytes) -> bytes:
    """A field of bytes, or of a message's bytes; written even where they are none."""
    return tag + varint(len(data)) + data
