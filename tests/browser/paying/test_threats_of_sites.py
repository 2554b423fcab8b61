"""Threats of escrow section 10 from other sites and strangers: a test for each row, named after it.

The stranger's site is another site to the browser, and the shop is led back there, too.
"""

import json
import secrets
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlencode

import pytest

from node.people.notifying import signing_keys
from proto.interaction import interaction_hash, read_way_back
from proto.keys import SigningKey
from proto.request import payee_signed, request_hash, to_text
from proto.webhook import WebhookFault, sign_webhook
from registry.home import load_record
from tests.browser.axe import faults, told
from tests.browser.paying.conftest import Person
from tests.browser.paying.stranger import Heard
from tests.browser.paying.street import BANK, SHOP, SHOP_KEY, STRANGER

pytestmark = [pytest.mark.e2e, pytest.mark.browser]

GET = """
const [rp, done] = arguments;
navigator.credentials.get({ publicKey: {
  challenge: new Uint8Array(32), rpId: rp, timeout: 2000, userVerification: "required",
} }).then((made) => done(JSON.stringify(made.toJSON())), (fault) => done(fault.name));
"""
SIGN_AS = """
const [options, rp, done] = arguments;
const asked = PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(options));
asked.rpId = rp;
navigator.credentials.get({ publicKey: asked })
  .then((made) => done(JSON.stringify(made.toJSON())), (fault) => done(fault.name));
"""
NASTY = "</title><script>window.ran=1</script>\"'><img src=x onerror=window.ran=2>{{7*7}}"
SHORT = "<img src=x onerror=window.ran=3>'\"><b>"
STRANGE = (
    "return [window.ran === undefined, document.querySelectorAll('main b, img[src=x]').length]"
)


def test_threat_fake_bank_link(anna: Person) -> None:
    """A page that looks like the bank's gets no answer of a passkey that the bank would take."""
    street, window = anna.street, anna.window
    brought = street.bring()
    options, fields = anna.form(brought.id)
    before, (kept,) = anna.purse, anna.keys.credentials()
    window.open(f"{street.stranger}/passkey")
    assert window.run_later(GET, "bank.localhost") == "SecurityError"
    assert window.run_later(GET, "localhost") == "SecurityError"
    assert window.run_later(SIGN_AS, options, "shop.localhost") == "NotAllowedError", "none there"
    # Even one that would sign there, with the very key of the bank's passkey.
    anna.keys.empty()
    anna.keys.add(replace(kept, rp_id="shop.localhost"))
    answer = window.run_later(SIGN_AS, options, "shop.localhost")
    assert json.loads(answer)["response"]["signature"]
    anna.keys.empty()
    anna.keys.add(kept)
    anna.open("/")
    where = f"/requests/{brought.id}/approve"
    assert anna.post(where, {**fields, "assertion": answer})[0][0] == 409
    assert anna.purse == before and street.phase(brought) == "PRESENTED"
    anna.open("/")
    assert f"/requests/{brought.id}" in window.source(), "it is on the list, without any link"


def test_a_link_from_outside_shows_nothing_and_leads_on(anna: Person) -> None:
    street, window = anna.street, anna.window
    brought = street.bring(description="One lamp for Anna alone")
    outside = street.http.get(f"/a/{brought.id}")
    guessed = street.http.get(f"/a/{secrets.token_hex(16)}")
    assert outside.text.count(brought.id) == 1 and "lamp" not in outside.text
    same = {len(outside.content), len(guessed.content)}
    assert len(same) == 1 and outside.status_code == guessed.status_code == 200
    window.open(f"{street.stranger}/link?{urlencode({'to': brought.places['approval_url']})}")
    window.press("Your bank", "link")
    window.until_at("/requests/")
    assert "One lamp for Anna alone" in window.text(), "she is logged in, and sees it"


