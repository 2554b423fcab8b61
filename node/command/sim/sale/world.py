"""A town in which people sell to each other: parties, an arbiter, a house, and its registry."""

from collections.abc import Callable

from node.command.sim.escrow.host import ExchangeHost
from node.command.sim.escrow.world import ExchangeWorld
from node.command.sim.sale.crook.crook import SaleCrook
from node.command.sim.sale.plan import HOUSE
from node.control.context import Context
from node.core.events import Event
from proto.reason import Refusal


class SaleHost(ExchangeHost):
    """As `ExchangeHost`; its owner speaks with the core itself. `asleep`: it is silent of its own,
    and no healing wakes it."""

    asleep: bool = False

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

    def host_of(self, name: str) -> SaleHost:
        """Somebody's machine."""
        host = self.people[name]
        assert isinstance(host, SaleHost)
        return host

    def put_to_sleep(self, name: str) -> None:
        """Somebody falls silent, with the node."""
        host = self.host_of(name)
        host.asleep = True
        host.kill()

    def wake(self) -> None:
        """Whoever was silent comes back."""
        for name in self.people:
            host = self.host_of(name)
            host.asleep = False
            host.start()
