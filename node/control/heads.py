"""What was last seen of houses' lists, kept in the node's books."""

from functools import partial

from node.control.context import store
from node.control.failure import refuse
from node.core.sale.agents import ListSeen
from node.core.sale.events import KeepAgent
from node.engine import Engine
from node.reputation.heads import Seen
from node.reputation.ratings import ListFault, Subject


class RowHeads:
    """node.reputation.heads.Heads over rows. ControlFailure where the disk refuses."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, subject: Subject) -> Seen:
        """As Heads says."""
        row = self._engine.memory.row((ListSeen.table, subject.house, _slot(subject)))
        if not isinstance(row, ListSeen):
            return Seen()
        fault = ListFault[row.fault] if row.fault else None
        return Seen(row.last, fault, row.evidence, row.noticed_at_us)

    async def keep(self, subject: Subject, seen: Seen) -> None:
        """As Heads says."""
        fault = "" if seen.fault is None else seen.fault.name
        row = ListSeen(
            subject.house, _slot(subject), seen.last, fault, seen.evidence, seen.noticed_at_us
        )
        refuse(await store(self._engine.ask(partial(KeepAgent, row=row))))


def _slot(subject: Subject) -> bytes:
    return subject.brand + subject.agent
