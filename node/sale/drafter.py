"""Makes the contract of a sale when the core asks for it: it needs the node's key, and chance."""

from functools import partial

from node.core.sale.entering import all_parties
from node.core.sale.events import ContractDrafted
from node.core.sale.reading import sale_of
from node.core.sale.rows import SalePhase
from node.engine import Engine
from node.sale.drafting import draft_contract
from proto.keys import SigningKey
from runtime.identity import Entropy


class Drafter:
    """Owned by trio."""

    def __init__(self, engine: Engine, key: SigningKey, entropy: Entropy) -> None:
        self._engine = engine
        self._key = key
        self._entropy = entropy

    def draft(self, sale: bytes) -> None:
        """Once for each sale: a second contract of the same sale is not looked at by the core."""
        self._engine.submit(partial(self._drafted, sale=sale))

    def _drafted(self, now_us: int, sale: bytes) -> ContractDrafted:
        row = sale_of(self._engine.memory, sale)
        if row is None or row.phase is not SalePhase.JOINED or row.contract:
            return ContractDrafted(now_us, sale, b"", b"")
        parties = all_parties(self._engine.memory, row)
        return ContractDrafted(
            now_us, sale, *draft_contract(self._key, row, parties, now_us, self._entropy)
        )
