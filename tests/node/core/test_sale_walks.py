"""Random walks: owners do anything at any time, letters are lost for a while, come twice and late,
the registry is away, a daemon dies. Whatever happens, everybody ends, and all see the same end.

SALE_WALKS=2000 walks for minutes.
"""

import os
import random
from collections import Counter

import pytest

from node.command.sim.cast import NOW_US, SECOND
from node.core.sale.moves import moves
from node.core.sale.reading import known_of
from node.core.sale.rows import SalePhase
from proto.certificate import CommitCertificate
from proto.descriptor import commit_id
from proto.sale.letters import SaleBody
from proto.sale.stakes import Branch, bond_branch_of, branch_of
from tests.node.core.sale_acts import MAKE
from tests.node.core.sale_stages import ARBITER, NAMES, STAGES, phase_of, refused, table_at
from tests.node.core.sale_table import KEY, Person, SaleTable
from tests.node.core.test_sale_restart import reload

P = SalePhase
WALKS = int(os.environ.get("SALE_WALKS", "24"))
STEPS = 60
OVER_US = NOW_US + 1000 * SECOND  # the contract may be made just before the offer ends
RARE = {"close": 0.03, "decline": 0.1, "refuse": 0.1}  # else no walk gets far


class Walk:
    """One table, and chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        arbiter = ARBITER if seed % 2 else ""
        self.table = table_at(self.chance.choice(STAGES[:12]), arbiter)
        self.names = NAMES if arbiter else NAMES[:-1]
        self.loss = self.chance.choice((0.0, 0.2, 0.7))
        self.away = False

    def bend(self, _: str, body: SaleBody) -> SaleBody | None:
        return None if self.chance.random() < self.loss else body

    def step(self) -> None:
        match self.chance.randrange(8):
            case 0 | 1 | 2 | 3:
                self.act()
            case 4 | 5:
                self.table.carry(self.bend, rounds=2)
            case 6:
                self.pass_some_time()
            case _:
                self.chance.choice((self.die, self.turn_registry))()

    def look(self) -> None:
        """Everybody can see at any time whose move it is."""
        for name in self.names:
            person = self.table.people[name]
            if (phase := phase_of(self.table, name)) is not None:
                sale = self.table.sale(name)
                shown = moves(sale, known_of(person.memory, sale), person.now_us)
                assert bool(shown) is not phase.final, (name, phase)

    def act(self) -> None:
        name, kind = self.chance.choice(self.names), self.chance.choice(sorted(MAKE))
        if self.chance.random() > RARE.get(kind, 1.0) or phase_of(self.table, name) is None:
            return
        if (kind, name) == ("drafted", name) or not self.possible(kind, name):
            return
        refused(self.table.people[name].take(MAKE[kind](self.table, name)))

    def possible(self, kind: str, name: str) -> bool:
        """Documents that are made of what was said are not made before."""
        phase = phase_of(self.table, name)
        match kind:
            case "open":
                return False
            case "vote":
                return phase is P.SPLIT and name in ("bob", "sally")
            case "show" | "attest with proof":
                return phase in (P.LOCKED, P.SPLIT)
            case "hand over":
                return name == "ned"
            case _:
                return True

    def pass_some_time(self) -> None:
        now_us = max(person.now_us for person in self.table.people.values())
        us = self.chance.choice((1, SECOND, 5 * SECOND, 30 * SECOND))
        self.table.pass_time(now_us + us, self.bend)

    def die(self) -> None:
        reload(self.table.people[self.chance.choice(self.names)])

    def turn_registry(self) -> None:
        self.away = not self.away

    def finish(self) -> None:
        self.away, self.loss = False, 0.0
        self.table.carry()
        self.table.pass_time(OVER_US)


@pytest.fixture
def walking(monkeypatch: pytest.MonkeyPatch) -> list[Walk]:
    """The walk whose registry is asked: the last one."""
    walks: list[Walk] = []
    for arbiter in ("", ARBITER):  # they are kept, and what a walk makes of them is not
        table_at(STAGES[-1], arbiter)
    asks = SaleTable.ask_registry

    def maybe(table: SaleTable, person: Person) -> bool:
        away = bool(walks) and walks[-1].away
        return not away and asks(table, person)

    monkeypatch.setattr(SaleTable, "ask_registry", maybe)
    return walks


def check(walk: Walk) -> str:
    """What holds after any walk. Returns how it ended, for counting."""
    table, branches, bonds = walk.table, set(), set()
    decided = {commit_id(data): made for data, made in committed(table)}
    for name in walk.names:
        phase = phase_of(table, name)
        if phase is None:
            continue
        assert phase.final, (name, phase)
        sale = table.sale(name)
        if phase is P.ENDED:
            known = known_of(table.people[name].memory, sale)
            branches.add(branch_of(known))
            bonds.add(bond_branch_of(known))
        elif sale.lock:
            assert not decided[commit_id(sale.lock)], name
    assert len(branches) <= 1
    assert len(bonds) <= 1
    assert None not in branches
    assert (KEY in table.shown_keys) <= bool(branches)
    return next(iter(branches)).name if branches else "NOTHING"


def committed(table: SaleTable) -> list[tuple[bytes, bool]]:
    """Locks that anybody knows, and whether they are committed."""
    locks = {table.sale(n).lock for n in NAMES if n in table.people and phase_of(table, n)} - {b""}
    return [
        (lock, isinstance(table.decided.get(commit_id(lock)), CommitCertificate)) for lock in locks
    ]


def test_wherever_they_go_they_all_arrive(walking: list[Walk]) -> None:
    met: Counter[str] = Counter()
    for seed in range(WALKS):
        walk = Walk(seed)
        walking.append(walk)
        for _ in range(STEPS):
            walk.step()
            walk.look()
        walk.finish()
        met[check(walk)] += 1
    assert met["NOTHING"] < 0.8 * WALKS, met
    assert {Branch.RELEASED.name, Branch.REFUND_PLAIN.name} <= set(met), met
    assert met[Branch.REFUNDED.name] or WALKS < 200, met
