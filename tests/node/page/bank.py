"""A node's page over its core alone: no disk, no wire, a clock that a test moves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from html import unescape
from itertools import count
from re import findall, search
from types import SimpleNamespace
from typing import Any

import httpx
from starlette.types import ASGIApp

from node.command.browsing.authenticator import Authenticator
from node.command.sim.cast import NOW_US, signing_key
from node.control.context import Context
from node.core.apply import apply
from node.core.effects import Answer
from node.core.escrow.events import KeepRow
from node.core.people.rows import Invitation, Person, PersonPhase, person_id
from node.core.view import Settings
from node.memory import Memory
from node.page.site import app
from node.page_config import PageConfig
from node.people.names import invitation_id, limits_json
from proto.fees import FeeSet
from proto.limits import US
from proto.money import Brand, common_brand
from proto.reason import Refusal

ORIGIN = "https://bank.example"
EUR = common_brand("EUR")
WEEK_US = 7 * 86_400 * US


class Clock:
    """Every look at it is a little later, as in life."""

    def __init__(self) -> None:
        self.at_us = NOW_US

    def now_us(self) -> int:
        self.at_us += 1000
        return self.at_us

    def monotonic_us(self) -> int:
        return self.now_us()

    def error_us(self) -> int:
        return 0


class Engine:
    """Applies at once, and answers as the core does. `before`: what comes just ahead of the next
    event, as another task's would."""

    def __init__(self, memory: Memory, clock: Clock) -> None:
        self.memory, self.clock = memory, clock
        self.links = SimpleNamespace(neighbours={})
        self.before: list[Any] = []

    async def ask(self, *makes: Any) -> Refusal | None:
        while self.before:
            self._take(self.before.pop(0))
        for make in makes:
            refusal = self._take(make(self.clock.now_us()))
            if refusal is not None:
                return refusal
        return None

    def submit(self, make: Any) -> None:
        self._take(make(self.clock.now_us()))

    def _take(self, event: Any) -> Refusal | None:
        done = apply(self.memory, event)
        for row in done.changes:
            self.memory.put(row)
        (answer,) = (effect for effect in done.effects if isinstance(effect, Answer))
        return answer.refusal


@dataclass
class Bank:
    """`await bank.person("bianca")`: one who has joined, and her browser."""

    origin: str = ORIGIN
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        key, draws = signing_key("bank"), count()
        self.memory = Memory(Settings(key.node_id, FeeSet({})))
        self.engine = Engine(self.memory, self.clock)
        self.context = object.__new__(Context)
        more: dict[str, Any] = {
            "identity": SimpleNamespace(key=key, node=key.node_id),
            "alias": "Harbour <Bank>",
            "engine": self.engine,
            "clock": self.clock,
            "entropy": lambda n: sha256(b"draw %d" % next(draws)).digest()[:n],
        }
        for name, value in more.items():
            setattr(self.context, name, value)

    def app(self) -> ASGIApp:
        return app(self.context, PageConfig("127.0.0.1:0", self.origin))

    def invite(self, name: str, limits: tuple[tuple[Brand, int], ...] = ((EUR, 500),)) -> str:
        """The path of the link."""
        now_us, token = (
            self.clock.now_us(),
            sha256(f"{name} {self.clock.at_us}".encode()).hexdigest(),
        )
        row = Invitation(
            invitation_id(token[:32]), name, name.title(), limits_json(dict(limits)), now_us,
            now_us + WEEK_US,
        )  # fmt: skip
        self.engine.submit(lambda at_us: KeepRow(at_us, row))
        return f"/join/{token[:32]}"

    def pass_time(self, us: int) -> None:
        self.clock.at_us += us

    def close(self, name: str) -> None:
        key = (Person.table, person_id(name), b"")
        person = self.memory.row(key)
        assert isinstance(person, Person)
        self.memory.put(Person(person.id, name, person.display, PersonPhase.CLOSED, 1, 2))

    @asynccontextmanager
    async def browser(self, site: ASGIApp | None = None) -> AsyncIterator["Browser"]:
        transport = httpx.ASGITransport(app=site or self.app())
        async with httpx.AsyncClient(transport=transport, base_url=self.origin) as http:
            yield Browser(http, Authenticator(self.origin))


@dataclass
class Page:
    """An answer as somebody reads it."""

    answer: httpx.Response

    @property
    def status(self) -> int:
        return self.answer.status_code

    @property
    def text(self) -> str:
        words = "".join(findall(r">([^<]*)", self.answer.text))
        return unescape(" ".join(words.split()))

    @property
    def where(self) -> str:
        return self.answer.headers.get("location", "")

    @property
    def options(self) -> str:
        found = search(r'data-options="([^"]*)"', self.answer.text)
        assert found, self.text
        return unescape(found[1])

    @property
    def hidden(self) -> dict[str, str]:
        """The hidden fields of the form with the passkey, or else of the first in <main>."""
        body = self.answer.text.partition("<main")[2].partition("</main>")[0]
        body = body.partition("data-passkey")[2] or body
        form = body.partition("</form>")[0]
        found = findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', form)
        return {name: unescape(value) for name, value in found}

    @property
    def csrf(self) -> str:
        """Of the session: every page of it has a form, the one to log out."""
        found = search(r'name="csrf" value="([^"]*)"', self.answer.text)
        assert found, self.text
        return found[1]

    @property
    def codes(self) -> list[str]:
        return findall(r"<li><code>([^<]*)</code>", self.answer.text)

    def links(self, starting: str) -> list[str]:
        return findall(rf'(?:href|action)="({starting}[^"]*)"', self.answer.text)


@dataclass
class Browser:
    """A person's: cookies, an authenticator, and the habit of sending what forms hold."""

    http: httpx.AsyncClient
    keys: Authenticator

    async def look(self, path: str, *, follow: bool = False) -> Page:
        return Page(await self.http.get(path, follow_redirects=follow))

    async def send(self, path: str, fields: dict[str, str], **headers: str) -> Page:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Page(await self.http.post(path, data=fields, headers=named))

    async def press(self, page: Page, path: str, **more: str) -> Page:
        """The page's form with its hidden fields."""
        return await self.send(path, {**page.hidden, **more})

    async def join(self, path: str) -> Page:
        page = await self.look(path)
        return await self.press(page, path, assertion=self.keys.create(page.options))

    async def log_in(self, path: str = "/login", which: int = 0) -> Page:
        page = await self.look(path)
        where = path.partition("?")[0]
        return await self.press(page, where, assertion=self.keys.get(page.options, which))
