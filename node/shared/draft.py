"""What a group of one of several processes is made of: enough to undo and to repeat it."""

from dataclasses import dataclass, field
from typing import Final

from node.core.rows import Key, Row
from node.group import Group, Item, Worked
from node.shared.sharing import Lease
from node.timers import Timers
from proto.keys import NodeId
from runtime.transport import BatchArrived, LinkDown, LinkUp

Work = Item | BatchArrived | LinkUp | LinkDown
"""What goes into a group. The same again goes into the next, where the first was overtaken."""

NEWS: Final = Worked(lambda _: None, lambda _: None)  # only wakes the engine, which catches up


@dataclass(frozen=True, slots=True)
class Owned(Worked):
    """Writes of the owner's terms or neighbours, made from what was known at `epoch`."""

    epoch: int


@dataclass(slots=True)
class Draft:
    """A group, and what its transaction and its end need beside it.

    `taken`: how much of the work it holds; `touched`: keys that it changes by Execute; `leases`:
    those that it takes; `ups`: streams that are ours from its end on; `freed`: leases of others
    end, and are to be read again like what others have changed. The rest is known once it is
    complete: what it has `read`, what its ordinary writes have `changed`, the messages, and the
    outbox rows that are `forgotten`.
    """

    group: Group
    taken: int = 0
    touched: set[Key] = field(default_factory=set)
    leases: dict[bytes, Lease] = field(default_factory=dict)
    ups: list[LinkUp] = field(default_factory=list)
    freed: bool = False
    read: frozenset[Key] = frozenset()
    changed: frozenset[Key] = frozenset()
    envelopes: dict[NodeId, list[bytes]] = field(default_factory=dict)
    forgotten: list[dict[str, object]] = field(default_factory=list)


class KeptTimers(Timers):
    """Nothing waits for a time unless the duty is ours."""

    kept = False

    def plan(self, row: Row) -> None:
        if self.kept:
            super().plan(row)
