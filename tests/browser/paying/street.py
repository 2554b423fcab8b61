"""A payer's node with its page, a payee's node and a registry, as processes, for tests that wait.

All of it runs on a trio loop in a thread of its own; tests ask from theirs. What a requester does
over the back channel is here, too.
"""

import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import trio

from node.command.browsing.local_names import LocalNames
from node.command.processes.founding import found_node
from node.command.processes.plan import make_plan
from node.command.processes.ports import HOST, free_ports
from node.command.processes.process import Daemon, processes, python
from node.command.processes.town import Town, answers, build
from node.command.processes.warm import warm
from node.config import CONFIG_NAME, read_config, write_config
from node.page_config import PageConfig
from pathfinder.network import Line, Network, Node
from proto.fees import FeeSet
from proto.keys import SigningKey
from proto.request import PaymentRequest, countersign, from_text, read_request, sign_request
from proto.submission import Submission, sign_submission
from registry.home import Home
from runtime.bridge import Bridge
from runtime.identity import Identity, load_identity
from tests.patience import PATIENCE_S

REGISTRY: Final = "Harbour"
BANK: Final = "Bank"
SHOP: Final = "Lamp and Ledger"
PAGES: Final = {BANK: "bank", SHOP: "till"}
BRAND: Final = "USD"
LIMIT: Final = 1_000_000
OPENS_WITHIN_S: Final = 4 * PATIENCE_S
SHOP_KEY: Final = SigningKey(b"\7" * 32)  # asks in the payee's name; the bank's operator knows it
STRANGER: Final = SigningKey(b"\x08" * 32)  # asks, too, and nobody knows it

Json = dict[str, Any]


def network() -> Network:
    """Two nodes that promise each other."""
    accepts = frozenset({REGISTRY})
    nodes = tuple(Node(name, accepts, True, fees=FeeSet({})) for name in (BANK, SHOP))
    lines = tuple(Line(x, y, BRAND, LIMIT) for x, y in ((BANK, SHOP), (SHOP, BANK)))
    return Network((REGISTRY,), (), nodes, lines)


@dataclass(frozen=True)
class Brought:
    """A request at the bank: `id` of its confirmation, in hex; `asked` as its requester signed."""

    id: str
    places: Json
    asked: bytes
    request: PaymentRequest
    own: str  # its id at the payee's node, in hex
    nonce: bytes
    state: str


