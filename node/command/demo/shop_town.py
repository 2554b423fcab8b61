"""The town of the shop, ready for its first visitor: nodes, a requester's key, the shop itself."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trio

from node.command.demo.shop_cast import (
    ANNA,
    BANK,
    BRAND,
    HELD_S,
    OWES_AT_MOST,
    REGISTRY,
    SHOP,
    network,
)
from node.command.demo.shop_child import PROGRAM
from node.command.processes.founding import TownFault, found_node
from node.command.processes.plan import make_plan
from node.command.processes.ports import HOST
from node.command.processes.process import Processes, python
from node.command.processes.town import House, Town, build
from node.page_config import PageConfig
from proto.keys import SigningKey
from registry.home import Home
from runtime.bridge import Bridge

CHILD: Final = "node.command.demo.shop_child"
PROCESS: Final = "town/shop"  # no house is called so: a house's name holds no slash
ORDERS: Final = "orders.sqlite"
READY_WITHIN_S: Final = 60.0
POLL_S: Final = 0.05
SHOP_TOML: Final = """\
name = "{name}"
listen = "{listen}"
origin = "{origin}"
node = "{node}"
brand = "{brand}"
local = true
held_s = {held_s}
"""


@dataclass(frozen=True, slots=True)
class Street:
    """What runs. `bank` and `shop`: origins of their pages; `orders`: the shop's own book."""

    town: Town
    bank: str
    shop: str
    orders: Path
    record: Path

    def house(self, name: str) -> House:
        return self.town.houses[name]


def program_missing() -> str:
    """One line where the example is not beside this program; "" where it is."""
    return "" if PROGRAM.exists() else f"{PROGRAM}: not there: run it in a checkout of the project"


async def built(
    directory: Path,
    ports: Iterator[int],
    running: Processes,
    bridge: Bridge,
    told: Callable[[str], None],
) -> Street:
    """All of it. TownFault, StartFailed, NoPort, Refused, RpcError, OSError."""
    origins: dict[str, str] = {}

    def found(home: Path, alias: str, ports: Iterator[int]) -> None:
        if alias != BANK:
            found_node(home, alias, ports)
            return
        port = next(ports)
        origins[BANK] = f"http://bank.localhost:{port}"
        page = PageConfig(f"{HOST}:{port}", origins[BANK], private_calls=True)
        found_node(home, alias, ports, page=page)

    town = await build(make_plan(network()), directory, ports, bridge, running, told, found=found)
    told("opening the shop")
    port = next(ports)
    shop = f"http://shop.localhost:{port}"
    home = directory / "shop"
    record = Home(town.registries[REGISTRY].directory).record
    public = _furnish(home, town.houses[SHOP], f"{HOST}:{port}", shop, record)
    await town.houses[BANK].control.ask(
        "requester.add",
        key=public.hex(),
        name=SHOP,
        notify=[f"{shop}/called"],
        **{"return": [f"{shop}/thanks"]},
    )
    await _start(running, home)
    return Street(town, origins[BANK], shop, home / ORDERS, record)


def _furnish(home: Path, house: House, listen: str, origin: str, record: Path) -> bytes:
    """The shop's directory; its requester's public key."""
    home.mkdir(mode=0o700)
    key = SigningKey(os.urandom(32))
    descriptor = os.open(home / "shop.key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(f"{key.seed.hex()}\n")
    shutil.copy(record, home / "harbour.record")
    config = SHOP_TOML.format(
        name=SHOP,
        listen=listen,
        origin=origin,
        node=os.path.relpath(house.daemon.directory, home),
        brand=BRAND,
        held_s=HELD_S,
    )
    (home / "shop.toml").write_text(config)
    return key.public


async def _start(running: Processes, home: Path) -> None:
    """On the main thread: it ends with the thread that has started it. TownFault."""
    log, ready = home.with_name("shop.log"), home.with_name("shop.out")
    child = _spawned(home, ready, log)
    running.adopt(PROCESS, child)
    with trio.move_on_after(READY_WITHIN_S):
        while child.poll() is None:
            if ready.read_bytes().endswith(b"\n"):
                return
            await trio.sleep(POLL_S)
    raise TownFault(f"the shop did not start: {log.read_text(errors='replace').strip()[-400:]}")


def _spawned(home: Path, ready: Path, log: Path) -> subprocess.Popen[bytes]:
    with ready.open("wb") as out, log.open("wb") as said:
        command = [*python(), "-m", CHILD, str(os.getpid()), str(home)]
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=said, process_group=0
        )


def invitation() -> dict[str, object]:
    """Arguments of `people.invite` for Anna."""
    return {"name": ANNA, "display": "Anna", "limits": [[BRAND, str(OWES_AT_MOST)]]}
