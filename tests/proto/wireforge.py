"""Writes protobuf by hand, so that tests can make encodings which no library would make."""


def varint(value: int, pad: int = 0) -> bytes:
    """Base-128 of a natural number, with `pad` superfluous bytes: equal value, other bytes."""
    out = bytearray()
    while True:
        low, value = value & 0x7F, value >> 7
        out.append(low | (0x80 if value or pad else 0))
        if not value:
            break
    for i in range(pad):
        out.append(0x80 if i < pad - 1 else 0)
    return bytes(out)


def number(field: int, value: int, *, pad: int = 0, tag_pad: int = 0) -> bytes:
    return varint(field << 3, tag_pad) + varint(value, pad)


def chunk(field: int, data: bytes, *, pad: int = 0, tag_pad: int = 0) -> bytes:
    return varint(field << 3 | 2, tag_pad) + varint(len(data), pad) + data


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at


def split(data: bytes) -> list[tuple[int, int | bytes]]:
    """The fields of a message in order: (number, value). Only varints and chunks."""
    fields: list[tuple[int, int | bytes]] = []
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        value, at = read_varint(data, at)
        if tag & 7 == 0:
            fields.append((tag >> 3, value))
        else:
            assert tag & 7 == 2
            fields.append((tag >> 3, data[at : at + value]))
            at += value
    return fields


def one(field: int, value: int | bytes) -> bytes:
    return number(field, value) if isinstance(value, int) else chunk(field, value)


def join(fields: list[tuple[int, int | bytes]]) -> bytes:
    return b"".join(one(*f) for f in fields)
