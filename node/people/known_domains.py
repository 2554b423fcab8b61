"""What look-ups of domains have found, in the node's own books: a restart asks nobody again."""

from functools import partial

from node.core.escrow.events import KeepRow
from node.core.people.rows import KnownDomain
from node.engine import Engine
from node.people.domains import Known
from proto.keys import NodeId


class KnownDomains:
    """`node.people.domains.Memory` over the rows: of each payee the domain it named last."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def recall(self, payee: NodeId, domain: str) -> Known | None:
        """The last that was kept of them, however old."""
        row = self._engine.memory.row((KnownDomain.table, bytes(payee), b""))
        if not isinstance(row, KnownDomain) or row.domain != domain:
            return None
        return Known(payee, domain, row.checked_at_us, row.holds)

    async def keep(self, known: Known) -> None:
        """In place of what was kept before. What the disk refuses is looked up again."""
        row = KnownDomain(known.payee, known.domain, known.holds, known.checked_at_us)
        self._engine.submit(partial(KeepRow, row=row))
