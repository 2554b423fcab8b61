"""Short courses in which one thing can be seen: one sale, nothing that goes wrong by itself."""

from collections.abc import Mapping
from typing import Final

from node.command.sim.escrow.plan import Crooked, Ill
from node.command.sim.plan import Break
from node.command.sim.sale.plan import NAMES, Conduct, Course, Figures, Party, town
from proto.sale.stakes import SaleRole

S: Final = 1_000_000
SPAN_US: Final = 20 * S
BUYER, SELLER, AGENT, ARBITER = NAMES
HONEST, SILENT, CROOKED = Conduct.HONEST, Conduct.SILENT, Conduct.CROOKED


def course(
    tricks: Mapping[SaleRole, tuple[str, ...]] | None = None,
    silent: Mapping[SaleRole, float] | None = None,
    arbiter: bool = False,
    seed: int = 1,
    ills: tuple[Ill, ...] = (),
    faults: tuple[Break, ...] = (),
    sales: int = 1,
    figures: Figures | None = None,
) -> Course:
    """One run. `tricks`: who is dishonest, and the tricks that he knows, each of which he plays on
    every occasion; `silent`: who falls silent, and after how many seconds."""
    tricks, silent = tricks or {}, silent or {}
    parties = []
    for role in (BUYER, SELLER, AGENT, *((ARBITER,) if arbiter else ())):
        how = CROOKED if role in tricks else SILENT if role in silent else HONEST
        parties.append(Party(role, how, round(silent.get(role, 0) * S)))
    crooks = tuple(Crooked(NAMES[role], 1000, frozenset(t)) for role, t in tricks.items())
    figures = figures or Figures()
    made = (seed, town(), tuple(parties), crooks, faults, ills, sales, figures, SPAN_US)
    return Course(*made)
