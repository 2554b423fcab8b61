"""What a shop may say to `request.create`: taken as it is, or refused by the argument's name."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from node.command.sim.cast import NOW_US, digest
from node.control.context import Context
from node.control.request_parts import take_amounts, take_parts
from proto.limits import MAX_AMOUNT, US
from proto.money import Brand
from proto.request_parts import MandateTerms, Requester
from runtime.clock import FakeClock
from runtime.control import Arguments, ControlFailure

USD, TENS = Brand(b"u" * 16, "USD"), Brand(b"t" * 16, "TEN", 10)
ALICE = digest("Alice")


def context() -> Context:
    identity = SimpleNamespace(key=SimpleNamespace(node_id=digest("me")))
    names = {ALICE: "Alice", digest("me"): "me", digest("Al2"): "Ann", digest("Al3"): "Ann"}
    links = SimpleNamespace(neighbours=dict.fromkeys(names))
    return cast(
        Context,
        SimpleNamespace(
            clock=FakeClock(NOW_US),
            identity=identity,
            engine=SimpleNamespace(links=links),
            gossip=SimpleNamespace(adverts=()),
            alias_of=names.__getitem__,
        ),
    )


AMOUNTS = [
    ({"amount": 700}, USD, (700, 0, False)),
    ({"amount": 700, "amount_min": 5}, USD, (700, 5, False)),
    ({"amount": 700, "amount_min": 700}, USD, (700, 700, False)),
    ({"amount": 700, "amount_min": 5, "fees_by_payee": True}, USD, (700, 5, True)),
    ({"open": True}, USD, (MAX_AMOUNT, 1, False)),
    ({"open": True}, TENS, (MAX_AMOUNT - MAX_AMOUNT % 10, 10, False)),
    ({}, USD, "amount"),
    ({"amount": 0}, USD, "amount"),
    ({"amount": 5, "amount_min": 6}, USD, "amount_min"),
    ({"amount": 5, "amount_min": 0}, USD, "amount_min"),
    ({"amount": 5, "fees_by_payee": True}, USD, "amount_min"),
    ({"amount": 5}, TENS, "amount"),
    ({"amount": 50, "amount_min": 5}, TENS, "amount_min"),
    ({"open": True, "amount": 5}, USD, "open"),
    ({"open": True, "amount_min": 5}, USD, "open"),
    ({"open": True, "fees_by_payee": True}, USD, "open"),
    ({"open": 1}, USD, "open"),
]


@pytest.mark.parametrize(("said", "brand", "expected"), AMOUNTS)
def test_amounts(said: dict[str, Any], brand: Brand, expected: tuple[int, int, bool] | str) -> None:
    arguments = Arguments(said)
    if isinstance(expected, str):
        with pytest.raises(ControlFailure) as caught:
            take_amounts(arguments, brand)
        assert caught.value.code == "BAD_ARGUMENT"
        assert caught.value.message.startswith(f"{expected}: ")
        return
    fields = take_amounts(arguments, brand)
    arguments.done()
    most, least, by_payee = expected
    assert (fields["amount"], fields.get("amount_min"), fields.get("fees_by_payee", False)) == (
        most,
        least,
        by_payee,
    )


MANDATE = {"per_payment": 5, "period_s": 60, "per_period": 50, "total": 500, "lasts_s": 90}
SHOP = {
    "key": "ab" * 32,
    "name": "Shop",
    "notify_url": "https://s.example/n",
    "return_url": "http://localhost:8000/back",
}


def test_everything_at_once() -> None:
    hashes = ("order_hash", "exchange", "retry_of", "under", "session_nonce")
    said = {name: digest(name).hex() for name in hashes}
    arguments = Arguments(
        said
        | {"person": "cd" * 16, "domain": "shop.example", "refund_to": "desk 3"}
        | {"audience": "Alice", "requester": SHOP, "mandate": MANDATE}
    )
    fields = take_parts(context(), arguments)
    arguments.done()
    assert {name: fields[name] for name in hashes} == {name: digest(name) for name in hashes}
    assert (fields["domain"], fields["refund_to"]) == ("shop.example", "desk 3")
    assert (fields["audience"], fields["person"]) == (ALICE, b"\xcd" * 16)
    assert fields["requester"] == Requester(b"\xab" * 32, *list(SHOP.values())[1:])
    assert fields["mandate"] == MandateTerms(5, 60 * US, 50, 500, NOW_US + 90 * US)


def test_nothing_is_said_where_nothing_is_given() -> None:
    fields = take_parts(context(), Arguments({}))
    assert not any(fields.values())
    assert fields["requester"] is None and fields["mandate"] is None


@pytest.mark.parametrize("audience", ["Alice", ALICE.hex(), ALICE.hex()[:8]])
def test_an_audience_is_named_as_nodes_are(audience: str) -> None:
    assert take_parts(context(), Arguments({"audience": audience}))["audience"] == ALICE


REFUSED = {
    "a short hash": ({"order_hash": "ab" * 31}, "order_hash"),
    "a hash with spaces": ({"order_hash": "a b" * 21 + "a"}, "order_hash"),
    "no hash": ({"under": "z" * 64}, "under"),
    "a long nonce": ({"session_nonce": "ab" * 33}, "session_nonce"),
    "a person of a hash": ({"person": "ab" * 32}, "person"),
    "a domain in capitals": ({"domain": "Shop.example"}, "domain"),
    "an address": ({"domain": "10.0.0.1"}, "domain"),
    "a painted refund": ({"refund_to": "\x1b[2J"}, "refund_to"),
    "a long refund": ({"refund_to": "x" * 161}, "refund_to"),
    "nobody": ({"audience": "Zed"}, "audience"),
    "one of two": ({"audience": "Ann"}, "audience"),
    "no key": ({"requester": {"name": "Shop"}}, "key"),
    "a short key": ({"requester": SHOP | {"key": "ab"}}, "requester.key"),
    "a file": ({"requester": SHOP | {"notify_url": "file:///etc"}}, "requester.notify_url"),
    "a script": ({"requester": SHOP | {"return_url": "javascript:1"}}, "requester.return_url"),
    "a user": ({"requester": SHOP | {"return_url": "https://a@b/"}}, "requester.return_url"),
    "a fragment": ({"requester": SHOP | {"return_url": "https://b/#x"}}, "requester.return_url"),
    "a long name": ({"requester": SHOP | {"name": "x" * 65}}, "name"),
    "more of a requester": ({"requester": SHOP | {"more": 1}}, "more"),
    "caps that shrink": ({"mandate": MANDATE | {"total": 49}}, "mandate"),
    "a cap of nothing": ({"mandate": MANDATE | {"per_payment": 0}}, "per_payment"),
    "no end": ({"mandate": {k: v for k, v in MANDATE.items() if k != "lasts_s"}}, "lasts_s"),
    "an end far away": ({"mandate": MANDATE | {"lasts_s": 10**9}}, "lasts_s"),
    "a text": ({"mandate": "5,1d"}, "mandate"),
}


@pytest.mark.parametrize(("said", "blamed"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_refused(said: dict[str, Any], blamed: str) -> None:
    with pytest.raises(ControlFailure) as caught:
        take_parts(context(), Arguments(said))
    assert caught.value.code == "BAD_ARGUMENT"
    assert caught.value.message.startswith(f"{blamed}: "), caught.value.message
