"""Blocks of the archive: what is put in comes out, by programs of other versions too."""

import json
import zlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.archive_block import (
    _put,
    _Reader,
    decode_block,
    encode_block,
    key_of,
    key_range,
    keys_of,
    promise_key,
)
from node.command.sim.cast import digest
from node.core.rows import (
    Direction,
    Payment,
    PaymentPhase,
    Promise,
    PromisePhase,
    Role,
    Transaction,
)
from node.core.settling import Bundle
from proto.keys import NodeId
from proto.levels import Level
from proto.money import Brand
from proto.reason import Reason, Refusal

NODE, PEER = NodeId(digest("node")), NodeId(digest("peer"))


def promise(number: int, **changes: Any) -> Promise:
    values: dict[str, Any] = {
        "promisor": PEER, "id": digest(f"promise {number}")[:16], "direction": Direction.IN,
        "line": digest("line")[:16], "peer": PEER, "commit": digest(f"commit {number}"),
        "amount": (1 << 63) - 1, "level": Level.ATOMIC, "expires_at_us": 0,
        "phase": PromisePhase.REDEEMED, "evidence": b"signed promise", "ended_by": b"booking",
        "because": None,
    }  # fmt: skip
    return Promise(**{**values, **changes})


def bundle(number: int, **changes: Any) -> Bundle:
    commit = digest(f"commit {number}")
    transaction = Transaction(
        commit, b"descriptor", Role.PAYER, -5, 7, statements=(b"", b"one", b"x" * 300)
    )
    payment = Payment(
        digest(f"payment {number}")[:16], digest("request"), b"signed request", 1000,
        Brand(digest("USD")[:16], "USD"), PEER, PaymentPhase.ABORTED, 12, route="Łódź",
        commit=commit, because=Refusal(Reason.CREDIT_SHORT, 5),
    )  # fmt: skip
    return Bundle(transaction, (promise(number, **changes),), (payment,))


def test_what_is_put_in_comes_out() -> None:
    bundles = [bundle(n, phase=PromisePhase.RELEASED) for n in range(5)]
    bundles += [Bundle(None, (), bundles[0].owners), Bundle(bundles[1].transaction, ())]
    bundles += [replace(bundles[2], owners=(*bundles[2].owners, *bundles[3].owners))]
    assert decode_block(encode_block(bundles)) == bundles


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({}, b""),  # the signed booking stands for it
        ({"ended_by": b""}, b"signed promise"),
        ({"phase": PromisePhase.ABORTED}, b"signed promise"),
        ({"direction": Direction.OUT}, b"signed promise"),
    ],
)
def test_a_signed_promise_is_kept_where_nothing_stands_for_it(
    changes: dict[str, Any], kept: bytes
) -> None:
    (read,) = decode_block(encode_block([bundle(1, **changes)]))
    assert read.promises[0].evidence == kept


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.integers(-(1 << 63), (1 << 63) - 1),
            st.binary(max_size=300),
            st.text(max_size=300),
        )
    )
)
def test_every_value_of_a_column_comes_back(values: list[Any]) -> None:
    out = bytearray()
    for value in values:
        _put(out, value)
    reader = _Reader(bytes(out))
    assert [reader.take() for _ in values] == values
    assert reader._at == len(out)


def test_columns_that_came_and_went_do_not_matter() -> None:
    """A block of a program that knew no `shown`, and had a column `colour` that is gone."""
    assert decode_block(_as_earlier(bundle(1), "shown")) == decode_block(encode_block([bundle(1)]))


def test_promises_of_an_earlier_block_serve_what_their_transaction_named() -> None:
    """Then one transaction had one payment, or one request, and its promises did not say so."""
    earlier = bundle(1)
    assert earlier.transaction is not None
    owner = earlier.owners[0].id
    earlier = replace(earlier, transaction=replace(earlier.transaction, owner=owner))
    (read,) = decode_block(_as_earlier(earlier, "owner"))
    assert [p.owner for p in read.promises] == [owner]
    (later,) = decode_block(encode_block([earlier]))
    assert [p.owner for p in later.promises] == [b""], "what is said stands"


def _as_earlier(one: Bundle, lacks: str) -> bytes:
    """The block of a program that did not know a column of promises, and had one that is gone."""
    reader = _Reader(zlib.decompress(encode_block([one])))
    columns = json.loads(reader.take())
    out = bytearray()
    count, rows = reader.take(), reader.take()
    tables = list(columns)
    old = dict(columns)
    old["promise"] = [*(c for c in columns["promise"] if c != lacks), "colour"]
    for value in (json.dumps(old), count, rows):
        _put(out, value)
    for _ in range(rows):
        table = reader.take()
        values = {name: reader.take() for name in columns[tables[table]]} | {"colour": "red"}
        _put(out, table)
        for name in old[tables[table]]:
            _put(out, values[name])
    return zlib.compress(bytes(out))


def test_keys_of_one_prefix_lie_side_by_side() -> None:
    for identity in (bytes(16), b"\x7f" * 16, b"\x80" * 16, b"\xff" * 16, digest("any")):
        for digits in range(1, 20):
            low, high = key_range(identity.hex()[:digits])
            assert low <= key_of(identity) <= high
            assert -(1 << 63) <= low <= high < 1 << 63
    low, high = key_range("ab")
    assert not low <= key_of(b"\xac" + bytes(15)) <= high


def test_a_bundle_is_found_by_all_that_names_it() -> None:
    one = bundle(1)
    assert one.transaction
    (owner,) = one.payments
    keys = keys_of(one)
    assert {key_of(one.transaction.commit), key_of(owner.id)} < keys
    assert promise_key(PEER, one.promises[0].id) in keys and len(keys) == 4
    assert promise_key(NODE, one.promises[0].id) not in keys
