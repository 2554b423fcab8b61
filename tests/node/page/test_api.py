"""What programs of people may do, and what they may not."""

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from node.control import people
from node.control.failure import ControlFailure
from node.core.escrow.events import KeepRow
from node.core.people.rows import Credential, CredentialKind, person_id
from node.page.programs import key_credential
from node.page.visits import COOKIE
from proto.approval import APPROVAL_KIND, read_approval, sign_approval
from proto.envelope import sign
from proto.levels import Level
from proto.login import LOGIN_TOLERANCE_US, key_text, read_key_text
from proto.request import to_text
from tests.node.page.programs_house import House, house
from tests.node.page.test_back_channel import brought, events_of, no

pytestmark = pytest.mark.edge


@pytest.fixture
async def bank(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as running:
        yield running


# ---------------------------------------------------------------- coming in


async def test_an_invitation_is_taken_up_once_and_by_who_has_the_key(bank: House) -> None:
    invited = await bank.verb(people.invite, name="ann")
    ann, eve = (bank.keys.setdefault(n, k) for n, k in KEYS.items())
    stolen = bank.joining(invited["token"], eve) | {"key": ann.public.hex()}
    no(await bank.http.post("/api/join", json=stolen), 401, "NOT_LOGGED_IN")
    no(await bank.http.post("/api/join", json=bank.joining("0" * 32, ann)), 409, "INVITATION_ENDED")
    joined = await bank.http.post("/api/join", json=bank.joining(invited["token"], ann))
    assert joined.status_code == 201 and joined.json()["name"] == "ann"
    again = bank.joining(invited["token"], eve)
    no(await bank.http.post("/api/join", json=again), 409, "INVITATION_ENDED")


KEYS = {name: House.key_of(name) for name in ("ann", "eve")}


async def test_a_login_is_for_this_node_this_minute_and_once(bank: House) -> None:
    await bank.person("ann")
    good = bank.login("ann")
    answer = await bank.http.post("/api/login", json=good)
    assert answer.status_code == 200 and len(answer.json()["token"]) == 64
    no(await bank.http.post("/api/login", json=good), 401, "NOT_LOGGED_IN")
    elsewhere = bank.login("ann", origin="https://bank.example")
    no(await bank.http.post("/api/login", json=elsewhere), 401, "NOT_LOGGED_IN")
    for off_us in (-LOGIN_TOLERANCE_US - 1_000_000, LOGIN_TOLERANCE_US + 1_000_000):
        late = bank.login("ann", bank.now_us + off_us)
        no(await bank.http.post("/api/login", json=late), 400, "UNTIMELY")
    moved = bank.login("ann") | {"time": bank.now_us + 1}
    no(await bank.http.post("/api/login", json=moved), 401, "NOT_LOGGED_IN")


async def test_a_login_says_nothing_of_who_is_here(bank: House) -> None:
    await bank.person("ann")
    bank.keys["nobody"] = House.key_of("nobody")
    other = bank.login("nobody") | {"name": "ann"}
    answers = [
        (await bank.http.post("/api/login", json=given)).content
        for given in (bank.login("nobody"), other)
    ]
    assert answers[0] == answers[1]


async def test_a_key_that_was_ended_is_worth_nothing(bank: House) -> None:
    ann = await bank.person("ann")
    key, me = bank.keys["ann"].public, person_id("ann")
    row = bank.context.engine.memory.row((Credential.table, me, key))
    assert isinstance(row, Credential)
    ended = replace(row, ended_at_us=bank.now_us)
    await bank.context.do(partial(KeepRow, row=ended))
    no(await bank.http.get("/api/me", headers=ann), 401, "NOT_LOGGED_IN")
    no(await bank.http.post("/api/login", json=bank.login("ann")), 401, "NOT_LOGGED_IN")
    again = partial(KeepRow, row=replace(ended, ended_at_us=0))
    with pytest.raises(ControlFailure):
        await bank.context.do(again)


async def test_a_pasted_key_logs_in(bank: House) -> None:
    await bank.person("ann")
    bank.keys["ann"] = House.key_of("second")
    no(await bank.http.post("/api/login", json=bank.login("ann")), 401, "NOT_LOGGED_IN")
    key = read_key_text(f"  {key_text(bank.keys['ann'].public)}\n")
    added = key_credential(person_id("ann"), key, "laptop", bank.now_us)
    await bank.context.do(partial(KeepRow, row=added))
    assert (await bank.http.post("/api/login", json=bank.login("ann"))).status_code == 200


async def test_a_token_is_no_cookie_and_a_cookie_no_token(bank: House) -> None:
    ann = await bank.person("ann")
    token = ann["Authorization"].split()[1]
    by_cookie = {"Cookie": f"{COOKIE}={token}"}
    no(await bank.http.get("/api/me", headers=by_cookie), 401, "NOT_LOGGED_IN")
    # A key pays. Were its token a browser's session, whoever has the key added a passkey of his.
    for page in ("/account", "/account/passkeys/new", "/account/keys/new", "/account/codes", "/"):
        answer = await bank.http.get(page, headers=by_cookie)
        assert (answer.status_code, answer.headers["location"][:7]) == (303, "/login?"), page
    for given in ("", "Bearer", f"Basic {token}", f"Bearer {token}0", "Bearer " + "0" * 64):
        no(await bank.http.get("/api/me", headers={"Authorization": given}), 401, "NOT_LOGGED_IN")
    me = (await bank.http.get("/api/me", headers=ann)).json()
    assert (me["name"], me["person"]) == ("ann", person_id("ann").hex())
    assert (await bank.http.post("/api/logout", headers=ann)).status_code == 200
    no(await bank.http.get("/api/me", headers=ann), 401, "NOT_LOGGED_IN")


# ---------------------------------------------------------------- approving


async def offered(bank: House, who: dict[str, str], identifier: str) -> bytes:
    shown = (await bank.http.get(f"/api/requests/{identifier}", headers=who)).json()
    return b64decode(shown["approval"])


async def approving(
    bank: House, who: dict[str, str], identifier: str, approval: bytes, name: str = "ann"
) -> httpx.Response:
    signature = sign(bank.keys[name], APPROVAL_KIND, approval).signature.hex()
    given = {"approval": b64encode(approval).decode(), "signature": signature}
    place = f"/api/requests/{identifier}/approve"
    return await bank.http.post(place, json=given, headers=who)


async def test_every_field_of_an_approval_flipped_is_refused(bank: House) -> None:
    ann = await bank.person("ann")
    identifier = (await brought(bank, await bank.asked(), "ann"))["approval_id"]
    approval = read_approval(await offered(bank, ann, identifier))
    hour_us = 3_600_000_000
    for change in (
        {"request_hash": b"\1" * 32},
        {"person": person_id("eve")},
        {"person": b""},
        {"brand": b"\1" * 16},
        {"total_debit_max": approval.total_debit_max + 1},
        {"approval_id": b"\1" * 16},
        {"valid_until_us": bank.now_us - 1},
        {"valid_until_us": bank.now_us + 2 * hour_us},
    ):
        bent = replace(approval, **change).encode()  # type: ignore[arg-type]
        refused = await approving(bank, ann, identifier, bent)
        assert refused.status_code == 409, (change, refused.text)
    good = approval.encode()
    # Signed by another key, for another kind, or not over these bytes.
    bank.keys["eve"] = House.key_of("eve")
    no(await approving(bank, ann, identifier, good, "eve"), 409, "APPROVAL_MISMATCH")
    other = replace(approval, first_levels=frozenset(Level)).encode()
    signature = sign(bank.keys["ann"], APPROVAL_KIND, other).signature.hex()
    given = {"approval": b64encode(good).decode(), "signature": signature}
    place = f"/api/requests/{identifier}/approve"
    no(await bank.http.post(place, json=given, headers=ann), 409, "APPROVAL_MISMATCH")
    for junk in (b"", b"\xff", good + b"\0"):
        no(await approving(bank, ann, identifier, junk), 400, "BAD_ARGUMENT")
    assert (await approving(bank, ann, identifier, good)).json()["phase"] == "COMMITTED"


async def test_nobody_approves_with_his_own_key_what_is_anothers(bank: House) -> None:
    """Not even where a page forgets to ask whose request it is."""
    ann, eve = await bank.person("ann"), await bank.person("eve")
    identifier = (await brought(bank, await bank.asked(), "ann"))["approval_id"]
    approval = read_approval(await offered(bank, ann, identifier))
    assert approval.person == person_id("ann")
    by_eve = sign_approval(bank.keys["eve"], approval)
    confirmation = bytes.fromhex(identifier)
    refusal = await bank.context.confirmations.approve(confirmation, person_id("eve"), by_eve)
    assert refusal is not None
    (purse,) = (await bank.http.get("/api/balances", headers=ann)).json()["balances"]
    assert (purse["balance"], purse["available"]) == (0, 1000)
    assert (await bank.http.get("/api/balances", headers=eve)).status_code == 200


async def test_an_approval_pays_once(bank: House) -> None:
    ann = await bank.person("ann")
    identifier = (await brought(bank, await bank.asked(), "ann"))["approval_id"]
    approval = await offered(bank, ann, identifier)
    for _ in range(2):
        assert (await approving(bank, ann, identifier, approval)).status_code == 200
    other = replace(read_approval(approval), valid_until_us=bank.now_us + 60_000_000).encode()
    no(await approving(bank, ann, identifier, other), 409, "CONFIRMATION_ENDED")
    second = (await brought(bank, await bank.asked(), "ann"))["approval_id"]
    await offered(bank, ann, second)
    no(await approving(bank, ann, second, approval), 409, "APPROVAL_MISMATCH")
    (entry,) = (await bank.http.get("/api/history", headers=ann)).json()["entries"]
    assert entry["amount"] == -100
    (purse,) = (await bank.http.get("/api/balances", headers=ann)).json()["balances"]
    assert (purse["balance"], purse["reserved"], purse["available"]) == (-100, 0, 900)


async def test_what_is_anothers_looks_like_what_is_not_there(bank: House) -> None:
    ann, eve = await bank.person("ann"), await bank.person("eve")
    places = await brought(bank, await bank.asked(), "ann")
    mine, unknown = places["approval_id"], "ab" * 16
    approval = await offered(bank, ann, mine)
    for verb, more in (("", None), ("/deny", {}), ("/approve", None)):
        answers = []
        for identifier in (mine, unknown):
            place = f"/api/requests/{identifier}{verb}"
            if verb == "/approve":
                answers.append(await approving(bank, eve, identifier, approval, "eve"))
            elif more is None:
                answers.append(await bank.http.get(place, headers=eve))
            else:
                answers.append(await bank.http.post(place, json=more, headers=eve))
        assert answers[0].content == answers[1].content
        no(answers[0], 404, "CONFIRMATION_UNKNOWN")
    assert (await bank.http.get("/api/pending", headers=eve)).json()["pending"] == []


async def test_programs_hear_of_a_passkey_that_rests(bank: House) -> None:
    """Its owner may never look at the page."""
    ann = await bank.person("ann")
    until_us = bank.now_us + 60_000_000
    passkey, kind = b"\1" * 16, CredentialKind.PASSKEY
    row = Credential(
        person_id("ann"), passkey, kind, b"cose", "thief's", bank.now_us, rests_until_us=until_us
    )
    await bank.context.do(lambda at_us: KeepRow(at_us, row))
    told = (await bank.http.get("/api/pending", headers=ann)).json()
    (one,) = told["resting"]
    assert (one["label"], one["rests_until_us"]) == ("thief's", until_us)
    eve = await bank.person("eve")
    assert (await bank.http.get("/api/pending", headers=eve)).json()["resting"] == []


async def test_more_than_there_is_is_not_offered(bank: House) -> None:
    ann = await bank.person("ann", limit=50)
    identifier = (await brought(bank, await bank.asked(), "ann"))["approval_id"]
    shown = (await bank.http.get(f"/api/requests/{identifier}", headers=ann)).json()
    assert (shown["payable"], shown["code"], shown["approval"]) == (False, "BALANCE_SHORT", None)


# ---------------------------------------------------------------- the rest


async def test_a_request_is_pasted_and_denied(bank: House) -> None:
    ann = await bank.person("ann")
    given = {"request": to_text(await bank.asked())}
    identifier = (await bank.http.post("/api/requests", json=given, headers=ann)).json()["id"]
    (one,) = (await bank.http.get("/api/pending", headers=ann)).json()["pending"]
    assert (one["id"], one["phase"], one["description"]) == (identifier, "PRESENTED", "A lamp")
    denied = await bank.http.post(f"/api/requests/{identifier}/deny", headers=ann)
    assert denied.json()["phase"] == "DENIED"
    for wrong in ({}, {"request": 7}, {"request": "x"}, {"request": given["request"], "more": 1}):
        answer = await bank.http.post("/api/requests", json=wrong, headers=ann)
        no(answer, 400, "BAD_ARGUMENT")
    too_long = await bank.post("/api/requests", b"x" * 100_000, **ann)
    no(too_long, 413, "TOO_LONG")


@pytest.mark.parametrize("after", ["x", "1-2", "9" * 30 + "--", "1-zz-", "-1--"])
async def test_a_place_in_the_journal_that_is_none(bank: House, after: str) -> None:
    ann = await bank.person("ann")
    answer = await bank.http.get("/api/history", params={"after": after}, headers=ann)
    no(answer, 400, "BAD_ARGUMENT")


async def test_events_tell_what_changes_and_end_with_the_session(bank: House) -> None:
    ann = await bank.person("ann")
    heard: list[httpx.Response] = []

    async def listen() -> None:
        heard.append(await bank.http.get("/api/events", headers=ann))

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            await trio.testing.wait_all_tasks_blocked()
            identifier = (await brought(bank, await bank.asked(), "ann"))["approval_id"]
            await trio.testing.wait_all_tasks_blocked()
            await bank.http.post("/api/logout", headers=ann)
    (answer,) = heard
    told: list[dict[str, Any]] = [data for _, _, data in events_of(answer.text)]
    assert [one.get("pending") for one in told] == [[], [identifier], None]
    assert told[-1] == {"code": "NOT_LOGGED_IN"}


async def test_a_program_asks_for_no_more_than_its_person_may(
    bank: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request is kept by the node until it expires, and for nothing."""
    monkeypatch.setattr("node.page.asking.MAX_OPEN", 2)
    ann, bob = await bank.person("ann"), await bank.person("bob")
    wish = {"amount": 5, "brand": "EUR"}
    for _ in range(2):
        assert (await bank.http.post("/api/ask", json=wish, headers=ann)).status_code == 200
    no(await bank.http.post("/api/ask", json=wish, headers=ann), 409, "LIMIT_REACHED")
    assert (await bank.http.post("/api/ask", json=wish, headers=bob)).status_code == 200
    assert len((await bank.http.get("/api/asked", headers=ann)).json()["asked"]) == 2
