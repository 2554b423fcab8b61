"""Letters of a sale overtake each other, and it comes to its end nevertheless.

One of them hears and says nothing for a while, as one that is stopped, and then hears everything in
any order. Polls may go on; no deadline may be waited for.
"""

from collections.abc import Callable
from functools import partial
from random import Random

import pytest

from node.command.sim.cast import SECOND
from node.core.due import due_us
from node.core.escrow.rows import Letter, LetterKind
from node.core.events import Due
from node.core.sale.course import POLL_US
from node.core.sale.dispatch import is_early
from node.core.sale.events import Attest, GiveCredential
from node.core.sale.reading import known_of
from node.core.sale.rows import SalePhase
from proto.escrow.letters import OfSale, decode_letter
from proto.sale.letters import decode_words
from proto.sale.stakes import Branch, Times, branch_of
from tests.node.core.escrow_table import node_of
from tests.node.core.sale_table import Person, SaleTable
from tests.node.core.test_sale_course import control

SEEDS = range(8)
NAMES = ("bob", "sally", "ned", "ada")
# Each so long that a poll finds everything long before.
TIMES = Times(
    agree_us=1000 * SECOND,
    lock_us=1000 * SECOND,
    release_us=8000 * SECOND,
    window_us=1000 * SECOND,
    refund_us=1000 * SECOND,
    slash_us=0,
    vote_us=1000 * SECOND,
)
POLLS_US = 2 * POLL_US + SECOND


class Crossing:
    """A sale whose letters arrive in an order that `rng` makes; `away`: who is stopped."""

    def __init__(self, rng: Random) -> None:
        self.table = SaleTable(agents=("ned",), arbiter="ada", times=TIMES)
        self.rng = rng
        self.away = ""

    def run(self, most: int | None = None) -> None:
        """Until nothing moves, or so many things have."""
        vain: set[bytes] = set()  # what the house does not do yet
        while most is None or most > 0:
            ready = [a for p in self.table.people.values() for a in self._ready(p, vain)]
            if not ready:
                return
            key, act = self.rng.choice(ready)
            vain = set() if act() else vain | {key}
            for person in self.table.people.values():
                person.now_us += 1
            most = None if most is None else most - 1

    def _ready(self, person: Person, vain: set[bytes]) -> list[tuple[bytes, Callable[[], bool]]]:
        if person.name == self.away:
            return []
        table, found = self.table, list[tuple[bytes, Callable[[], bool]]]()
        for row in person.waiting():
            if row.id not in vain and self._can_be_heard(person, row):
                found.append((row.id, partial(table._deliver, person, row, None)))
        if person.drafts:
            found.append((b"", partial(table._draft, person)))
        if person.asks:
            found.append((b"", partial(table.ask_registry, person)))
        return found

    def _can_be_heard(self, person: Person, row: Letter) -> bool:
        if row.kind is LetterKind.BATCH:
            return True
        words = decode_letter(row.payload)
        to = next(p for p in self.table.people.values() if node_of(p.name) == words.receiver)
        if to.name == self.away:
            return False
        if not isinstance(words.body, OfSale):
            return True
        return not is_early(to.memory, node_of(person.name), decode_words(words.body.words))

    def polls(self) -> None:
        """Time for two polls of everybody, and what they find."""
        until_us = max(p.now_us for p in self.table.people.values()) + POLLS_US
        while True:
            due = [
                (at_us, name, row.key)
                for name, person in self.table.people.items()
                for row in list(person.memory.rows.values())
                if (at_us := due_us(row)) is not None
            ]
            at_us, name, key = min(due)
            if at_us > until_us:
                return
            for person in self.table.people.values():
                person.now_us = max(person.now_us, at_us)
            person = self.table.people[name]
            person.take(Due(person.now_us, key))
            self.run()


@pytest.mark.parametrize("away", NAMES)
def test_it_locks_and_is_released_in_whatever_order_they_hear(away: str) -> None:
    for seed in SEEDS:
        post = Crossing(Random(seed))
        table = post.table

        def stage(post: Crossing = post) -> None:
            """Somebody is away for a part of it."""
            post.run(post.rng.randrange(12))
            post.away = away
            post.run()
            post.away = ""
            post.run()

        table.open()
        stage()
        table.bid("sally")
        stage()
        table.enter("ned")
        table.enter("ada")
        stage()
        phases = {name: table.sale(name).phase for name in NAMES}
        assert set(phases.values()) == {SalePhase.AGREED}, (seed, phases)
        sally, ned = table.people["sally"], table.people["ned"]
        sally.take(GiveCredential(sally.now_us, table.id, b"sealed to the agent"))
        stage()
        ned.take(table.handing_over())
        stage()
        post.polls()
        phases = {name: table.sale(name).phase for name in NAMES}
        assert set(phases.values()) == {SalePhase.LOCKED}, (seed, phases)
        ned.take(Attest(ned.now_us, table.id, control(table)))
        stage()
        post.polls()
        for name in NAMES:
            known = known_of(table.people[name].memory, table.sale(name))
            assert branch_of(known) is Branch.RELEASED, (seed, name)
