"""Positions and outbox of a transaction, where other processes append for the same neighbours.

Numbers are given inside the transaction, from what the row says then, so that two processes that
write to one neighbour do not get in each other's way. `version` of a neighbour's row guards what
the owner says of it; `have` is written by whoever has its stream, and `sent` in a turn.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Connection, bindparam, insert, update

from node.store import outbox, outbox_row, peer
from proto.keys import NodeId

_HAVE: Final = (
    update(peer).where(peer.c.node == bindparam("of_node")).values(have=bindparam("now_have"))
)
_SENT: Final = (
    update(peer)
    .where(peer.c.node == bindparam("of_node"))
    .values(sent=peer.c.sent + bindparam("more"))
    .returning(peer.c.sent)
)


class Posting:
    """`last` is, for each neighbour that is told something, the number of its last message."""

    def __init__(
        self, have: Mapping[NodeId, int], envelopes: Mapping[NodeId, Sequence[bytes]]
    ) -> None:
        self._have = have
        self._envelopes = envelopes
        self.last: dict[NodeId, int] = {}

    def __bool__(self) -> bool:
        return bool(self._have or self._envelopes)

    def run(self, connection: Connection) -> None:
        """Within the transaction."""
        if self._have:
            rows = [{"of_node": n, "now_have": have} for n, have in sorted(self._have.items())]
            connection.execute(_HAVE, rows)
        posted = []
        for node, envelopes in sorted(self._envelopes.items()):
            given = {"of_node": node, "more": len(envelopes)}
            last: int = connection.execute(_SENT, given).scalar_one()
            self.last[node] = last
            posted.append(outbox_row(node, last - len(envelopes) + 1, envelopes))
        if posted:
            connection.execute(insert(outbox).values(posted))