def test_threat_request_forwarded_to_another_payer(anna: Person, bert: Person) -> None:
    street = anna.street
    elsewhere = street.identity(SHOP).key.node_id.hex()
    request, signed, _ = street.create(audience=elsewhere)
    assert request.audience.hex() == elsewhere
    answer = street.submit(signed, "anna", street.identity(SHOP).key)
    assert answer.status_code >= 400, "it is for payers of another node"
    # What is hers is hers: to anybody else it is not there.
    hers = street.bring(description="For Anna")
    unknown = f"/requests/{secrets.token_hex(16)}"
    for path in (f"/requests/{hers.id}", unknown):
        bert.open(path)
        assert "There is nothing here" in bert.text()
        token = {"csrf": str(bert.window.find("input[name=csrf]").attribute("value"))}
        assert bert.post(path + "/deny", {})[0][0] == 403
        assert bert.post(path + "/deny", token)[0][0] == 404
        assert bert.post(path + "/approve", token)[0][0] == 404
    # One that names nobody is whose browser opens it first.
    free = street.bring(payer="", session_nonce=secrets.token_hex(32))
    assert "The shop asks in the payee's name, and both have signed." in bert.look(free.id)
    assert "This node's operator knows the key as The shop" in bert.text()
    anna.open(f"/requests/{free.id}")
    assert "There is nothing here" in anna.window.text()
    # The way back tells the shop which browser it was, and nothing else.
    bert.window.press("Deny")
    bert.window.press("Back to The shop", "link")
    bert.window.until_said("Welcome back")
    state, proof = read_way_back(bert.window.url())
    nonce, endpoint = bytes.fromhex(free.places["nonce"]), f"{street.origin}/back/requests"
    assert state == free.state
    assert proof == interaction_hash(free.nonce, nonce, bytes.fromhex(free.id), endpoint)
    assert proof != interaction_hash(hers.nonce, nonce, bytes.fromhex(free.id), endpoint)


def test_a_requester_whom_nobody_knows_is_named_as_that(anna: Person) -> None:
    brought = anna.street.bring(key=STRANGER)
    assert "does not know this key" in anna.look(brought.id)
    assert brought.places["return"] is brought.places["notify"] is False
    anna.window.press("Deny")
    assert "Back to" not in anna.window.text(), "a way that the operator has not registered"


