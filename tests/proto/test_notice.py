"""The thin body of a webhook."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto.notice import MAX_NOTICE_BYTES, NoticeKind, Told, read_told
from proto.wire import WireFault

TOLD = Told(NoticeKind.COMMITTED, bytes(range(16)), "https://node.example/back/receipts/0a")
SAID = json.loads(TOLD.encode())


@pytest.mark.parametrize("kind", NoticeKind)
def test_there_and_back(kind: NoticeKind) -> None:
    told = Told(kind, TOLD.request_id, TOLD.receipt_url if kind is NoticeKind.COMMITTED else "")
    assert read_told(told.encode()) == told


def test_its_form() -> None:
    assert TOLD.encode() == (
        b'{"type":"payment.committed","request_id":"000102030405060708090a0b0c0d0e0f",'
        b'"receipt_url":"https://node.example/back/receipts/0a"}'
    )
    assert read_told(json.dumps(SAID | {"more": [1]}).encode()) == TOLD
    assert b'"receipt_url":null' in Told(NoticeKind.DENIED, TOLD.request_id).encode()


BAD = (
    *({"type": "payment.paid"}, {"type": 1}, {"type": []}, {"request_id": "00"}, {"request_id": 5}),
    *({"request_id": "x" * 32}, {"receipt_url": "javascript:alert(1)"}, {"receipt_url": None}),
    *({"receipt_url": ""}, {"receipt_url": "https://a/" + "b" * 600}, {"type": None}),
    *({"type": "payment.denied"}, {"type": "payment.expired"}),
)


@pytest.mark.parametrize("change", BAD, ids=map(str, range(len(BAD))))
def test_bodies_that_are_none(change: dict[str, object]) -> None:
    with pytest.raises(WireFault):
        read_told(json.dumps(SAID | change).encode())


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"\xff", b"[" * 2000, b" " * 3000])
def test_no_json_object(body: bytes) -> None:
    with pytest.raises(WireFault):
        read_told(body)


@given(st.binary(max_size=MAX_NOTICE_BYTES))
def test_any_bytes(body: bytes) -> None:
    with pytest.raises(WireFault):
        read_told(body)
