"""Whoever keeps titles keeps the same rules: ours, and the example that others begin with.

The rules are those of deploy/examples/conformance.py, asked over gRPC as strangers would; then an
object is bought from the example over real lines of credit, while it dies and comes back.
"""

import importlib.util
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import grpc
import pytest
import trio

from node.command.processes.control import Json
from node.command.processes.founding import found_node
from node.command.processes.ports import free_ports
from node.command.processes.town import House, Town
from node.escrow.library import library_bytes
from node.registrar import owner
from node.registrar.running import open_registrar
from pathfinder.network import Line, Network, Node
from proto.escrow.ops import LegPhase
from proto.escrow.rights import Right, Vetting, unique_brand_id
from proto.keys import SigningKey
from proto.money import Brand
from runtime.bridge import Bridge
from runtime.clock import SystemClock
from runtime.rpc_server import RpcServer
from tests.e2e.houses import BRAND, FEES, LIMIT, connected, running, until

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
ATTRIBUTES = '{"region":"Ahern","task_id":1}'


def _loaded(path: Path) -> ModuleType:
    """A program of the example, which is no package."""
    sys.path.insert(0, str(path.parent))
    try:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


conformance = _loaded(EXAMPLES / "conformance.py")
simulator = _loaded(EXAMPLES / "simulator" / "simulator.py")
PIECES = conformance.PIECES
RECORDS = {conformance.RECORD.registry: conformance.RECORD}


def _right(key: SigningKey) -> Right:
    guid = unique_brand_id(key.node_id, "object", ATTRIBUTES)
    return Right(
        brand=Brand(guid, "Lamp", 1, key.node_id),
        registrar=key.node_id,
        kind="object",
        attributes=ATTRIBUTES,
        supply=PIECES,
        vetting=Vetting.ANYONE,
        policies=(conformance.POLICY,),
        longest_lock_us=simulator.LONGEST_LOCK_US,
    )


