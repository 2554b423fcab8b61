"""Word to shops, over real https: what it says, who can forge it, and that it arrives."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from node.control import notices
from node.core.effects import Notify
from node.core.people.rows import Notice
from node.people.notifying import Notifying, signing_keys
from proto.keys import SigningKey
from proto.webhook import ID_HEADER, WebhookFault, verify_webhook, webhook_key
from runtime.web_client import Reach, WebClient
from tests.node.page.programs_house import SHOP, House, house
from tests.node.page.test_back_channel import brought
from tests.runtime.web_servers import Server, authority, serving

pytestmark = pytest.mark.edge
ANSWER = "HTTP/1.1 {} -\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Receiver:
    """A shop's end, which answers as it is told, and at last with 204."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.answered = 0
        self.server = Server()
        self.under_way: Callable[[], int] = lambda: 0

    async def say(self, stream: trio.abc.Stream) -> None:
        status = self.statuses.pop(0) if self.statuses else 204
        await stream.send_all(ANSWER.format(status).encode())
        self.answered += 1

    def headers(self, i: int) -> dict[str, str]:
        lines = self.server.heads[i].split("\r\n")[1:]
        return {k.lower(): v for k, _, v in (line.partition(": ") for line in lines) if v}


@asynccontextmanager
async def shop(folder: Path, *statuses: int) -> AsyncIterator[tuple[House, Receiver, str]]:
    """A bank, a shop behind TLS, and the URL at which it is told."""
    made, receiver = authority(folder), Receiver(*statuses)
    async with (
        house(folder / "bank") as bank,
        serving(receiver.say, made.server("localhost")) as at,
    ):
        receiver.server = at
        client = WebClient(Reach(private=True, trusted=made.file))
        notifying = Notifying(bank.context, bank.page, client)

        def perform(errand: Any) -> None:
            assert isinstance(errand, Notify)
            notifying.say(errand.notice)

        bank.context.engine.perform = perform
        async with trio.open_nursery() as nursery:
            nursery.start_soon(notifying.run)
            receiver.under_way = lambda: notifying.under_way
            yield bank, receiver, f"https://localhost:{at.port}/hook"
            nursery.cancel_scope.cancel()


async def paid(bank: House, url: str) -> dict[str, Any]:
    ann = await bank.person("ann")
    asked = await bank.asked(requester=await bank.shop(url))
    places = await brought(bank, asked, "ann", key=SHOP)
    assert (await bank.approve(places["approval_id"], "ann", ann)).status_code == 200
    return places


async def until(done: Any) -> None:
    with trio.fail_after(20):
        while not done():
            await trio.lowlevel.checkpoint()


def rows(bank: House) -> list[Notice]:
    return bank.context.engine.memory.owned(Notice)


async def test_a_shop_that_fails_twice_is_told_in_the_end(tmp_path: Path) -> None:
    (tmp_path / "bank").mkdir()
    async with shop(tmp_path, 500, 503) as (bank, receiver, url):
        places = await paid(bank, url)
        for tries in (1, 2):
            await until(lambda tries=tries: receiver.answered == tries)
            await until(lambda: not receiver.under_way())
            (listed,) = (await bank.verb(notices.list_notices))["notices"]
            assert listed["state"] == "WAITING" and listed["next_at_us"] > bank.now_us
            # The operator need not wait for the next try.
            await bank.verb(notices.again, id=listed["id"])
        await until(lambda: rows(bank)[0].delivered)
        assert [n["state"] for n in (await bank.verb(notices.list_notices))["notices"]] == [
            "DELIVERED"
        ]
        calls = [receiver.headers(i) for i in range(3)]
        assert len({call[ID_HEADER] for call in calls}) == 1, "one id in every try"
        keys = [webhook_key(bank.context.identity.key.seed, 0).public]
        for call, body in zip(calls, receiver.server.bodies, strict=True):
            told = json.loads(verify_webhook(call, body, keys, bank.now_us // 1_000_000))
            assert told["type"] == "payment.committed"
            assert told.keys() == {"type", "request_id", "receipt_url"}, "thin"
        receipt = await bank.http.get(told["receipt_url"])
        assert receipt.status_code == 200
        assert told["receipt_url"] == places["poll"] + "/receipt"
        with pytest.raises(WebhookFault):
            verify_webhook(calls[0], receiver.server.bodies[0] + b" ", keys, bank.now_us // 10**6)
        with pytest.raises(WebhookFault):
            forger = [SigningKey(b"\1" * 32).public]
            verify_webhook(calls[0], receiver.server.bodies[0], forger, bank.now_us // 10**6)


async def test_whoever_wants_none_is_told_no_more(tmp_path: Path) -> None:
    (tmp_path / "bank").mkdir()
    async with shop(tmp_path, 410) as (bank, receiver, url):
        await paid(bank, url)
        await until(lambda: rows(bank)[0].ended_at_us)
        (listed,) = (await bank.verb(notices.list_notices, failed=True))["notices"]
        assert (listed["state"], listed["next_at_us"]) == ("GIVEN_UP", 0)
        assert receiver.answered == 1


async def test_a_crash_behind_a_delivery_delivers_again_under_the_same_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bank").mkdir()
    async with shop(tmp_path) as (bank, receiver, url):
        with monkeypatch.context() as patched:
            # The process dies with what it was about to write down.
            patched.setattr(bank.context.engine, "submit", lambda _: None)
            await paid(bank, url)
            await until(lambda: receiver.answered == 1 and not receiver.under_way())
            await trio.testing.wait_all_tasks_blocked()
        (row,) = rows(bank)
        assert not row.ended_at_us
        # After a start the row is due as it was.
        bank.context.engine.perform(Notify(row.id))
        await until(lambda: rows(bank)[0].delivered)
        assert receiver.headers(0)[ID_HEADER] == receiver.headers(1)[ID_HEADER] == row.id.hex()
        assert receiver.server.bodies[0] == receiver.server.bodies[1]


async def test_a_denied_request_is_told_without_a_receipt(tmp_path: Path) -> None:
    (tmp_path / "bank").mkdir()
    async with shop(tmp_path) as (bank, receiver, url):
        ann = await bank.person("ann")
        asked = await bank.asked(requester=await bank.shop(url))
        places = await brought(bank, asked, "ann", key=SHOP)
        await bank.http.post(f"/api/requests/{places['approval_id']}/deny", headers=ann)
        await until(lambda: receiver.answered == 1)
        told = json.loads(receiver.server.bodies[0])
        assert (told["type"], told["receipt_url"]) == ("payment.denied", None)


async def test_nobody_is_told_who_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "bank").mkdir()
    async with shop(tmp_path) as (bank, receiver, url):
        known = await bank.shop("https://localhost:1/other")
        ann = await bank.person("ann")
        asked = await bank.asked(requester=type(known)(SHOP.public, "Shop", url, ""))
        places = await brought(bank, asked, "ann", key=SHOP)
        assert places["notify"] is False
        await bank.approve(places["approval_id"], "ann", ann)
        assert rows(bank) == [] and receiver.answered == 0


def test_two_keys_sign_while_one_is_new() -> None:
    seed = b"\7" * 32
    first, second, third = (webhook_key(seed, n) for n in range(3))
    assert [k.public for k in signing_keys(seed, 0)] == [first.public]
    assert [k.public for k in signing_keys(seed, 1)] == [second.public, first.public]
    assert [k.public for k in signing_keys(seed, 2)] == [third.public, second.public]
