"""The back channel as shops see it, and as those see it who would like to know more."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from node.command.sim.cast import digest, signing_key
from node.page.back_channel import MAX_HELD_OF_NETWORK, NETWORK_BURST, STRANGERS_BURST
from proto.domain import nodes_of
from proto.receipt import read_receipt
from proto.receipt_check import RestsOn, Trust, check_receipt
from proto.request import read_request, sign_request
from proto.submission import MAX_SUBMISSION_BYTES, SENT_TOLERANCE_US
from proto.webhook import read_public, webhook_key
from tests.node.page.programs_house import BACK, ORIGIN, SHOP, House, house

pytestmark = pytest.mark.edge
PLACES = {"approval_id", "approval_url", "poll", "events", "expires", "nonce", "notify", "return"}
WAITING = {"phase": "RECEIVED", "final": False, "since": 0, "attempt": 0, "because": ""}


@pytest.fixture
async def bank(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as running:
        yield running


async def brought(bank: House, asked: bytes, payer: str = "", **more: Any) -> dict[str, Any]:
    answer = await bank.bring(bank.submission(asked, payer, **more))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def told(bank: House, places: dict[str, Any], query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = (await bank.http.get(places["poll"] + query)).json()
    return found


def no(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.json()["code"] == code
    assert {"code", "message", "next_step"} <= answer.json().keys()


# ---------------------------------------------------------------- bringing and what becomes of it


async def test_a_request_is_brought_approved_and_proven(bank: House) -> None:
    ann = await bank.person("ann")
    asked = await bank.asked(requester=await bank.shop())
    places = await brought(bank, asked, "ann", key=SHOP)
    assert places.keys() == PLACES
    assert places["notify"] and places["return"]
    assert (await told(bank, places)).items() >= WAITING.items()
    assert (await bank.http.get(places["poll"] + "/receipt")).json()["code"] == "NOT_PAID"
    paid = await bank.approve(places["approval_id"], "ann", ann)
    assert paid.status_code == 200 and paid.json()["phase"] == "COMMITTED", paid.text
    state = await told(bank, places)
    assert (state["phase"], state["final"], state["amount"]) == ("COMMITTED", True, 100)
    receipt = await bank.http.get(state["receipt"])
    assert receipt.headers["content-disposition"].startswith("attachment; ")
    proven = check_receipt(receipt.content, {}, bank.now_us, Trust())
    assert (proven.amount, proven.rests_on) == (100, RestsOn.IN_HOUSE)
    assert read_receipt(receipt.content).approved == b"", "the approval is the payer's alone"
    assert b"ann" not in receipt.content


async def test_the_same_request_again_has_the_same_answer(bank: House) -> None:
    asked = await bank.asked()
    first = await brought(bank, asked, "ann")
    assert await brought(bank, asked, "ann") == first
    assert await brought(bank, asked, "ben", nonce=digest("another")) == first
    ids = {bytes.fromhex(first["approval_id"]), bytes.fromhex(first["poll"][-32:])}
    assert len(ids) == 2, "who has the link has not the poll"


async def test_another_request_under_the_same_id_is_refused(bank: House) -> None:
    asked = await bank.asked()
    await brought(bank, asked)
    other = replace(read_request(asked, bank.now_us), description="Two lamps")
    twice = sign_request(bank.context.identity.key, other)
    no(await bank.bring(bank.submission(twice)), 409, "REPEATED_OTHERWISE")


async def test_a_name_that_nobody_has_is_answered_as_any_other(bank: House) -> None:
    ann, eve = await bank.person("ann"), await bank.person("eve")
    known = await brought(bank, await bank.asked(), "ann")
    unknown = await brought(bank, await bank.asked(), "nobody")
    assert known.keys() == unknown.keys()
    assert await told(bank, known) == await told(bank, unknown)
    for who in (ann, eve):
        taken = await bank.http.get(f"/api/requests/{unknown['approval_id']}", headers=who)
        no(taken, 404, "CONFIRMATION_UNKNOWN")


async def test_a_requester_whom_nobody_has_entered_is_told_so(bank: House) -> None:
    shop = await bank.shop()
    stranger = signing_key("a stranger")
    assert (await brought(bank, await bank.asked()))["notify"] is False
    urls = replace(shop, notify_url="https://elsewhere.example/", return_url=BACK)
    other = await brought(bank, await bank.asked(requester=urls), key=SHOP)
    assert (other["notify"], other["return"]) == (False, True), "the URLs that were entered alone"
    forged = await bank.asked(requester=replace(shop, key=stranger.public))
    no(await bank.bring(bank.submission(forged, key=stranger)), 400, "BAD_SUBMISSION")


async def test_a_submission_may_come_as_json(bank: House) -> None:
    asked = await bank.asked()
    given = {"submission": b64encode(bank.submission(asked)).decode()}
    answer = await bank.http.post("/back/requests", json=given)
    assert answer.json() == await brought(bank, asked)
    for wrong in ({}, {"submission": 7}, {"submission": "é"}, []):
        no(await bank.http.post("/back/requests", json=wrong), 400, "BAD_BODY")


async def test_what_does_not_hold_is_refused(bank: House) -> None:
    asked = await bank.asked()
    minute = SENT_TOLERANCE_US + 1_000_000
    cases: list[tuple[bytes, int, str]] = [
        (b"", 400, "BAD_SUBMISSION"),
        (b"\xff" * 100, 400, "BAD_SUBMISSION"),
        (b"x" * (MAX_SUBMISSION_BYTES + 1), 413, "TOO_LONG"),
        (asked, 400, "BAD_SUBMISSION"),
        (bank.submission(asked, audience=SHOP.node_id), 400, "BAD_SUBMISSION"),
        (bank.submission(asked, key=SHOP), 400, "BAD_SUBMISSION"),
        (bank.submission(asked, nonce=b"short"), 400, "BAD_SUBMISSION"),
        (bank.submission(asked, sent_at_us=bank.now_us - minute), 400, "UNTIMELY"),
        (bank.submission(asked, sent_at_us=bank.now_us + minute), 400, "UNTIMELY"),
        (bank.submission(await bank.asked(audience=digest("x"))), 409, "ANOTHER_PAYER"),
        (bank.submission(await bank.asked(expires_at_us=bank.now_us - 1)), 409, "REQUEST_EXPIRED"),
    ]
    for data, status, code in cases:
        no(await bank.bring(data), status, code)
    flipped = bytearray(bank.submission(asked))
    flipped[-1] ^= 1
    no(await bank.bring(bytes(flipped)), 400, "BAD_SUBMISSION")


async def test_strangers_share_what_they_may_ask_and_known_ones_do_not(bank: House) -> None:
    shop = await bank.shop()
    known = bank.submission(await bank.asked(requester=shop), key=SHOP)
    data = bank.submission(await bank.asked())
    for _ in range(STRANGERS_BURST):
        assert (await bank.bring(data)).status_code == 201
    # Some is earned back while they ask; it runs out all the same.
    answers = [await bank.bring(data) for _ in range(STRANGERS_BURST)]
    refused = [answer for answer in answers if answer.status_code != 201]
    no(refused[-1], 429, "SLOW_DOWN")
    assert int(refused[-1].headers["retry-after"]) >= 1
    assert (await bank.bring(known)).status_code == 201


async def test_no_network_has_all_that_strangers_may_ask(bank: House) -> None:
    data = bank.submission(await bank.asked())
    async with bank.far("203.0.113.7") as one, bank.far("198.51.100.7") as other:
        answers = [await one.post("/back/requests", content=data) for _ in range(NETWORK_BURST + 9)]
        no(answers[-1], 429, "SLOW_DOWN")
        assert sum(answer.status_code == 201 for answer in answers) >= NETWORK_BURST
        assert (await other.post("/back/requests", content=data)).status_code == 201


async def test_whoever_guesses_holds_few_of_the_places_to_wait_at(bank: House) -> None:
    ann = await bank.person("ann")
    places = await brought(bank, await bank.asked(), "ann")
    guesses = [f"{i:032x}" for i in range(MAX_HELD_OF_NETWORK + 1)]
    with trio.fail_after(20):
        async with (
            bank.far("203.0.113.7") as guesser,
            bank.far("198.51.100.7") as shop,
            trio.open_nursery() as nursery,
        ):
            for guess in guesses[:-1]:
                nursery.start_soon(guesser.get, f"/back/requests/{guess}?wait=30")
            await trio.testing.wait_all_tasks_blocked()
            no(await guesser.get(f"/back/requests/{guesses[-1]}/events"), 503, "TOO_MANY")
            told: list[str] = []

            async def wait() -> None:
                told.append((await shop.get(places["poll"] + "?wait=30")).json()["phase"])
                nursery.cancel_scope.cancel()

            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            assert told == [], "it waits, as there is room for it"
            await bank.http.post(f"/api/requests/{places['approval_id']}/deny", headers=ann)
    assert told == ["DENIED"]


# ---------------------------------------------------------------- asking how it stands


async def test_a_guess_is_told_what_everybody_is_told(bank: House) -> None:
    places = await brought(bank, await bank.asked(), "ann")
    guess = {"poll": f"{ORIGIN}/back/requests/{'ab' * 16}"}
    assert await told(bank, guess) == await told(bank, places)
    no(await bank.http.get(guess["poll"] + "/receipt"), 409, "NOT_PAID")
    by_link = {"poll": f"{ORIGIN}/back/requests/{places['approval_id']}"}
    ann = await bank.person("ann")
    await bank.http.post(f"/api/requests/{places['approval_id']}/deny", headers=ann)
    assert (await told(bank, by_link))["phase"] == "RECEIVED", "who has the link learns nothing"
    for path in ("zz" * 16, "AB" * 16, "ab" * 15, "ab" * 17):
        no(await bank.http.get(f"/back/requests/{path}"), 404, "NOT_FOUND")
    no(await bank.http.get("/back/other"), 404, "NOT_FOUND")
    no(await bank.http.get("/back/requests"), 405, "NOT_ALLOWED")


async def test_a_long_poll_ends_with_the_change(bank: House) -> None:
    ann = await bank.person("ann")
    places = await brought(bank, await bank.asked(), "ann")
    states: list[dict[str, Any]] = []

    async def wait() -> None:
        states.append(await told(bank, places, "?wait=30"))

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            await bank.http.post(f"/api/requests/{places['approval_id']}/deny", headers=ann)
        assert [s["phase"] for s in states] == ["DENIED"]
        assert (await told(bank, places, "?wait=30"))["final"], "what is over is not waited for"
    no(await bank.http.get(places["poll"] + "?wait=31"), 400, "BAD_ARGUMENT")
    no(await bank.http.get(places["poll"] + "?wait=-1"), 400, "BAD_ARGUMENT")


def events_of(text: str) -> list[tuple[str, str, dict[str, Any]]]:
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if "event" in lines:
            found.append((lines["id"], lines["event"], json.loads(lines["data"])))
    return found


async def test_events_tell_each_change_and_end_with_the_request(bank: House) -> None:
    ann = await bank.person("ann")
    places = await brought(bank, await bank.asked(), "ann")
    heard: list[httpx.Response] = []

    async def listen() -> None:
        heard.append(await bank.http.get(places["events"]))

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            await trio.testing.wait_all_tasks_blocked()
            await bank.approve(places["approval_id"], "ann", ann)
    (answer,) = heard
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    events = events_of(answer.text)
    assert (events[0][1], events[-1][1]) == ("received", "committed")
    last = events[-1][0]
    again = await bank.http.get(places["events"], headers={"Last-Event-ID": last})
    assert again.status_code == 204, "its reader has all, and does not come back"
    anew = await bank.http.get(places["events"], headers={"Last-Event-ID": events[0][0]})
    assert [name for _, name, _ in events_of(anew.text)] == ["committed"]


async def test_few_may_wait_for_one_request(bank: House) -> None:
    ann = await bank.person("ann")
    places = await brought(bank, await bank.asked(), "ann")
    statuses: list[int] = []

    async def listen() -> None:
        statuses.append((await bank.http.get(places["events"])).status_code)

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(listen)
            await trio.testing.wait_all_tasks_blocked()
            no(await bank.http.get(places["events"]), 503, "TOO_MANY")
            # Who polls is answered all the same, only not later.
            assert (await told(bank, places, "?wait=30"))["phase"] == "RECEIVED"
            await bank.http.post(f"/api/requests/{places['approval_id']}/deny", headers=ann)
    assert statuses == [200] * 4


# ---------------------------------------------------------------- what an origin says


async def test_an_origin_says_all_that_a_requester_needs(bank: House) -> None:
    answer = await bank.http.get("/.well-known/pledgeway")
    found = answer.json()
    identity = bank.context.identity
    assert found["node"] == identity.node.hex()
    assert found["requests"] == f"{ORIGIN}/back/requests"
    keys = [read_public(text) for text in found["webhook_keys"]]
    assert keys == [webhook_key(identity.key.seed, 0).public]
    (proof,) = nodes_of(answer.content, "bank.localhost")
    assert proof.node == identity.node and proof.until_us > bank.now_us
    assert "access-control-allow-origin" not in answer.headers