@contextmanager
def example(directory: Path) -> Iterator[Any]:
    """The example on a port of loopback, and a channel to it."""
    key = SigningKey(bytes(range(32)))
    books = simulator.Registrar(directory / "books", key, RECORDS, simulator.now_us)
    right = _right(key)
    books.add(right, simulator.sign_right(key, right), conformance.GIVER.node_id)
    server = grpc.server(simulator.ThreadPoolExecutor(2), [simulator.handlers(books)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield conformance.Target(channel, key.node_id)
    finally:
        server.stop(0).wait()
        books.close()


@asynccontextmanager
async def ours(directory: Path) -> AsyncIterator[Any]:
    """The registrar of a node likewise."""
    key = SigningKey(bytes(range(32)))
    async with (
        Bridge.open() as bridge,
        open_registrar(directory / "books", key, SystemClock(0), lambda: (RECORDS, {})) as kept,
        trio.open_nursery() as nursery,
    ):
        right = _right(key)
        await kept.desk.act(lambda step: owner.create_brand(step, right))
        giver = conformance.GIVER.node_id
        made = await kept.desk.act(lambda step: owner.account_of(step, right.brand.guid, giver))
        await kept.desk.act(lambda step: owner.pay_out(step, made.id, PIECES))
        server = RpcServer(bridge, nursery, [kept.service])
        port = await server.bind_tcp("127.0.0.1:0", None)
        await server.start()
        try:
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield await trio.to_thread.run_sync(conformance.Target, channel, key.node_id)
        finally:
            await server.stop(0.1)


@pytest.mark.edge
@pytest.mark.parametrize("name", conformance.RULES)
async def test_both_registrars_keep_the_rule(name: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with example(tmp_path / "a") as target:
        await trio.to_thread.run_sync(conformance.RULES[name], target)
    (tmp_path / "b").mkdir()
    async with ours(tmp_path / "b") as target:
        await trio.to_thread.run_sync(conformance.RULES[name], target)


# ---------------------------------------------------------------- bought, while it dies

PRICE = 40
DYING = Path(__file__).parent / "dying_simulator.py"
STOP_S = 10.0


def _street() -> Network:
    """The buyer owes the bank, which owes the shop."""
    lists = frozenset({"R1"})
    nodes = tuple(Node(name, lists, True, fees=FEES) for name in ("Buyer", "Bank", "Shop"))
    pairs = [("Buyer", "Bank"), ("Bank", "Shop")]
    lines = tuple(Line(x, y, BRAND, LIMIT) for pair in pairs for x, y in (pair, pair[::-1]))
    return Network(("R1",), (), nodes, lines)


class World:
    """The example in a process of its own, which may be told to die."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, dies: str = "") -> None:
        """Until it says that it is ready. `dies`: where, as dying_simulator.py has it."""
        words = [str(DYING), dies] if dies else [str(EXAMPLES / "simulator" / "simulator.py")]
        log = (self.directory.parent / "simulator.out").open("ab")
        with log:
            self.process = subprocess.Popen(
                [sys.executable, *words, "run", str(self.directory)],
                stdout=subprocess.PIPE,
                stderr=log,
                env={"PYTHONPATH": str(EXAMPLES.parents[1])},
            )
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith(b"ready"), "it did not start"

    def wait_until_dead(self) -> int:
        """How it ended."""
        assert self.process is not None and self.process.stdout is not None
        ended = self.process.wait(60)
        self.process.stdout.close()
        self.process = None
        return ended

    def end(self) -> None:
        if self.process is not None:
            self.process.terminate()
            assert self.wait_until_dead() == 0

    def books(self) -> Any:
        return simulator.Place(self.directory).open()

    def owned(self) -> dict[bytes, int]:
        """Pieces in accounts, by owner."""
        books = self.books()
        try:
            return {node: count for _, node, count in books.owned()}
        finally:
            books.close()

    def legs(self, phase: LegPhase) -> int:
        books = self.books()
        try:
            return len(books.legs(phase))
        finally:
            books.close()


@contextmanager
def world(directory: Path, registry: Path, owner_card: str) -> Iterator[World]:
    """It sells three lamps, which are in the account of a node."""
    listen = f"127.0.0.1:{next(free_ports(Random()))}"
    card = directory / "owner.card"
    card.write_text(owner_card)
    home = str(directory / "world")
    simulator.main(["init", home, "--listen", listen, "--registry", str(registry)])
    lamp = ["--name", "Lamp", "--attr", "region=Ahern", "--attr", "task_id=1234"]
    simulator.main(["add", home, *lamp, "--pieces", "3", "--owner", str(card)])
    made = World(directory / "world")
    try:
        yield made
    finally:
        if made.process is not None:
            made.process.kill()
            made.wait_until_dead()


async def _bought(buyer: House, shop: House, registrar: bytes, within_s: int = 12) -> str:
    """Proposed; the shop has a standing offer. The id of the exchange."""
    proposed: Json = await buyer.control.ask(
        "escrow.propose",
        template=library_bytes("buy object").decode(),
        settings={
            "brand": BRAND,
            "amount": str(PRICE),
            "region": "Ahern",
            "task_id": "1234",
            "simulator": registrar.hex(),
        },
        seats={"buyer": "me", "seller": shop.card},
        open_accounts=True,
        within_s=within_s,
    )
    return str(proposed["id"])


async def _set_out(town: Town, at: World) -> bytes:
    """Shop and buyer know the world, and the shop sells there without asking."""
    place = simulator.Place(at.directory)
    buyer, shop = town.houses["Buyer"], town.houses["Shop"]
    for house in (buyer, shop):
        await house.control.ask("rights.learn", card=place.card)
    await shop.control.ask("account.open", card=place.card, brand="Lamp")
    await shop.control.ask(
        "escrow.stand",
        template=library_bytes("buy object").decode(),
        seat="seller",
        values={
            "brand": BRAND,
            "amount": f"{PRICE}..",
            "region": "Ahern",
            "task_id": "1234",
            "simulator": place.identity.node.hex(),
        },
    )
    return bytes(place.identity.node)


@pytest.mark.e2e
async def test_objects_are_bought_from_it_while_it_dies_and_come_back_from_who_goes(
    tmp_path: Path,
) -> None:
    found = partial(found_node, service=True)
    async with running(_street(), tmp_path, expected="UNAVAILABLE|simulator", found=found) as town:
        buyer, shop = town.houses["Buyer"], town.houses["Shop"]
        record = next((tmp_path / "registry0").glob("*.record"))
        with world(tmp_path, record, shop.card) as at:
            at.start("unsaid")
            registrar = await _set_out(town, at)

            async def is_closed() -> bool:
                shown: Json = await buyer.control.ask("escrow.show", id=exchange)
                return bool(shown["deal"]["phase"] == "CLOSED")

            async def has(pieces: int) -> bool:
                return at.owned().get(bytes.fromhex(buyer.node), 0) == pieces

            # It has promised, it is on the disk, and nobody was told.
            exchange = await _bought(buyer, shop, registrar)
            killed = await trio.to_thread.run_sync(at.wait_until_dead)
            assert killed == -signal.SIGKILL and at.legs(LegPhase.PREPARED) == 1
            at.start()
            await until("the first lamp is the buyer's", partial(has, 1))
            await until("the exchange is closed", is_closed)
            at.end()
            # It is shown the certificate, and dies of it; then nobody can show it another one.
            at.start("settling")
            exchange = await _bought(buyer, shop, registrar, 8)
            killed = await trio.to_thread.run_sync(at.wait_until_dead)
            assert killed == -signal.SIGKILL and at.legs(LegPhase.PREPARED) == 1
            at.start("deaf")

            async def has_asked() -> bool:
                return at.legs(LegPhase.DELIVERED) == 2

            await until("it has asked the registry by itself", has_asked)
            at.end()
            at.start()
            await until("both lamps are the buyer's", partial(has, 2))
            await until("the exchange is closed", is_closed)
            shown = await shop.control.ask("balance")
            assert shown["brands"][0]["balance"] == 2 * PRICE
            # It has promised once more, and whoever proposed is gone for good: until D.
            at.end()
            at.start("unsaid")
            exchange = await _bought(buyer, shop, registrar, 6)
            await trio.to_thread.run_sync(at.wait_until_dead)
            await town.kill("Buyer")
            assert at.legs(LegPhase.PREPARED) == 1
            locked_s = trio.current_time()
            at.start()

            async def is_back() -> bool:
                return at.owned().get(bytes.fromhex(shop.node), 0) == 1

            await until("the third lamp is the shop's again", is_back)
            print(f"locked for {trio.current_time() - locked_s:.1f} s, D after 6 s")
            assert at.owned() == {bytes.fromhex(buyer.node): 2, bytes.fromhex(shop.node): 1}
            at.end()
            await town.restart("Buyer")
            await connected(town, "Buyer")
