"""A person buys a thing on the page of her node: daemons, a simulator that keeps the thing, a
registry. Money and thing change hands, or, where the seller's node dies, neither of them.

She has an authenticator in software; that browsers do the same is tests/browser.
"""

import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
import pytest
import trio

from node.command.browsing.authenticator import Authenticator
from node.command.processes.founding import found_node
from node.command.processes.town import House
from node.escrow.library import library_bytes
from pathfinder.network import Line, Network, Node
from proto.escrow.ops import LegPhase
from tests.e2e.houses import BRAND, FEES, LIMIT, running, until
from tests.e2e.test_example_simulator import PRICE, World, world
from tests.node.page.bank import Browser

LIMIT_OF_ANN = 1000
JOIN_S = 60
STREAMED_S = 90.0  # a page of what is under way is sent for as long as that lasts


def street() -> Network:
    """Ann's bank owes a hop, which owes the shop."""
    nodes = tuple(Node(n, frozenset({"R1"}), True, fees=FEES) for n in ("Bank", "Hop", "Shop"))
    pairs = [("Bank", "Hop"), ("Hop", "Shop")]
    lines = tuple(Line(x, y, BRAND, LIMIT) for pair in pairs for x, y in (pair, pair[::-1]))
    return Network(("R1",), (), nodes, lines)


