"""One part in one sale, as its owner sees it: what stands in the row, and how a wish gets through.

An owner is a person: a crash of the node does not make him forget what he wanted, and a wish that
came to nothing because the process died is said again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

import trio

from node.command.sim.cast import NOW_US
from node.command.sim.sale.crook.crook import SaleCrook
from node.command.sim.sale.plan import NAMES, Party
from node.command.sim.sale.setting import OneSale
from node.command.sim.sale.world import SaleHost, SaleWorld
from node.command.sim.world.clock import elapsed_us
from node.command.sim.world.host import ProcessDied
from node.core.events import Event
from node.core.rows import Transaction
from node.core.sale.reading import contract_of, descriptor_of, known_of, sale_of
from node.core.sale.rows import Sale, SalePhase
from node.engine import StoreUnavailable
from node.memory import Memory
from node.sale.vault import BoxKey, Vault
from proto.certificate import CommitCertificate
from proto.commit import Evidence
from proto.descriptor import commit_id, decode_descriptor
from proto.limits import US
from proto.reason import Refusal
from proto.sale.stakes import Decision, Known, SaleRole

LOOKS_S: Final = 0.5  # an owner looks so often
PATIENCE_S: Final = 0.5  # until he tries again what did not go through
P = SalePhase


@dataclass
class Seat:
    """One part in one sale. `random`: its owner's dice."""

    world: SaleWorld
    sale: OneSale
    party: Party
    random: Random

    @property
    def host(self) -> SaleHost:
        return self.world.host_of(NAMES[self.party.role])

    @property
    def crook(self) -> SaleCrook | None:
        found = self.host.crook
        return found if isinstance(found, SaleCrook) else None

    @property
    def vault(self) -> Vault:
        return Vault(self.host.identity.key)

    def cheats(self, trick: str) -> bool:
        """Whether it is dishonest, and takes this occasion."""
        return self.crook is not None and self.crook.tells(trick)

    def entropy(self, count: int) -> bytes:
        return self.random.randbytes(count)

    # ------------------------------------------------------------------ what stands there

    @property
    def row(self) -> Sale | None:
        """None while the node is down, or knows of no such sale."""
        if self.host.process is None:
            return None
        return sale_of(self.host.context.engine.memory, self.sale.id)

    def known(self) -> Known:
        """What is certified as this node sees it."""
        row = self.row
        return {} if row is None else known_of(self.host.context.engine.memory, row)

    def box(self, role: SaleRole | None = None) -> BoxKey:
        """Ours of this sale."""
        return self.vault.box(self.sale.id, self.party.role if role is None else role)

    def other_box(self, row: Sale, role: SaleRole) -> bytes:
        """Another party's public key."""
        return contract_of(row).party(role).box

    async def memory(self) -> Memory:
        """What the node knows, as soon as it runs."""
        await self.host.ready.wait()
        return self.host.context.engine.memory

    async def key(self, row: Sale) -> bytes:
        """K, out of the certificate of T1; empty where there is none."""
        memory = await self.memory()
        found = memory.row((Transaction.table, commit_id(row.lock), b""))
        if not isinstance(found, Transaction) or not found.commit_certificate:
            return b""
        commit = CommitCertificate.decode(found.commit_certificate).commit
        preimages = Evidence.decode(commit.evidence).preimages
        return preimages[0] if preimages else b""

    # ------------------------------------------------------------------ waiting and wanting

    async def until(self, holds: Callable[[Sale], bool], end_us: int = 0) -> Sale | None:
        """The row once this holds of it; None where the sale ends before, or `end_us` comes."""
        while True:
            row = self.row
            if row is not None and holds(row):
                return row
            if row is not None and row.phase.final:
                return None
            if end_us and NOW_US + elapsed_us() >= end_us:
                return None
            await trio.sleep(LOOKS_S)

    async def until_us(self, at_us: int) -> None:
        """A moment, by true time."""
        await trio.sleep_until((at_us - NOW_US) / US)

    async def want(self, make: Callable[[int], Event]) -> Refusal | None:
        """Until it is done or refused."""
        while True:
            await self.host.ready.wait()
            try:
                return await self.host.want(make)
            except (ProcessDied, StoreUnavailable):
                await trio.sleep(PATIENCE_S)

    async def pause(self) -> None:
        """People take their time."""
        most_s = 4.0 if self.party.slow else 0.5
        await trio.sleep(self.random.uniform(0.1, most_s))

    def deadline_us(self, row: Sale, decision: Decision) -> int:
        """D of one of the sale's decisions."""
        return decode_descriptor(descriptor_of(row, decision)).deadline_us
