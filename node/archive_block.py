"""How settled rows lie in a block of the archive: compressed together, and found by numbers.

A block names its columns, so that a later program reads the blocks of an earlier one: a column
that was added since has its default, one that is gone is passed over.
"""

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import blake2b, sha256
from typing import Any, Final

from node.core.rows import Direction, Payment, Promise, PromisePhase, Request, Row, Transaction
from node.core.rows import replace as replaced
from node.core.settling import Bundle
from node.store import ROWS, RowTable

LEVEL: Final = 6  # of zlib: 9 takes twice the time for half a percent
TABLES: Final = (Transaction.table, Promise.table, Payment.table, Request.table)
_INTEGER, _BYTES, _TEXT, _NULL = range(4)  # the last byte of a size or a number says which


def encode_block(bundles: Sequence[Bundle]) -> bytes:
    """What is kept of these rows.

    Of a promise that we held and that became debt, the signed promise goes: the promisor's
    signed booking stands for it, and its packet of instructions alone would be most of the block.
    """
    columns = [list(ROWS[table].codecs) for table in TABLES]
    out = bytearray()
    _put(out, json.dumps(dict(zip(TABLES, columns, strict=True))))
    _put(out, len(bundles))
    for bundle in bundles:
        rows = bundle.rows
        _put(out, len(rows))
        for row in rows:
            table = TABLES.index(row.table)
            _put(out, table)
            for value in ROWS[row.table].values(_kept(row)):
                _put(out, value)
    return zlib.compress(bytes(out), LEVEL)


def decode_block(data: bytes) -> list[Bundle]:
    """The bundles of a block that this node has written."""
    reader = _Reader(zlib.decompress(data))
    columns = json.loads(reader.take())
    tables = list(columns)
    owned = "owner" in columns[Promise.table]
    bundles = []
    for _ in range(reader.take()):
        rows = []
        for _ in range(reader.take()):
            table = tables[reader.take()]
            values = {name: reader.take() for name in columns[table]}
            rows.append(_row(ROWS[table], values))
        bundle = _bundle(rows)
        bundles.append(bundle if owned else _with_owners(bundle))
    return bundles


def _with_owners(bundle: Bundle) -> Bundle:
    """Of a block from before promises named what they serve: their transaction named it."""
    owner = b"" if bundle.transaction is None else bundle.transaction.owner
    return replace(bundle, promises=tuple(replaced(p, owner=owner) for p in bundle.promises))


def _kept(row: Row) -> Row:
    if isinstance(row, Promise) and row.direction is Direction.IN:
        booked = row.phase is PromisePhase.REDEEMED and row.ended_by
        return replaced(row, evidence=b"") if booked else row
    return row


def _row(entry: RowTable, values: dict[str, Any]) -> Row:
    known = {
        name: codec.from_db(values[name]) for name, codec in entry.codecs.items() if name in values
    }
    return entry.kind(**known)


def _bundle(rows: Iterable[Row]) -> Bundle:
    transaction: Transaction | None = None
    promises: list[Promise] = []
    owners: list[Payment | Request] = []
    for row in rows:
        match row:
            case Transaction():
                transaction = row
            case Promise():
                promises.append(row)
            case Payment() | Request():
                owners.append(row)
    return Bundle(transaction, tuple(promises), tuple(owners))


# ---------------------------------------------------------------- values


def _put(out: bytearray, value: int | bytes | str | None) -> None:
    match value:
        case None:
            _put_number(out, _NULL)
        case int():
            # Zigzag: small numbers of either sign are short.
            _put_number(out, (value << 1 if value >= 0 else (-value << 1) - 1) << 2 | _INTEGER)
        case bytes():
            _put_number(out, len(value) << 2 | _BYTES)
            out += value
        case str():
            text = value.encode()
            _put_number(out, len(text) << 2 | _TEXT)
            out += text


def _put_number(out: bytearray, number: int) -> None:
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self) -> Any:
        number = self._number()
        kind, number = number & 3, number >> 2
        if kind == _NULL:
            return None
        if kind == _INTEGER:
            return -((number + 1) >> 1) if number & 1 else number >> 1
        piece = self._data[self._at : self._at + number]
        self._at += number
        return piece if kind == _BYTES else piece.decode()

    def _number(self) -> int:
        number = shift = 0
        while True:
            byte = self._data[self._at]
            self._at += 1
            number |= (byte & 0x7F) << shift
            if byte <= 0x7F:
                return number
            shift += 7


# ---------------------------------------------------------------- keys


def key_of(identity: bytes) -> int:
    """Of a commit id, a payment, a request or a request's hash: its first 8 bytes, so that the
    ids with one prefix lie side by side."""
    return int.from_bytes(identity[:8].ljust(8, b"\0"), "big", signed=True)


def key_range(digits: str) -> tuple[int, int]:
    """The keys of all ids that begin with these hex digits (1 to 16; more say nothing more)."""
    first, last = digits[:16].ljust(16, "0"), digits[:16].ljust(16, "f")
    return key_of(bytes.fromhex(first)), key_of(bytes.fromhex(last))


def promise_key(promisor: bytes, promise: bytes) -> int:
    """Of a promise: hashed, since its promisor chooses the id."""
    return key_of(blake2b(promisor + promise, digest_size=8).digest())


def keys_of(bundle: Bundle) -> set[int]:
    """Under which numbers a bundle is found."""
    keys = {promise_key(p.promisor, p.id) for p in bundle.promises}
    if bundle.transaction is not None:
        keys.add(key_of(bundle.transaction.commit))
    keys |= {key_of(owner.id) for owner in bundle.owners}
    keys |= {key_of(sha256(payment.request).digest()) for payment in bundle.payments}
    return keys


def mark_of(bundle: Bundle) -> int:
    """The one of its keys that is no other bundle's: its transaction's, or its only owner's.

    Two payments of one request share the key of its hash.
    """
    if bundle.transaction is not None:
        return key_of(bundle.transaction.commit)
    (owner,) = bundle.owners
    return key_of(owner.id)