@dataclass
class ToPort(httpx.AsyncBaseTransport):
    """What a browser does with a name that is this machine's, and a cookie that takes https."""

    port: int

    def __post_init__(self) -> None:
        self._plain = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        there = httpx.Request(
            request.method,
            request.url.copy_with(scheme="http", host="127.0.0.1", port=self.port),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        return await self._plain.handle_async_request(there)

    async def aclose(self) -> None:
        await self._plain.aclose()


@dataclass
class Page:
    """Where the bank's page is; the port is drawn when its node is founded."""

    port: int = 0

    @property
    def origin(self) -> str:
        return f"http://bank.localhost:{self.port}"

    def found(self, home: Path, name: str, ports: Iterator[int]) -> None:
        found_node(home, name, ports, service=True)
        if name != "Bank":
            return
        self.port = next(ports)
        config = home / "config.toml"
        head, page, tail = config.read_text().partition("[page]")
        tail = tail.replace('listen = ""', f'listen = "127.0.0.1:{self.port}"', 1)
        config.write_text(head + page + tail.replace('origin = ""', f'origin = "{self.origin}"', 1))

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[Browser]:
        base = self.origin.replace("http:", "https:")
        async with httpx.AsyncClient(
            transport=ToPort(self.port), base_url=base, timeout=STREAMED_S
        ) as http:
            yield Browser(http, Authenticator(self.origin))


@dataclass
class Sale:
    """Ann's browser, the shop, and the simulator that keeps its lamps."""

    page: Page
    bank: House
    shop: House
    at: World
    ann: Browser
    registrar: bytes

    async def offered(self, within_s: int) -> str:
        """The shop offers a lamp, and asks Ann for its price: the path on her page."""
        proposed = await self.shop.control.ask(
            "escrow.propose",
            template=library_bytes("buy object").decode(),
            settings={
                "brand": BRAND,
                "amount": str(PRICE),
                "region": "Ahern",
                "task_id": "1234",
                "simulator": self.registrar.hex(),
            },
            seats={"buyer": self.bank.card, "seller": "me"},
            within_s=within_s,
            join_s=JOIN_S,
        )
        asked = await self.shop.control.ask(
            "request.create", for_exchange=proposed["id"], description="A lamp for your wall"
        )
        page = await self.ann.look("/pay")
        fields = {"csrf": (None, page.csrf), "request": (None, asked["text"])}
        sent = await self.ann.http.post("/pay", files=fields)
        where = sent.headers["location"]

        async def arrived() -> bool:
            return "data-passkey" in (await self.ann.look(where)).answer.text

        await until("the invitation is there, and a way to the shop", arrived)
        return where

    async def approve(self, where: str) -> None:
        page = await self.ann.look(where)
        assert "1 × Lamp" in page.text
        fields = {**page.hidden, "assertion": self.ann.keys.get(page.options)}
        done = await self.ann.send(where + "/approve", fields)
        assert done.status == 303, done.text

    async def ended(self, where: str) -> str:
        """What the page says in the end."""
        text = ""

        async def over() -> bool:
            nonlocal text
            text = (await self.ann.look(where)).text
            return "What happened" in text

        await until("it is over", over)
        return text

    def lamps(self) -> dict[str, int]:
        """In all accounts of a node together: some are its people's."""
        found = {"bank": 0, "shop": 0}
        books = self.at.books()
        try:
            for _, node, count in books.owned():
                found["bank" if node.hex() == self.bank.node else "shop"] += count
        finally:
            books.close()
        return found

    async def purse(self) -> tuple[int, int]:
        """(balance, held) of Ann, as her bank's operator sees it."""
        shown = await self.bank.control.ask("people.show", name="ann")
        (purse,) = shown["purses"]
        return purse["balance"], purse["reserved"]


async def _set_out(page: Page, bank: House, shop: House, at: World, ann: Browser) -> Sale:
    """The shop sells at the simulator; Ann joins her bank by an invitation."""
    from tests.e2e.test_example_simulator import simulator

    place = simulator.Place(at.directory)
    await shop.control.ask("rights.learn", card=place.card)
    await shop.control.ask("account.open", card=place.card, brand="Lamp")
    invited = await bank.control.ask(
        "people.invite", name="ann", limits=[[BRAND, str(LIMIT_OF_ANN)]]
    )
    joined = await ann.join(f"/join/{invited['token']}")
    assert joined.codes, joined.text
    return Sale(page, bank, shop, at, ann, bytes(place.identity.node))


@pytest.mark.e2e
async def test_a_lamp_is_bought_on_the_page_and_where_the_seller_dies_nothing_is(
    tmp_path: Path,
) -> None:
    page = Page()
    expected = "UNAVAILABLE|simulator"
    async with (
        running(street(), tmp_path, expected=expected, found=page.found) as town,
        page.browser() as ann,
    ):
        bank, shop = town.houses["Bank"], town.houses["Shop"]
        record = next((tmp_path / "registry0").glob("*.record"))
        with world(tmp_path, record, shop.card) as at:
            at.start()
            the = await _set_out(page, bank, shop, at, ann)
            where = await the.offered(12)
            await the.approve(where)
            assert f"Paid{PRICE} {BRAND}" in await the.ended(where)

            async def owned() -> bool:
                return "You have1 " in (await ann.look("/belongings")).text

            await until("the lamp is in Ann's account", owned)
            assert the.lamps() == {"bank": 1, "shop": 2}
            balance, held = await the.purse()
            assert -PRICE - 2 <= balance < -PRICE and held == 0
            assert (await ann.look(where + "/receipt")).status == 200
            # The simulator has promised the next one, nobody knows, and the seller is gone.
            at.end()
            at.start("unsaid")
            where = await the.offered(8)
            await the.approve(where)
            assert await trio.to_thread.run_sync(at.wait_until_dead) == -signal.SIGKILL
            await town.kill("Shop")
            assert at.legs(LegPhase.PREPARED) == 1
            at.start()
            assert "Not paid" in await the.ended(where)
            assert await the.purse() == (balance, 0)

            async def is_back() -> bool:
                return the.lamps() == {"bank": 1, "shop": 2}

            await until("the lamp is the shop's again", is_back)
            at.end()
            await town.restart("Shop")
            await until("the shop is back", partial(_connected, shop))


async def _connected(house: House) -> bool:
    return all(peer["connected"] for peer in (await house.control.ask("status"))["peers"])
