"""A small shop that is paid by Pledgeway: `python shop.py DIR`. README.md says how to run it.

DIR holds `shop.toml`, `shop.key` (`pledgeway request requester-key new shop.key`), and the records
of the registries that may decide (`*.record`); the shop keeps its orders there.
"""

import argparse
import signal
import sys
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import trio
from asking import Terms
from bank import LONG_POLL_S, BankFault, Banks
from checking import Checker, Trust
from orders import Order, Orders
from own_node import NodeFault, OwnNode
from pages import LOOK_S, MAX_FOLLOWED, Pages, shop
from selling import Selling

from proto.keys import SigningKey
from proto.registry_record import RegistryRecord, read_record
from proto.wire import WireFault
from runtime.bridge import Bridge
from runtime.toml_file import TomlFault, read_toml
from runtime.web import serve_web
from runtime.web_client import Reach, WebClient

SWEEP_S: Final = 20.0  # for whatever nobody has called about
PAUSE_S: Final = 2.0  # before a node that has failed is asked again
UNUSABLE: Final = 2
NAMES: Final = {
    "name": str, "listen": str, "origin": str, "node": str, "brand": str, "domain": str,
    "calls": bool, "local": bool, "held_s": int,
}  # fmt: skip
NEEDED: Final = ("name", "listen", "origin", "node", "brand")


class Unusable(Exception):
    """One line: what is wrong with the directory."""


def now_us() -> int:
    """POSIX µs."""
    return time.time_ns() // 1000


@dataclass(slots=True)
class Watchman:
    """Looks at orders: at once, until they are over, and all that are open now and then."""

    selling: Selling
    banks: Banks
    nursery: trio.Nursery
    followed: set[str] = field(default_factory=set)

    def watch(self, order: Order, follow: bool) -> None:
        """`follow`: until it is over, where its node does not call and there is room."""
        if not follow:
            self.nursery.start_soon(self.selling.look, order)
        elif not order.called and len(self.followed) < MAX_FOLLOWED:
            self.nursery.start_soon(self._follow, order)

    async def _follow(self, order: Order) -> None:
        self.followed.add(order.number)
        try:
            while await self.selling.look(order) is None:
                standing = await self._changed(order.poll)
                if standing and await self.selling.look(order) is None:
                    return  # over without a payment, or without proof: the sweep looks on
        finally:
            self.followed.discard(order.number)

    async def _changed(self, poll: str) -> bool:
        """Whether nothing more will happen there."""
        try:
            return (await self.banks.standing(poll, LONG_POLL_S)).final
        except BankFault:
            await trio.sleep(PAUSE_S)
            return False

    async def sweep(self) -> None:
        """For ever."""
        while True:
            for order in self.selling.orders.open():
                if order.number not in self.followed and await self.selling.is_due(order):
                    with trio.move_on_after(LOOK_S):
                        await self.selling.look(order)
            await trio.sleep(SWEEP_S)


def read_config(directory: Path) -> dict[str, Any]:
    """shop.toml, with types checked. Unusable."""
    path = directory / "shop.toml"
    try:
        found = read_toml(path)
    except TomlFault as fault:
        raise Unusable(f"{path}: {fault}; README.md of the shop shows one") from fault
    for name, value in found.items():
        if name not in NAMES or type(value) is not NAMES[name]:
            raise Unusable(f"{path}: {name}: not a key of this file, or of the wrong type")
    if lacking := [name for name in NEEDED if name not in found]:
        raise Unusable(f"{path}: lacks {', '.join(lacking)}")
    return found


def read_key(directory: Path) -> SigningKey:
    """Unusable."""
    path = directory / "shop.key"
    try:
        return SigningKey(bytes.fromhex(path.read_text().strip()))
    except (OSError, ValueError):
        how = f"`pledgeway request requester-key new {path}` makes one"
        raise Unusable(f"{path}: not a key of a requester: {how}") from None


def read_records(directory: Path) -> list[RegistryRecord]:
    """Of all registries that this shop lets decide. Unusable."""
    found = []
    for path in sorted(directory.glob("*.record")):
        try:
            found.append(read_record(path.read_bytes()))
        except (OSError, WireFault) as fault:
            raise Unusable(f"{path}: {fault}") from fault
    return found


def read_domain(directory: Path) -> bytes:
    """What `pledgeway node domain-proof DOMAIN` has printed into domain.json; b"": nothing."""
    path = directory / "domain.json"
    return path.read_bytes() if path.exists() else b""


async def run(directory: Path) -> None:
    """Until SIGTERM or SIGINT. Unusable."""
    config, key, records = read_config(directory), read_key(directory), read_records(directory)
    origin, local = config["origin"], config.get("local", False)
    terms = Terms(
        config["name"],
        config["brand"],
        f"{origin}/thanks",
        f"{origin}/called" if config.get("calls", True) else "",
        config.get("domain", ""),
        local,
        config.get("held_s", 600),
    )
    trust = Trust(frozenset(record.registry for record in records))
    orders = Orders(directory / "orders.sqlite")
    over = trio.Event()
    faults: list[NodeFault | OSError] = []
    async with Bridge.open() as bridge, trio.open_nursery() as nursery:
        node = OwnNode(bridge, directory / config["node"])
        try:
            payee = bytes.fromhex((await node.ask("card"))["node"])
            # Our own node is asked as well, so what no registry decided counts too.
            checker = Checker({payee}, trust, records, uncertified=True)
            banks = Banks(WebClient(Reach(local, local)))
            selling = Selling(terms, orders, node, banks, checker, key, now_us)
            watchman = Watchman(selling, banks, nursery)
            app = shop(Pages(selling, watchman.watch, now_us, read_domain(directory)))
            await nursery.start(partial(serve_web, app, config["listen"], over))
            nursery.start_soon(watchman.sweep)
            print(f"ready {origin}", flush=True)
            with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
                async for _ in signals:
                    break
        except (NodeFault, OSError) as fault:
            faults.append(fault)  # out of the nursery it would come as a group
        over.set()
        nursery.cancel_scope.cancel()
    orders.close()
    if faults:
        raise Unusable(str(faults[0]))


def main() -> None:
    """One line on stderr where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=Path, metavar="DIR", help="see README.md")
    directory = parser.parse_args().directory
    try:
        trio.run(run, directory)
    except Unusable as fault:
        sys.exit(f"shop: {fault}")


if __name__ == "__main__":
    main()
