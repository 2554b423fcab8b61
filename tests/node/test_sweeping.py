"""What is remembered of exchanges stays bounded, and nothing goes that is still needed."""

from dataclasses import dataclass, field, replace

import pytest

from node.core.escrow.rows import (
    Deal,
    DealPhase,
    Letter,
    LetterKind,
    Seat,
    SeatPhase,
    Standing,
)
from node.core.sale.rows import Sale, SalePhase
from node.core.view import Settings
from node.escrow.standing import Rule
from node.escrow.sweeping import LEAST_US, MAX_SHOWN, MAX_UNTAKEN, SHOWN_US, Sweeper, over
from node.group import Group
from node.memory import Memory
from proto.fees import FeeSet
from proto.keys import NodeId
from proto.sale.stakes import SaleRole
from runtime.write_plan import DeleteRows

NODE = NodeId(b"n" * 32)


def remembered(*ended_at_us: int) -> Memory:
    """Closed deals that ended at these times, with a seat, a letter and a rule each."""
    memory = Memory(Settings(NODE, FeeSet({})))
    for number, at_us in enumerate(ended_at_us):
        deal = number.to_bytes(16, "big")
        memory.put(Deal(deal, DealPhase.CLOSED, b"", 0, 0, ended_at_us=at_us))
        memory.put(Seat(deal, 0, "a", SeatPhase.DELIVERED, b"", 0, ended_at_us=at_us))
        memory.put(Letter(deal * 2, LetterKind.LETTER, NODE, "", b"", deal, 0, 0, answered=True))
        memory.put(Standing(deal, Rule("", "a", proposal=deal.hex()).to_json(), 0))
    return memory


@dataclass
class Engine:
    """Runs what it is given at once, as an engine that has nothing else to do."""

    memory: Memory
    groups: list[Group] = field(default_factory=list)

    async def work(self, act: object) -> None:
        group = Group()
        act(group)  # type: ignore[operator]
        self.groups.append(group)


class Clock:
    def __init__(self, now_us: int) -> None:
        self._now_us = now_us

    def now_us(self) -> int:
        return self._now_us


def test_what_ended_a_month_ago_goes_with_all_that_hangs_on_it() -> None:
    memory = remembered(0, 10)
    assert over(memory, SHOWN_US - 1) == []
    assert over(memory, SHOWN_US + 9) == [bytes(16)]
    assert len(over(memory, SHOWN_US + 10)) == 2


@pytest.mark.parametrize(
    "open_row",
    [
        Deal(bytes(16), DealPhase.SETTLING, b"", 0, 0),
        Deal(bytes(16), DealPhase.CLOSED, b"", 0, 0, waiting=1),
        Seat(bytes(16), 1, "b", SeatPhase.SIGNED, b"", 0),
        Seat(bytes(16), 1, "b", SeatPhase.DELIVERED, b"", 0, waiting=1),
        Letter(b"x" * 32, LetterKind.LETTER, NODE, "", b"", bytes(16), 0, 0),
    ],
    ids=["settles", "closed too early", "is signed", "empties holds", "is said"],
)
def test_what_is_open_anywhere_stays(open_row: Deal | Seat | Letter) -> None:
    memory = remembered(0)
    memory.put(open_row)
    assert over(memory, 10 * SHOWN_US) == []


def test_a_crowd_goes_sooner_the_oldest_first() -> None:
    memory = remembered(*range(MAX_SHOWN + 3))
    assert over(memory, LEAST_US - 1) == []
    assert over(memory, LEAST_US + 10) == [n.to_bytes(16, "big") for n in range(3)]


def offered(no: int, seed: bytes = b"") -> Sale:
    sale = Sale((1_000_000 + no).to_bytes(16, "big"), SaleRole.SELLER, SalePhase.CLOSED, b"", 0, 0)
    return replace(sale, seed=seed, ended_at_us=no + 1)


def test_offers_that_nobody_took_up_push_out_nothing_else() -> None:
    """Who offers and takes back all day long costs the owner no line of what he did himself."""
    memory = remembered(*range(1, 21))
    memory.put(offered(0, b"seed"))
    for no in range(1, MAX_SHOWN + 1):
        memory.put(offered(no))
    gone = over(memory, LEAST_US + MAX_SHOWN)
    assert gone == [offered(no).id for no in range(1, len(gone) + 1)]
    assert len(gone) == MAX_SHOWN - MAX_UNTAKEN


async def test_rows_leave_memory_and_tables_in_one_group() -> None:
    memory = remembered(0, SHOWN_US)
    engine = Engine(memory)
    sweeper = Sweeper(engine, Clock(SHOWN_US + 1))  # type: ignore[arg-type]
    assert await sweeper.once() == 1
    (group,) = engine.groups
    deleted = {w.table.name: list(w.keys) for w in group.writes if isinstance(w, DeleteRows)}
    assert deleted == {
        "deal": [{"id": bytes(16)}],
        "seat": [{"deal": bytes(16), "at": 0}],
        "letter": [{"id": bytes(32)}],
        "standing": [{"id": bytes(16)}],
    }
    assert group.alone
    assert [d.id for d in memory.owned(Deal)] == [(1).to_bytes(16, "big")]
    assert len(memory.rows) == 4
    assert await sweeper.once() == 0


async def test_what_was_said_of_a_proposal_that_was_not_kept_goes_soon() -> None:
    """A stranger's rubbish is answered with a refusal, of which nothing else hangs on anything."""
    memory = Memory(Settings(NODE, FeeSet({})))
    for number, answered in enumerate((True, True, False)):
        deal = number.to_bytes(16, "big")
        kind, at_us = LetterKind.LETTER, number * LEAST_US
        memory.put(Letter(deal * 2, kind, NODE, "", b"", deal, at_us, 0, answered=answered))
    assert over(memory, LEAST_US - 1) == []
    sweeper = Sweeper(Engine(memory), Clock(LEAST_US))  # type: ignore[arg-type]
    assert await sweeper.once() == 1
    assert [row.deal[-1] for row in memory.owned(Letter)] == [1, 2]
    assert over(memory, 10 * SHOWN_US) == [(1).to_bytes(16, "big")], "one is still being said"


@pytest.mark.parametrize("rule", ["{}", "no JSON", Rule("", "a", proposal="zz").to_json()])
async def test_a_rule_that_nobody_can_read_stops_no_sweep(rule: str) -> None:
    """An error here would end the daemon, a minute after each of its starts."""
    memory = remembered(0)
    memory.put(Standing(b"o" * 16, rule, 0))
    sweeper = Sweeper(Engine(memory), Clock(SHOWN_US + 1))  # type: ignore[arg-type]
    assert await sweeper.once() == 1
    assert [row.id for row in memory.owned(Standing)] == [b"o" * 16]