@dataclass
class Street:
    """What runs. Everything here is for the tests' thread."""

    origin: str
    shop: str
    town: Town
    record: Path
    token: trio.lowlevel.TrioToken
    http: httpx.Client
    stranger: str = ""  # the origin of somebody's site; where a buyer is led back
    kept: dict[str, Any] = field(default_factory=dict)  # what tests know of people

    def run(self, work: Callable[..., Coroutine[Any, Any, Any]], *arguments: Any) -> Any:
        """Some trio work of the street's, to its end."""
        return trio.from_thread.run(work, *arguments, trio_token=self.token)

    # ------------------------------------------------------------ its owners

    def ask(self, house: str, verb: str, /, **arguments: Any) -> Json:
        """Refused, RpcError."""
        answer: Json = self.run(partial(self.town.houses[house].control.ask, verb, **arguments))
        return answer

    def identity(self, house: str) -> Identity:
        return load_identity(self.town.houses[house].daemon.directory)

    def purse(self, name: str) -> Json:
        (purse,) = self.ask(BANK, "people.show", name=name)["purses"]
        return {key: int(purse[key]) for key in ("balance", "limit", "reserved")}

    def books_hold(self) -> bool:
        return bool(self.ask(BANK, "people.books")["ok"])

    # ------------------------------------------------------------ what befalls it

    def daemon(self, name: str) -> Daemon:
        return self.town.registries.get(name) or self.town.houses[name].daemon

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """A process that neither hears nor speaks around a block."""
        pid = self.town.processes.pid(self.daemon(name))
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def kill(self, house: str) -> None:
        """SIGKILL; it is gone."""
        self.run(self.town.kill, house)

    def restart(self, house: str) -> None:
        self.run(self.town.restart, house)
        until = partial(answers, self.town.houses[house], "people.list")
        assert self.run(until) is not None

    # ------------------------------------------------------------ requesters

    def create(self, **wish: Any) -> tuple[PaymentRequest, bytes, str]:
        """A request of the shop's own: read, as the payee signed it, and its id there."""
        wish = {"amount": 300, "brand": BRAND, "description": "One lamp"} | wish
        made = self.ask(SHOP, "request.create", **wish)
        signed = from_text(made["text"])
        return read_request(signed, time.time_ns() // 1000), signed, made["id"]

    def bring(
        self,
        payer: str = "anna",
        key: SigningKey | None = SHOP_KEY,
        payee: SigningKey | None = None,
        changes: Json | None = None,
        at: str = BANK,
        **wish: Any,
    ) -> Brought:
        """A request over the back channel. `key`: of whoever asks in the payee's name, if anybody
        does. `changes`: fields of the request that the payee's node would not write, such as
        another payee's, who signs with `payee`. `at`: whose page it is brought to."""
        if key is not None:
            back = {"return_url": f"{self.stranger}/thanks"}
            wish = {"requester": {"key": key.public.hex(), "name": "The shop", **back}} | wish
        request, signed, own = self.create(**wish)
        if changes:
            request = replace(request, **changes)
            signed = sign_request(payee or self.identity(SHOP).key, request)
        asked = signed if key is None else countersign(key, signed)
        nonce, state = os.urandom(32), os.urandom(8).hex()
        answer = self.submit(
            asked, payer, key or payee or self.identity(SHOP).key, nonce, state, at
        )
        assert answer.status_code == 201, answer.text
        places = answer.json()
        return Brought(places["approval_id"], places, asked, request, own, nonce, state)

    def submit(
        self,
        asked: bytes,
        payer: str,
        key: SigningKey,
        nonce: bytes = bytes(32),
        state: str = "",
        at: str = BANK,
    ) -> httpx.Response:
        """What the node's page answers to a requester."""
        node = self.identity(at).key.node_id
        now_us = time.time_ns() // 1000
        data = sign_submission(key, Submission(asked, payer, nonce, state, now_us, node))
        headers = {"content-type": "application/octet-stream"}
        origin = self.origin if at == BANK else self.shop
        return self.http.post(f"{origin}/back/requests", content=data, headers=headers)

    def phase(self, brought: Brought) -> str:
        """As its requester is told."""
        path = urlsplit(brought.places["poll"]).path
        return str(self.http.get(path).json()["phase"])


@contextmanager
def street(directory: Path) -> Iterator[Street]:
    """All of it around a block."""
    told: queue.SimpleQueue[Street | None] = queue.SimpleQueue()
    over: list[trio.Event] = []

    async def live() -> None:
        over.append(trio.Event())
        with warm(python()) as oven, processes(oven) as running:
            async with Bridge.open() as bridge:
                with httpx.Client(trust_env=False, transport=LocalNames(), timeout=60) as http:
                    told.put(await _built(directory, running, bridge, http))
                    await over[0].wait()

    def main() -> None:
        try:
            trio.run(live)
        finally:
            told.put(None)  # what went wrong is told as the thread's own fault

    thread = threading.Thread(target=main, daemon=True)
    thread.start()
    made = told.get(timeout=OPENS_WITHIN_S)
    assert made is not None, "the street did not open"
    try:
        yield made
    finally:
        made.token.run_sync_soon(over[0].set)
        thread.join(OPENS_WITHIN_S)


async def _built(directory: Path, running: Any, bridge: Bridge, http: httpx.Client) -> Street:
    origins: dict[str, str] = {}

    def found(home: Path, alias: str, ports: Iterator[int]) -> None:
        # The bank may call this machine, as the stranger's site is here; the shop may not.
        port = next(ports)
        origins[alias] = f"http://{PAGES[alias]}.localhost:{port}"
        page = PageConfig(f"{HOST}:{port}", origins[alias], private_calls=alias == BANK)
        found_node(home, alias, ports)
        written = home / CONFIG_NAME
        config = read_config(written)
        written.unlink()
        write_config(written, replace(config, page=page))

    ports = free_ports(Random())
    town = await build(
        make_plan(network()), directory, ports, bridge, running, lambda _: None, found=found
    )
    record = Home(town.registries[REGISTRY].directory).record
    http.base_url = httpx.URL(origins[BANK])
    token = trio.lowlevel.current_trio_token()
    return Street(origins[BANK], origins[SHOP], town, record, token, http)
