"""A payment's page while it runs: sent on piece by piece, ended by its end, bounded in time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
import trio.testing

from node.core.escrow.events import KeepRow
from node.core.keyed import replace
from node.core.people.rows import Confirmation, ConfirmationPhase, Person
from node.page.progress import LASTS_S, MAX_OF_PERSON, MAX_STREAMS, Places
from node.page.visits import COOKIE
from tests.node.page.house import House

P = ConfirmationPhase


@dataclass
class Reader:
    """A connection to the page, read as it comes. `leave` closes it, as somebody's browser does."""

    pieces: list[str] = field(default_factory=list)
    status: int = 0
    done: bool = False
    leave: trio.Event = field(default_factory=trio.Event)
    changed: trio.Event = field(default_factory=trio.Event)

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    async def until(self, text: str) -> None:
        while text not in self.text:
            await self.changed.wait()
            self.changed = trio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.leave.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await trio.lowlevel.checkpoint()
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.pieces.append(message["body"].decode())
            self.done = not message.get("more_body", False)
        self.changed.set()


@asynccontextmanager
async def reading(home: House, person: Person, where: str) -> AsyncIterator[Reader]:
    """Somebody reads the page; leaves at the end, if it has not ended."""
    async with home.browser(person) as browser:
        token = browser.http.cookies[COOKIE]
    reader = Reader()
    scope = {
        "type": "http", "method": "GET", "path": where, "raw_path": where.encode(),
        "query_string": b"", "root_path": "", "scheme": "https", "http_version": "1.1",
        "headers": [(b"host", b"bank.example"), (b"cookie", f"{COOKIE}={token}".encode())],
        "client": ("127.0.0.1", 1), "server": ("bank.example", 443),
    }  # fmt: skip
    async with trio.open_nursery() as nursery:
        nursery.start_soon(home.site, scope, reader.receive, reader.send)
        yield reader
        reader.leave.set()


@pytest.fixture
async def ada(home: House) -> Person:
    return await home.person("ada", paid_in=500)


async def running(home: House, ada: Person) -> str:
    """A request that has been approved, and nothing else has happened yet."""
    made = await home.context.confirmations.bring(home.foreign("shop"), name="ada")
    await home.context.confirmations.present(made.id, ada.id)
    await moved(home, made.id, P.APPROVED, approved=b"", approved_at_us=home.clock.now_us())
    return f"/requests/{made.id.hex()}"


async def moved(home: House, ident: bytes, phase: ConfirmationPhase, **changes: Any) -> None:
    """As the core would move it, without its payment."""
    row: Any = replace(home.confirmation(ident), phase=phase, **changes)
    await home.context.do(lambda at: KeepRow(at, row))


async def test_it_is_told_as_it_happens(home: House, ada: Person) -> None:
    where = await running(home, ada)
    ident = bytes.fromhex(where[-32:])
    async with reading(home, ada, where) as reader:
        await reader.until("Looking for a way")
        assert reader.status == 200 and not reader.done
        assert 'role="status"' in reader.text and "<script" not in reader.text
        assert "</html>" not in reader.text and 'http-equiv="refresh"' not in reader.text
        await moved(home, ident, P.EXECUTING, attempt=1)
        await moved(home, ident, P.ABORTED, attempt=1)
        await reader.until("Looking for another way, after try 1.")
        await moved(home, ident, P.EXECUTING, attempt=2)
        ended_at_us = home.clock.now_us()
        await moved(home, ident, P.COMMITTED, ended_at_us=ended_at_us)
        await reader.until("</html>")
        assert "<h2>Paid</h2>" in reader.text and reader.text.count("<html") == 1
        assert reader.text.count("Looking for a way") == 1
    assert reader.done


@pytest.mark.parametrize(
    ("because", "words"),
    [("NO_ROUTE", "No way to this payee"), ("PAYEE_DECLINED", "The payee declined"), ("", "")],
)
async def test_an_end_without_a_payment_says_why(
    home: House, ada: Person, because: str, words: str
) -> None:
    where = await running(home, ada)
    async with reading(home, ada, where) as reader:
        await reader.until("Looking for a way")
        await moved(home, bytes.fromhex(where[-32:]), P.EXPIRED, because=because)
        await reader.until("</html>")
        assert "<h2>Not paid</h2>" in reader.text and words in reader.text


async def test_it_ends_after_a_while_with_a_way_on(
    home: House, ada: Person, autojump_clock: trio.testing.MockClock
) -> None:
    where = await running(home, ada)
    async with reading(home, ada, where) as reader:
        began_s = trio.current_time()
        await reader.until("</html>")
        assert LASTS_S <= trio.current_time() - began_s < LASTS_S + 1
        assert "It is still under way." in reader.text and f'href="{where}"' in reader.text


async def test_a_person_watches_so_many_and_others_watch_too(home: House, ada: Person) -> None:
    where = await running(home, ada)
    async with trio.open_nursery() as nursery:
        leave = trio.Event()

        async def watch(task_status: trio.TaskStatus[None]) -> None:
            async with reading(home, ada, where) as reader:
                await reader.until("Looking for a way")
                task_status.started()
                await leave.wait()

        for _ in range(MAX_OF_PERSON):
            await nursery.start(watch)
        async with reading(home, ada, where) as reader:
            await reader.until("</html>")
            assert "Other pages are open already." in reader.text
        leave.set()
    async with reading(home, ada, where) as reader:  # what was left is free again
        await reader.until("Looking for a way")
        assert "</html>" not in reader.text


def test_places_are_bounded_in_all() -> None:
    places = Places()
    people = [bytes([n]) for n in range(MAX_STREAMS)]
    assert all(places.take(person) for person in people)
    assert not places.take(b"another")
    places.leave(people[0])
    assert places.take(b"another") and not places.take(people[0])
    for person in (*people[1:], b"another"):
        places.leave(person)
    assert not places.taken


async def test_only_the_head_is_asked_for(home: House, ada: Person) -> None:
    where = await running(home, ada)
    async with home.browser(ada) as browser:
        answer = await browser.http.head(where)
        assert answer.status_code == 200


async def test_a_confirmation_as_it_stands(home: House, ada: Person) -> None:
    where = await running(home, ada)
    row = home.confirmation(bytes.fromhex(where[-32:]))
    assert isinstance(row, Confirmation) and row.phase is P.APPROVED
    async with home.browser(ada) as browser:
        front = await browser.look("/")
        assert "Under way" in front.text and "approved, looking for a way" in front.text
