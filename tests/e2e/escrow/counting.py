"""What an exchange takes of the net: its letters and batches, as the nodes' own outboxes keep them.

Each is a call and its answer. The row stays, without its words, until the exchange is forgotten.
"""

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass

from node.command.bench.storage import node_database
from node.command.processes.town import Town
from node.core.escrow.rows import LetterKind, Step

# Letters and batches of each case, those to the coordinator's own seat and registrar included.
# Letters: each seat is invited, joins and is told the terms; accepts what it receives, is asked for
# what it gives, reports each right that is promised, is shown the promises that it wants, signs;
# and all but the coordinator's own are told the decision. Batches: each right is accepted, given,
# and collected at both ends, and each registrar is shown the certificate by the coordinator.
CALLS = {
    "friendship": (17, 10),
    "gift": (10, 0),
    "buy parcel": (15, 5),
    "buy parcel for group": (21, 5),
    "buy object contents": (20, 5),
    "give object contents": (12, 5),
    "buy object": (15, 5),
    "join group": (15, 5),
    "buy parcel pass": (15, 5),
    "buy parcel pass from group": (15, 5),
    "deed parcel": (12, 5),
    "deed parcel and tier": (13, 10),
}


@dataclass(frozen=True)
class Said:
    """Of one exchange, over all nodes."""

    letters: int
    batches: Counter[Step]
    entered_us: dict[str, set[int]]
    """Of each node that accepts rights: the moments at which it wrote that to registrars."""

    def require(self, case: str) -> None:
        """As many calls as the case takes, and one round trip to all sites at once to enter it."""
        assert (self.letters, self.batches.total()) == CALLS[case], self
        assert all(len(moments) == 1 for moments in self.entered_us.values()), self


def said(town: Town, deal: str) -> Said:
    """Read from the nodes' stores."""
    letters, batches, entered = 0, Counter[Step](), dict[str, set[int]]()
    for name, house in town.houses.items():
        database = node_database(house.daemon.directory)
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            sql = "SELECT kind, step, created_at_us FROM letter WHERE deal = ?"
            rows = connection.execute(sql, (bytes.fromhex(deal),)).fetchall()
        for kind, step, at_us in rows:
            if kind == LetterKind.LETTER:
                letters += 1
                continue
            batches[Step(step)] += 1
            if step == Step.ACCEPT:
                entered.setdefault(name, set()).add(at_us)
    return Said(letters, batches, entered)
