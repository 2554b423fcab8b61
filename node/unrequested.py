"""What a payer asks of the network before anybody has asked to be paid."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from node.pay_options import PayOptions
from node.routing import LineEnds, RouteQuery
from proto.keys import NodeId
from proto.levels import Level
from proto.limits import PAYEE_MARGIN_US, US
from proto.money import Brand
from proto.policy import RegistryPolicy

LATEST_US: Final = 24 * 3600 * US  # D where no request says one: later than any chain needs


@dataclass(frozen=True, slots=True)
class Unrequested:
    """Options of a payment to be, and the levels that its first and last promises may have."""

    options: PayOptions
    first_levels: frozenset[Level] = frozenset(Level)
    last_levels: frozenset[Level] = frozenset(Level)

    def query(
        self,
        ends: tuple[NodeId, NodeId],
        brand: Brand,
        *,
        candidates: tuple[RegistryPolicy, ...],
        learned: Mapping[LineEnds, int],
        now_us: int,
    ) -> RouteQuery:
        """For the finder; `ends`: payer and payee, `learned`: what our own lines carry."""
        options = self.options
        return RouteQuery(
            payer=ends[0],
            payee=ends[1],
            brand=brand.guid,
            amount=brand.unit,
            candidates=candidates,
            accepted=None,
            levels=options.levels,
            first_levels=self.first_levels,
            last_levels=self.last_levels,
            payee_margin_us=PAYEE_MARGIN_US,
            latest_deadline=LATEST_US,
            now_us=now_us,
            max_hops=options.max_hops,
            max_cost=options.max_cost,
            max_risk=options.max_risk,
            avoid_nodes=frozenset(NodeId(node) for node in options.avoid_nodes),
            avoid_lines=frozenset((NodeId(f), NodeId(t)) for f, t in options.avoid_lines),
            learned=learned,
            max_parts=options.parts or 1,
            unit=brand.unit,
        )
