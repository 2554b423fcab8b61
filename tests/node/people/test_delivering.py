"""Notices on their way: what a try comes to, and that no receiver holds up the others."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from node.people.delivering import (
    MAX_AT_ONCE,
    MAX_PER_HOST,
    MAX_UNDER_WAY,
    US,
    Delivering,
    Outcome,
    Outgoing,
)
from proto.keys import SigningKey
from proto.webhook import verify_webhook
from runtime.clock import FakeClock
from runtime.web_client import Answer, Failed
from runtime.web_exchange import Failure
from tests.node.people.scripted_web import ScriptedWeb

NOW_S = 1_800_000_000
KEYS = [SigningKey(b"n" * 32), SigningKey(b"o" * 32)]
URL = "https://shop.example/hook"


class World:
    def __init__(self) -> None:
        self.web = ScriptedWeb({URL: Answer(204, b"")})
        self.clock = FakeClock(NOW_S * US)
        self.told: list[tuple[str, Outcome]] = []
        self.delivering = Delivering(self.web, lambda: KEYS, self.clock, self._tell)

    async def _tell(self, outgoing: Outgoing, outcome: Outcome) -> None:
        await trio.lowlevel.checkpoint()
        self.told.append((outgoing.notice_id, outcome))


@asynccontextmanager
async def running() -> AsyncIterator[World]:
    world = World()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.delivering.run)
        yield world
        nursery.cancel_scope.cancel()


def notice(n: int = 0, url: str = URL) -> Outgoing:
    return Outgoing(f"msg_{n}", url, b'{"n":%d}' % n)


OUTCOMES: tuple[tuple[Answer | Failed, Outcome], ...] = (
    (Answer(200, b""), Outcome.DELIVERED),
    (Answer(299, b""), Outcome.DELIVERED),
    (Failed(Failure.BAD_STATUS, 410), Outcome.GONE),
    (Failed(Failure.BAD_STATUS, 404), Outcome.FAILED),
    (Failed(Failure.BAD_STATUS, 429), Outcome.FAILED),
    (Failed(Failure.BAD_STATUS, 500), Outcome.FAILED),
    (Failed(Failure.REDIRECTED, 308), Outcome.FAILED),
    *((Failed(why), Outcome.FAILED) for why in Failure),
)


@pytest.mark.parametrize(("said", "expected"), OUTCOMES)
async def test_what_a_try_comes_to(said: Answer | Failed, expected: Outcome) -> None:
    async with running() as world:
        world.web.said[URL] = said
        assert world.delivering.offer(notice())
        await wait_all_tasks_blocked()
        assert world.told == [("msg_0", expected)]
        assert world.delivering.offer(notice())  # it may be said again


async def test_each_try_is_signed_for_its_own_time() -> None:
    async with running() as world:
        for later_s in (0, 3600):
            world.clock.set_now((NOW_S + later_s) * US)
            world.delivering.offer(notice(7))
            await wait_all_tasks_blocked()
            headers, body = world.web.posted.pop()
            for key in KEYS:
                assert verify_webhook(headers, body, [key.public], NOW_S + later_s) == b'{"n":7}'
            assert headers["webhook-id"] == "msg_7"
            assert headers["content-type"] == "application/json"


async def test_one_that_is_under_way_is_not_begun_again() -> None:
    async with running() as world:
        world.web.hold()
        assert world.delivering.offer(notice())
        assert not world.delivering.offer(notice())
        await wait_all_tasks_blocked()
        assert not world.delivering.offer(notice())
        world.web.gate.set()
        await wait_all_tasks_blocked()
        assert world.told == [("msg_0", Outcome.DELIVERED)] and len(world.web.calls) == 1


async def test_a_slow_receiver_holds_up_itself_alone() -> None:
    async with running() as world:
        world.web.hold()
        for n in range(100):
            world.delivering.offer(notice(n, f"https://slow.example/{n}"))
        await wait_all_tasks_blocked()
        assert world.web.at_once == MAX_PER_HOST
        world.delivering.offer(notice(100))
        await wait_all_tasks_blocked()
        assert world.web.calls[-1] == URL


async def test_few_at_once() -> None:
    async with running() as world:
        world.web.hold()
        for n in range(MAX_UNDER_WAY):
            assert world.delivering.offer(notice(n, f"https://h{n}.example/"))
        assert not world.delivering.offer(notice(MAX_UNDER_WAY))
        await wait_all_tasks_blocked()
        assert world.web.at_once == MAX_AT_ONCE
        world.web.gate.set()
        await wait_all_tasks_blocked()
        assert len(world.told) == MAX_UNDER_WAY
        assert world.web.most_at_once == MAX_AT_ONCE
        assert world.delivering.offer(notice(MAX_UNDER_WAY))
