"""Threats of escrow section 10 to what a person approves: a test for each row, named after it."""

import json
import os
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.command.sim.cast import digest
from proto.approval import Approval, PasskeyProof, read_approval, read_approved
from proto.keys import SigningKey
from proto.levels import Level
from proto.passkey import ApprovalInvalid, GivenBy, check_approved
from proto.policy import single
from proto.receipt import read_receipt
from proto.receipt_check import ReceiptInvalid, check_receipt
from proto.request import countersign, payee_signed, request_hash, sign_request, to_text
from registry.home import load_record
from runtime.identity import Identity, create_identity
from tests.browser.paying.conftest import LED_ON, Person
from tests.browser.paying.street import SHOP, SHOP_KEY, STRANGER, Street
from tests.warmed import typed

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

STOP = "Stop and look"
NEVER = "You have never paid this payee"


def payee(folder: Path, alias: str) -> tuple[SigningKey, dict[str, Any]]:
    """Somebody's own node, and the fields that make a request its own."""
    made: Identity = create_identity(folder, time.time_ns() // 1000, os.urandom)
    own = {
        "payee": made.key.node_id,
        "payee_alias": alias,
        "seal_key": made.seal.public,
        "seal_certificate": made.seal_certificate,
    }
    return made.key, own


LOOK_ALIKES = ("Lamp and Ledger", "LAMP AND LEDGER", "Lamp and L\u0435dger", "Larnp and Iedger.")


def test_threat_look_alike_payee(bert: Person, tmp_path: Path) -> None:
    street = bert.street
    true = street.bring("bert", amount=10)
    assert NEVER in bert.look(true.id)
    bert.approve()
    text = bert.look(street.bring("bert", amount=10).id)
    assert NEVER not in text and STOP not in text, "its key is known now"
    for number, alias in enumerate(LOOK_ALIKES):
        (tmp_path / str(number)).mkdir()
        key, own = payee(tmp_path / str(number), alias)
        text = bert.look(street.bring("bert", key=None, payee=key, changes=own).id)
        assert STOP in text and NEVER in text, alias
        assert "this is not the same payee" in text
        assert key.node_id.hex()[:4] in text, "a part of the key, to be compared by voice"
        bert.window.press("Deny")


def test_a_domain_counts_where_it_says_so_itself(anna: Person) -> None:
    brought = anna.street.bring(domain="lamps.invalid")
    text = anna.look(brought.id)
    assert "lamps.invalid, which does not confirm it" in text
    assert "that site does not confirm it" in text


def policy_of(street: Street) -> Any:
    return single(load_record(street.record).registry)


FLIPS: dict[str, Callable[[Approval, Street], Approval]] = {
    "request_hash": lambda a, _: replace(a, request_hash=digest("another")),
    "person": lambda a, _: replace(a, person=digest("bert")[:16]),
    "nobody": lambda a, _: replace(a, person=b""),
    "brand": lambda a, _: replace(a, brand=digest("EUR")[:16]),
    "total_debit_max": lambda a, _: replace(a, total_debit_max=a.total_debit_max + 1),
    "less": lambda a, _: replace(a, total_debit_max=a.total_debit_max - 1),
    "fee_max": lambda a, _: replace(a, fee_max=a.fee_max + 1),
    "first_levels": lambda a, _: replace(a, first_levels=frozenset(Level)),
    "policies": lambda a, s: replace(a, policies=(policy_of(s),)),
    "valid_until_us": lambda a, _: replace(a, valid_until_us=a.valid_until_us + 1),
    "approval_id": lambda a, _: replace(a, approval_id=digest("another")[:16]),
    "attempts_max": lambda a, _: replace(a, attempts_max=a.attempts_max - 1),
    "rp_id": lambda a, _: replace(a, rp_id="shop.localhost"),
}


def test_threat_amount_or_payee_changed_after_viewing(anna: Person) -> None:
    """With the genuine answer of the passkey, every field of what it has signed is changed."""
    street, before = anna.street, anna.purse
    brought, other = street.bring(amount=70), street.bring(amount=71)
    fields = anna.approval(brought.id)
    words = read_approval(b64decode(fields["approval"]))
    where = f"/requests/{brought.id}/approve"
    changed = {name: flip(words, street) for name, flip in FLIPS.items()}
    assert words not in changed.values()
    sent = [fields | {"approval": b64encode(a.encode()).decode()} for a in changed.values()]
    for name, (status, text) in zip(changed, anna.post(where, *sent), strict=True):
        assert status == 409 and "Nothing was done" in text, (name, status)
    raw = b64decode(fields["approval"])
    broken = [raw + b"\0", raw[:-1], b"", raw + raw, bytes(len(raw)), b"\xff" * 5000]
    sent = [fields | {"approval": b64encode(data).decode()} for data in broken]
    assert all(status in (403, 409) for status, _ in anna.post(where, *sent))
    # Words that the passkey has signed, and that are not of this request.
    status, text = anna.post(f"/requests/{other.id}/approve", fields)[0]
    assert status == 409 and "Nothing was promised" in text
    assert anna.purse == before and street.phase(brought) == "PRESENTED"
    # The same answer once more is nobody's: its counter was seen. A fresh one is taken.
    assert anna.post(where, fields)[0][0] == 409
    assert anna.post(where, anna.approval(brought.id))[0][0] == LED_ON
    anna.open(f"/requests/{brought.id}")
    anna.outcome("This is final")
    assert anna.purse["balance"] == before["balance"] - 70


def test_what_a_passkey_did_not_say_itself_is_no_approval(anna: Person) -> None:
    street, before = anna.street, anna.purse
    brought = street.bring(amount=70)
    where = f"/requests/{brought.id}/approve"
    for lie in ({"signature": True}, {"verified": True}, {"present": True}):
        anna.keys.lies(**lie)
        fields = anna.approval(brought.id)
        anna.keys.lies()
        assert anna.post(where, fields)[0][0] == 409, lie
    fields = anna.approval(brought.id)
    answer = json.loads(fields["assertion"])
    for name in ("signature", "authenticatorData", "clientDataJSON"):
        text = answer["response"][name]
        spoilt = {**answer["response"], name: text[:-8] + text[-8:].swapcase()}
        lie_told = json.dumps({**answer, "response": spoilt})
        assert anna.post(where, fields | {"assertion": lie_told})[0][0] == 409, name
    for junk in ("", "{}", "[]", "null", "nonsense", "[" * 4000, "9" * 5000):
        assert anna.post(where, fields | {"assertion": junk})[0][0] in (403, 409), junk[:8]
    assert anna.purse == before and street.phase(brought) == "PRESENTED"


def test_threat_replay_double_charge(anna: Person, bert: Person) -> None:
    street, before = anna.street, anna.purse["balance"]
    spared = bert.purse
    brought = street.bring(amount=50)
    again = street.submit(brought.asked, "anna", SHOP_KEY, brought.nonce, brought.state)
    assert again.json()["approval_id"] == brought.id, "brought twice it is the same one"
    fields = anna.approval(brought.id)
    sent = anna.post(f"/requests/{brought.id}/approve", *[fields] * 5)
    assert {status for status, _ in sent} == {LED_ON}
    anna.open(f"/requests/{brought.id}")
    anna.outcome("This is final")
    assert anna.purse == {"balance": before - 50, "limit": 20_000, "reserved": 0}
    # After it was paid: the approval, the request, and the request in other words.
    assert anna.post(f"/requests/{brought.id}/approve", fields)[0][0] == LED_ON
    late = street.submit(brought.asked, "anna", SHOP_KEY, brought.nonce, brought.state)
    assert late.json()["approval_id"] == brought.id
    twin = replace(brought.request, amount=51)
    signed = countersign(SHOP_KEY, sign_request(street.identity(SHOP).key, twin))
    refused = street.submit(signed, "anna", SHOP_KEY)
    assert refused.json()["code"] == "REPEATED_OTHERWISE", "one number, two requests"
    bert.open("/pay")
    bert.window.fill("Text of the request", to_text(brought.asked))
    bert.window.press("Look at it")
    assert "not for you" in bert.window.text()
    assert anna.purse["balance"] == before - 50
    assert bert.purse == spared and street.books_hold()


def test_threat_pull_fraud(anna: Person) -> None:
    """Whoever knows the name of an account can put a request on its list, and that is all."""
    street, before = anna.street, anna.purse
    terms = {"per_payment": 90, "per_period": 180, "total": 500, "period_s": 3600, "lasts_s": 7200}
    wanted = street.bring(amount=40, mandate=terms)
    assert "without asking you again" in anna.look(wanted.id)
    hash_of = request_hash_of(wanted.asked)
    shots = [
        street.bring(amount=40),
        street.bring(amount=40, key=STRANGER),
        street.bring(amount=40, under=hash_of),  # was asked for, and never given
        street.bring(amount=40, under=digest("nothing").hex()),
    ]
    for shot in shots:
        assert street.phase(shot) in ("RECEIVED", "PRESENTED")
    assert anna.purse == before
    anna.open("/")
    assert "requests wait for you" in anna.window.text()
    # Once it was given, it is the shop's, for this payee, and for nobody else.
    anna.look(wanted.id)
    anna.approve()
    paid = anna.purse["balance"]
    assert street.phase(street.bring(amount=40, under=hash_of, key=STRANGER)) == "RECEIVED"
    assert street.phase(street.bring(amount=40, under=hash_of, key=None)) == "RECEIVED"
    assert anna.purse["balance"] == paid
    revoke(anna)


def request_hash_of(asked: bytes) -> str:
    return request_hash(payee_signed(asked)[0]).hex()


def revoke(person: Person) -> None:
    person.open("/mandates")
    person.window.click('form[action$="/revoke"] button')
    person.window.until_said("you ended it")


def test_threat_script_payments(anna: Person) -> None:
    """What an object in somebody's world may pay on its own: capped, and ended at once."""
    street = anna.street
    terms = {"per_payment": 60, "per_period": 110, "total": 500, "period_s": 3600, "lasts_s": 7200}
    granted = street.bring(amount=40, mandate=terms, description="Oil for the lamp")
    text = anna.look(granted.id)
    for cap in ("at most 60 USD each time", "at most 110 USD in 1 hour", "at most 500 USD in all"):
        assert cap in text.replace("\N{NARROW NO-BREAK SPACE}", " ")
    anna.approve()
    hash_of, before = request_hash_of(granted.asked), anna.purse["balance"]

    def asks(amount: int) -> str:
        brought = street.bring(amount=amount, under=hash_of)
        waits = ("RECEIVED", "COMMITTED", "EXPIRED")
        return str(
            anna.window.until(lambda: (p := street.phase(brought)) in waits and p, "it ends")
        )

    assert asks(50) == "COMMITTED", "nobody was asked"
    assert anna.purse["balance"] == before - 50
    assert asks(61) == "RECEIVED", "more than each may be"
    assert asks(50) == "COMMITTED"
    assert asks(50) == "RECEIVED", "more than the hour may have"
    revoke(anna)
    assert asks(5) == "RECEIVED", "ended, it pays nothing any more"
    assert anna.purse["balance"] == before - 100
    assert anna.window.complaints() == []


def test_threat_node_lies_to_its_payer(anna: Person, tmp_path: Path) -> None:
    """What a node hands out as a receipt is checked without it, the payer's own approval too."""
    street = anna.street
    brought = street.bring(amount=80)
    anna.look(brought.id)
    anna.approve()
    anna.window.downloads(tmp_path / "down")
    anna.window.press("Receipt", "link")
    name = f"{brought.id[:8]}.receipt"
    file = tmp_path / "down" / name
    anna.window.until(file.exists, "the receipt is there")
    receipt = file.read_bytes()

    assert verified(file, street)["amount"] == 80
    record = load_record(street.record)
    now_us = time.time_ns() // 1000

    def holds(data: bytes) -> bool:
        try:
            paid = check_receipt(data, {record.registry: record}, now_us)
            assert paid.approved is not None
            args = (paid.approved, paid.request, paid.request_hash, paid.amount, paid.policy)
            return check_approved(*args).by is GivenBy.PASSKEY
        except (ReceiptInvalid, ApprovalInvalid):
            return False

    assert holds(receipt)
    whole = read_receipt(receipt)
    given = read_approved(whole.approved)
    assert isinstance(given.by, PasskeyProof)
    proofs = {
        name: replace(given, by=replace(given.by, **{name: spoilt(getattr(given.by, name))}))
        for name in ("public_key", "authenticator_data", "client_data", "signature")
    }
    more = replace(read_approval(given.approval), fee_max=0).encode()
    proofs["another approval"] = replace(given, approval=more)
    lies = {name: replace(whole, approved=lie.encode()) for name, lie in proofs.items()}
    lies["another request"] = replace(whole, request=street.bring(amount=80).asked)
    lies["another amount"] = replace(whole, amount=79)
    lies["another certificate"] = replace(whole, certificate=spoilt(whole.certificate))
    for name, lie in lies.items():
        assert not holds(lie.encode()), name
    file.write_bytes(lies["signature"].encode())
    assert "assertion does not hold" in str(verified(file, street))


def verified(file: Path, street: Street) -> dict[str, Any]:
    """What `pledgeway verify receipt` says of it, offline."""
    words = ("verify", "receipt", str(file), "--registry", str(street.record), "--json")
    done = typed(*words)
    told: dict[str, Any] = json.loads(done.stdout or "{}")
    assert (done.returncode == 0) == told.get("valid", told.get("ok", "amount" in told)), told
    return told | {"said": done.stderr}


def spoilt(data: bytes) -> bytes:
    """One bit of it is another."""
    at = len(data) // 2
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def test_threat_rogue_simulator_denies_delivery(anna: Person) -> None:
    """What is not bound into the payment is the payee's word, and the page says so. What is bound
    to it is never paid without it."""
    street, before = anna.street, anna.purse
    text = anna.look(street.bring(order_hash=digest("a basket").hex()).id)
    assert "what the payee has told you: this node sees to the money alone" in text
    goods = street.bring(changes={"exchange": digest("a proposal")})
    text = anna.look(goods.id)
    assert "goods whose invitation has not arrived here yet" in text
    assert "It cannot be paid now" in text and not anna.window.all("form[data-passkey]")
    assert anna.purse == before
