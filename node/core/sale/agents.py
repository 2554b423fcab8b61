"""What a node keeps of houses' lists about agents, as frozen rows (escrow section 8)."""

from dataclasses import dataclass
from typing import ClassVar

from node.core.keyed import Key, Keyed
from proto.keys import NodeId


@dataclass(frozen=True)
class ListSeen(Keyed):
    """How far this node has seen a house's list: `last` is its last entry (signed). `slot`: the
    deposit brand's GUID, and behind it the agent's id. `fault`: the name of what was wrong with a
    list that came later, "" for nothing; `evidence`: entries (signed) that show it."""

    table: ClassVar[str] = "list_seen"
    house: NodeId
    slot: bytes
    last: bytes = b""
    fault: str = ""
    evidence: tuple[bytes, ...] = ()
    noticed_at_us: int = 0

    def _key(self) -> Key:
        return self.table, self.house, self.slot
