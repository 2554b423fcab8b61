"""A dishonest part of a sale: what it hears and keeps, and how its letters and batches are bent."""

from collections.abc import Callable
from random import Random

import trio

from node.command.sim.escrow.crook.crook import Crook, body_of
from node.command.sim.escrow.crook.letters import Bent
from node.command.sim.sale.crook.batches import bent_batch
from node.command.sim.sale.crook.letters import bent
from node.core.sale.rows import Sale
from proto.escrow.letters import Body, OfSale, letter_id
from proto.keys import NodeId
from proto.sale.letters import (
    Controlled,
    Offered,
    Ruled,
    SaleShare,
    Staked,
    Terms,
    decode_words,
)
from proto.wire import WireFault
from runtime.identity import Identity


class SaleCrook(Crook):
    """As `Crook`, with the letters of a sale. `rows`: what its own node knows of a sale."""

    def __init__(
        self, identity: Identity, strength: int, random: Random, only: frozenset[str] = frozenset()
    ) -> None:
        super().__init__(identity, strength, random, only)
        self.rows: Callable[[bytes], Sale | None] = lambda _: None
        self.sales: dict[bytes, None] = {}
        self.shares: list[SaleShare] = []
        self.kept_back: dict[bytes, bool] = {}  # commit_ids that it does not submit in time
        self._kept: dict[str, dict[bytes, None]] = {}
        self._batches: dict[bytes, bytes | None] = {}

    def row(self, sale: bytes) -> Sale | None:
        """What its own node knows of it."""
        return self.rows(sale)

    def some(self, kind: str, otherwise: bytes) -> bytes:
        """Another document of this kind that it has heard; of its own making, if none."""
        found = [one for one in self._kept.get(kind, {}) if one != otherwise]
        return self.random.choice(found) if found else self.random.randbytes(64)

    def _bend(self, to: NodeId, body: Body) -> Bent:
        return bent(self, to, body)

    def _keep(self, method: str, said: bytes) -> None:
        super()._keep(method, said)
        body = body_of(said)
        if not isinstance(body, OfSale):
            return
        try:
            words = decode_words(body.words)
        except WireFault:
            return
        self.sales[words.sale] = None
        match words.body:
            case Offered(rule=rule) | Ruled(rule=rule):
                self._note("rule", rule)
            case Terms(promise=promise):
                self._note("promise", promise)
            case Staked(promise=promise):
                self._note("staked", promise)
            case Controlled(statement=statement):
                self._note("control", statement)
            case SaleShare() as share:
                self.shares.append(share)
            case _:
                pass

    def _note(self, kind: str, document: bytes) -> None:
        self._kept.setdefault(kind, {})[document] = None

    async def says(self, to: NodeId, method: str, said: bytes) -> bytes:
        if body_of(said) is not None or not method.endswith("/Batch"):
            return await super().says(to, method, said)
        self._keep(method, said)
        key = letter_id(said)
        if key not in self._batches:
            self._batches[key] = bent_batch(self, said)
        other = self._batches[key]
        if other is None:
            await trio.sleep_forever()
        assert other is not None
        return other
