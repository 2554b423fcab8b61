"""The checker that deploy/examples/shop ships: sold for a receipt of this order, and for nothing
else."""

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import NOW_US, R1, R2, digest, signing_key
from proto.receipt import PaymentReceipt
from proto.receipt_check import ReceiptFault, RestsOn, Trust
from proto.request import request_hash
from proto.webhook import WebhookFault, sign_webhook
from tests.proto import receipts as r

ROOM = Path(__file__).parents[2] / "deploy" / "examples" / "shop" / "checking.py"


def _loaded(path: Path) -> ModuleType:
    """A room of the example, which is no package."""
    spec = importlib.util.spec_from_file_location("shop_checking", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


shop = _loaded(ROOM)
OURS = Trust(frozenset({R1.id}))
ORDER = shop.Order(request_hash(r.signed(r.REQUEST)), 700, r.BRAND.guid, digest("one lamp"))
CHECKER = shop.Checker({r.PAYEE.node_id}, OURS, [R1.record])
TRUSTING = shop.Checker({r.PAYEE.node_id}, OURS, uncertified=True)


def test_what_is_paid_is_sold() -> None:
    data = r.certified().encode()
    sold = CHECKER.check(data, ORDER, NOW_US)
    assert isinstance(sold, shop.Sold)
    assert (sold.request_hash, sold.amount) == (ORDER.request_hash, 700)
    assert sold.rests_on is RestsOn.CERTIFIED and sold.receipt == data


def test_more_than_the_price_is_enough() -> None:
    order = shop.Order(request_hash(r.signed(r.CHOOSING)), 600, r.BRAND.guid)
    assert isinstance(
        CHECKER.check(r.certified(r.CHOOSING, 650).encode(), order, NOW_US), shop.Sold
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"request_hash": digest("x")}, "OTHER_REQUEST"),
        ({"order_hash": digest("x")}, "OTHER_ORDER"),
        ({"brand": digest("x")[:16]}, "OTHER_BRAND"),
        ({"amount": 701}, "TOO_LITTLE"),
    ],
)
def test_another_order_is_not_sold(changes: dict[str, object], why: str) -> None:
    result = CHECKER.check(r.certified().encode(), replace(ORDER, **changes), NOW_US)
    assert isinstance(result, shop.NotSold) and result.why.name == why and result.text


def test_somebody_elses_money_is_not_ours() -> None:
    """Whoever signs a request of his own and pays himself has a receipt that proves just that."""
    result = shop.Checker({r.SHOP.node_id}, OURS).check(r.certified().encode(), ORDER, NOW_US)
    assert result.why is shop.Reason.OTHER_PAYEE


def test_a_forged_paid_callback_sells_nothing() -> None:
    """Whatever a caller makes of a true receipt of something else, or of one that was refused."""
    dearer = replace(r.REQUEST, amount=70_000)
    order = shop.Order(request_hash(r.signed(dearer)), 70_000, r.BRAND.guid)
    true = r.certified()
    refused = r.certificate_file(r.descriptor_for(dearer), abort=True)
    for forged in (
        true,
        replace(true, request=r.signed(dearer)),
        replace(r.certified(dearer), certificate=true.certificate),
        replace(r.certified(dearer), certificate=refused),
        replace(r.certified(dearer), certificate=b"", commit=r.bare().commit),
        replace(r.bare(), request=r.signed(dearer)),
    ):
        for checker in (CHECKER, TRUSTING):
            assert isinstance(checker.check(forged.encode(), order, NOW_US), shop.NotSold)


def test_registries_that_the_shop_does_not_trust_prove_nothing() -> None:
    checker = shop.Checker({r.PAYEE.node_id}, Trust(frozenset({R2.id})))
    result = checker.check(r.certified().encode(), ORDER, NOW_US)
    assert (result.why, result.fault) == (shop.Reason.PROVES_NOTHING, ReceiptFault.UNTRUSTED)


@pytest.mark.parametrize("made", [r.bare, r.in_house])
def test_what_no_registry_decided_is_taken_only_where_the_shop_says_so(
    made: Callable[[], PaymentReceipt],
) -> None:
    data = made().encode()
    assert CHECKER.check(data, ORDER, NOW_US).why is shop.Reason.NOT_CERTIFIED
    assert TRUSTING.check(data, ORDER, NOW_US).rests_on is not RestsOn.CERTIFIED


@given(st.binary(max_size=300))
def test_whatever_comes_it_never_raises(junk: bytes) -> None:
    assert isinstance(CHECKER.check(junk, ORDER, NOW_US), shop.NotSold)


def test_a_call_is_heard_from_the_node_alone() -> None:
    key, other = signing_key("webhook"), signing_key("mallory")
    headers = sign_webhook([key], "msg_1", 1_790_000_000, b"{}")
    assert shop.heard(headers, b"{}", [key.public], 1_790_000_001) == b"{}"
    for keys, body, now_s in (
        ([other.public], b"{}", 1_790_000_001),
        ([key.public], b"{ }", 1_790_000_001),
        ([key.public], b"{}", 1_790_001_000),
    ):
        with pytest.raises(WebhookFault):
            shop.heard(headers, body, keys, now_s)


def test_it_needs_nothing_but_proto() -> None:
    named = {line.split()[1].split(".")[0] for line in ROOM.read_text().splitlines()
             if line.startswith(("import ", "from "))}  # fmt: skip
    assert named <= {"collections", "dataclasses", "enum", "proto"}
