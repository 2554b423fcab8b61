"""A town in which people sell to each other: parties, an arbiter, a house, and its registry."""

from collections.abc import Callable
from functools import partial
from typing import Any

from node.command.sim.escrow.host import ExchangeHost, ExchangeNode
from node.command.sim.escrow.world import ExchangeWorld
from node.command.sim.sale.crook.crook import SaleCrook
from node.command.sim.sale.crook.engine import SaleCrookedEngine
from node.command.sim.sale.plan import HOUSE
from node.control.context import Context
from node.core.events import Event
from node.core.sale.reading import sale_of
from node.core.sale.rows import Sale
from node.engine import Engine
from node.registries import Registries
from node.wired import WiredNode
from proto.reason import Refusal
from runtime.store import Store
from runtime.writer import Writer


class SaleCrookedNode(ExchangeNode):
    """A node whose core keeps back what it should submit, now and then."""

    def __init__(self, crook: SaleCrook, *rest: Any) -> None:
        super().__init__(*rest)
        self._crook = crook

    def _make_engine(self, writer: Writer, registries: Registries) -> Engine:
        return self._engine_from(partial(SaleCrookedEngine, self._crook), writer, registries)


class SaleHost(ExchangeHost):
    """As `ExchangeHost`; its owner speaks with the core itself. `asleep`: it is silent of its own,
    and no healing wakes it."""

    asleep: bool = False

    def sale(self, sale: bytes) -> Sale | None:
        """What its node knows of one; None where it is down."""
        return None if self.process is None else sale_of(self.context.engine.memory, sale)

    def _make_node(self, store: Store) -> WiredNode:
        if isinstance(self.crook, SaleCrook):
            self.crook.rows = self.sale
            parts = self.config, self.identity, store, self.clock, self._draw
            return SaleCrookedNode(self.crook, *parts)
        return super()._make_node(store)

    def start(self) -> None:
        if not self.asleep:
            super().start()

    async def want(self, make: Callable[[int], Event]) -> Refusal | None:
        """One wish of the owner, durable when it returns. ProcessDied, StoreUnavailable."""

        async def act(context: Context) -> list[Refusal | None]:
            return [await context.engine.ask(make)]

        return (await self._called(act))[0]


class SaleWorld(ExchangeWorld):
    """As `ExchangeWorld`, with one registrar."""

    keepers = (HOUSE,)
    make_host = SaleHost
    make_crook = SaleCrook
    woken = False

    def host_of(self, name: str) -> SaleHost:
        """Somebody's machine."""
        host = self.people[name]
        assert isinstance(host, SaleHost)
        return host

    def crooks(self) -> list[tuple[str, SaleCrook]]:
        """The dishonest, by name."""
        return [(n, h.crook) for n, h in self.people.items() if isinstance(h.crook, SaleCrook)]

    def put_to_sleep(self, name: str) -> None:
        """Somebody falls silent, with the node; not any more once all are woken."""
        host = self.host_of(name)
        if self.woken:
            return
        host.asleep = True
        host.kill()

    def wake(self) -> None:
        """Whoever was silent comes back."""
        self.woken = True
        for name in self.people:
            host = self.host_of(name)
            host.asleep = False
            host.start()