@pytest.fixture(scope="module")
def checking() -> Iterator[ModuleType]:
    """The shop's own checker, as it stands among the examples."""
    path = Path(__file__).parents[3] / "deploy" / "examples" / "shop" / "checking.py"
    spec = spec_from_file_location("shop_checking", path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["shop_checking"] = module  # its frozen dataclasses look there for their types
    spec.loader.exec_module(module)
    yield module
    del sys.modules["shop_checking"]


def test_threat_forged_paid_callback(anna: Person, checking: ModuleType) -> None:
    """No call makes goods change hands; the receipt does, of this order and no other."""
    street = anna.street
    paid, open_one = street.bring(amount=60), street.bring(amount=60)
    anna.look(paid.id)
    anna.approve()
    place = paid.places["poll"].removeprefix(street.origin)
    receipt = street.http.get(place + "/receipt").content
    record = load_record(street.record)
    trust = checking.Trust(registries=frozenset({record.registry}))
    payee = street.identity(SHOP).key.node_id
    checker = checking.Checker([payee], trust, [record])
    now_us = paid.request.created_at_us + 10_000_000

    def sold(data: bytes, brought: Any, amount: int = 60) -> bool:
        order = checking.Order(hash_of(brought.asked), amount, brought.request.brand.guid)
        return isinstance(checker.check(data, order, now_us), checking.Sold)

    assert sold(receipt, paid)
    assert not sold(receipt, open_one), "of another order"
    assert not sold(receipt, paid, 61), "too little"
    assert not sold(b"", paid) and not sold(receipt[:-1], paid)
    # The bank's own webhook, truly signed, with a lie in it: a reason to look, and no receipt.
    keys = signing_keys(street.identity(BANK).key.seed, 0)
    body = json.dumps({"type": "payment.committed", "request_id": open_one.own}).encode()
    now_s = now_us // 1_000_000
    public = [key.public for key in keys]
    assert checking.heard(sign_webhook(keys, "a", now_s, body), body, public, now_s) == body
    missing = street.http.get(open_one.places["poll"].removeprefix(street.origin) + "/receipt")
    assert missing.status_code >= 400
    for forged in (
        sign_webhook([SigningKey(bytes(32))], "a", now_s, body),
        sign_webhook(keys, "a", now_s - 3600, body),
        sign_webhook(keys, "a", now_s, body + b" "),
        {},
    ):
        with pytest.raises(WebhookFault):
            checking.heard(forged, body, public, now_s)


def hash_of(asked: bytes) -> bytes:
    return request_hash(payee_signed(asked)[0])


def test_private_addresses_are_not_called(anna: Person, heard: Heard) -> None:
    """Nothing of this machine and its network hears of a node that may call the world alone, as
    the shop's may; the bank is told that it may call what is here."""
    street, key = anna.street, SigningKey(b"\x09" * 32)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        hosts = ("127.0.0.1", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "shop.localhost")
        urls = [f"https://{host}:{port}/called" for host in hosts]
        urls += ["https://10.0.0.1/", "https://169.254.169.254/latest", "https://[::1]/"]
        street.ask(SHOP, "requester.add", key=key.public.hex(), name="Prober", notify=urls)
        for url in urls:
            wish = {"requester": {"key": key.public.hex(), "name": "Prober", "notify_url": url}}
            brought = street.bring(payer="", key=key, at=SHOP, **wish)
            street.ask(SHOP, "pending.deny", id=brought.id)
        named = {"key": SHOP_KEY.public.hex(), "name": "The shop"}
        url = {"notify_url": f"{street.stranger}/called"}
        brought = street.bring(requester=named | url)
        anna.look(brought.id)
        anna.window.press("Deny")
        anna.window.until(lambda: heard.calls, "the bank's call, which came later, is heard")
        assert b"denied" in heard.calls[0]
        notices = street.ask(SHOP, "notices.list")["notices"]
        assert len(notices) == len(urls)
        assert all(notice["state"] != "DELIVERED" for notice in notices)
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_threat_clickjacking(anna: Person) -> None:
    street, window = anna.street, anna.window
    brought = street.bring()
    anna.look(brought.id)
    for path in ("/", f"/requests/{brought.id}", f"/a/{brought.id}", "/login", "/nothing"):
        window.complaints()
        window.open(f"{street.stranger}/frame?{urlencode({'to': street.origin + path})}")
        assert any("frame-ancestors" in line for line in window.complaints()), path


def test_threat_csrf(anna: Person) -> None:
    """Forms of another site change nothing, whether the cookie comes along or not."""
    street, window = anna.street, anna.window
    brought = street.bring()
    fields = anna.approval(brought.id)
    where = f"/requests/{brought.id}"
    targets = {
        where + "/deny": {},
        where + "/approve": fields,
        "/logout": {},
        "/ask": {"amount": "1"},
    }
    for kind in ("", "text/plain", "multipart/form-data"):
        for path, sent in targets.items():
            named = {"to": street.origin + path, "kind": kind} | sent
            window.open(f"{street.stranger}/post?{urlencode(named)}")
            window.press("Win")
            window.until_at(street.origin)
            assert (
                "not logged in" in window.text()
                or "was not taken" in window.text()
                or ("There is nothing here" in window.text())
            ), (path, window.text())
    # A browser that sends the cookie all the same, as one of before SameSite.
    anna.open("/")
    cookie = {"cookie": anna.cookie}
    for more in (
        {"origin": street.stranger, "sec-fetch-site": "cross-site"},
        {"origin": street.stranger},
        {"origin": "null"},
        {"sec-fetch-site": "same-site"},
    ):
        answer = street.http.post(where + "/deny", data=fields, headers={**cookie, **more})
        assert answer.status_code == 403, more
    for csrf in ("", "0" * 32, fields["csrf"][:-1] + "x"):
        answer = street.http.post(where + "/deny", data={"csrf": csrf}, headers=cookie)
        assert answer.status_code == 403, csrf
    for path in (where + "/deny", where + "/approve", "/logout"):
        assert street.http.get(path, headers=cookie).status_code in (404, 405)
    assert street.phase(brought) == "PRESENTED"
    assert "anna" in anna.look(brought.id).lower(), "and she is logged in still"


def test_threat_xss(anna: Person) -> None:
    """What strangers write is shown as they wrote it, on every page, and is never markup."""
    street, window = anna.street, anna.window
    made = street.ask(BANK, "people.invite", name="mallory", display=SHORT, limits=[["USD", "1"]])
    requester = {
        "key": SHOP_KEY.public.hex(),
        "name": SHORT,
        "return_url": f"{street.stranger}/thanks",
    }
    terms = {"per_payment": 60, "per_period": 110, "total": 500, "period_s": 3600, "lasts_s": 7200}
    brought = street.bring(
        requester=requester, description=NASTY, refund_to=NASTY, mandate=terms, amount=5,
        changes={"domain": "xn--lmp-qla.invalid", "retry_of": bytes(32), "payee_alias": SHORT},
    )  # fmt: skip
    link = "/pay?" + urlencode({"request": to_text(brought.asked)})
    paths = [f"/requests/{brought.id}", "/", link, f"/a/{brought.id}", "/history", "/mandates",
             "/requests", made["link"].removeprefix(street.origin), f"/login?next={NASTY}",
             f"/requests/{NASTY}", f"/history?after={NASTY}", f"/?new={NASTY}"]  # fmt: skip

    def look(path: str) -> str:
        anna.open(path)
        assert window.run(STRANGE) == [True, 0], path
        bad = [line for line in window.complaints() if "404" not in line and "400" not in line]
        assert not bad, (path, bad)
        return window.source()

    text = look(paths[0])
    assert "&lt;script&gt;window.ran=1" in text and "onerror=window.ran=3" in text
    assert not (found := faults(window)), told(found)
    window.complaints()
    for path in paths[1:]:
        look(path)
    anna.look(brought.id)
    anna.approve()
    for path in (paths[0], "/", "/history", "/mandates", "/requests"):
        text = look(path)
        assert "window.ran=" in text, path
    window.open(f"{street.origin}/mandates")
    window.click('form[action$="/revoke"] button')
    look("/mandates")


def test_threat_guessing_approval_ids_or_users(anna: Person) -> None:
    street = anna.street
    known = street.bring(payer="anna")
    unknown = street.bring(payer="nobody-here")
    nameless = street.bring(payer="")
    shapes = {tuple((k, type(v), len(str(v))) for k, v in b.places.items()) for b in
              (known, unknown, nameless)}  # fmt: skip
    assert len(shapes) == 1, "who has an account here is nobody's business"

    def polled(url: str) -> str:
        answer = street.http.get(url.removeprefix(street.origin))
        assert answer.status_code == 200
        return answer.text

    guess = f"{street.origin}/back/requests/{secrets.token_hex(16)}"
    told = {polled(url) for url in (known.places["poll"], unknown.places["poll"], guess)}
    assert len(told) == 1
    assert len({known.id, unknown.id, known.places["poll"]}) == 3
    anna.open("/")
    cookie = {"cookie": anna.cookie}
    ids = [unknown.id, secrets.token_hex(16), "0" * 32, "x" * 32, known.id[:-1], known.id.upper()]
    for who in (cookie, {}):
        answers = {(a.status_code, a.text) for a in
                   (street.http.get(f"/requests/{x}", headers=who) for x in ids)
                   if a.status_code != 303}  # fmt: skip
        assert len(answers) <= 1, [status for status, _ in answers]
    login = street.http.get("/login")
    fields = {"code": "aaaa-bbbb-cccc-dddd"}
    head = {
        "origin": street.origin,
        "cookie": "; ".join(f"{k}={v}" for k, v in login.cookies.items()),
    }
    said = []
    for name in ("anna", "nobody-here"):
        answer = street.http.post("/recover", data={**fields, "name": name}, headers=head)
        said.append((answer.status_code, answer.text.replace(name, "NAME")))
    assert said[0] == said[1] and "not" in said[0][1]
