"""How many exchanges of others a node takes at a time, and what counts."""

from dataclasses import dataclass, field

import pytest

from node.core.escrow.rows import Deal, DealPhase, Seat, SeatPhase
from node.core.sale.rows import Sale, SalePhase
from node.core.view import Settings
from node.escrow import desk
from node.escrow.desk import COUNTED_FOR_US, Room
from node.memory import Memory
from proto.escrow.letters import Dossier, Invite, OfSale
from proto.fees import FeeSet
from proto.keys import NodeId
from proto.sale.stakes import SaleRole

INVITE = Invite(b"", "seat")
OFFERED = OfSale(b"")
DOSSIER = Dossier(b"", b"", (), ())


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    monkeypatch.setattr(desk, "MAX_INVITED", 2)
    monkeypatch.setattr(desk, "MAX_DEALS", 2)
    monkeypatch.setattr(desk, "MAX_OFFERED", 2)
    return Memory(Settings(NodeId(b"n" * 32), FeeSet({})))


def seat(no: int, phase: SeatPhase) -> Seat:
    return Seat(bytes((no,)) * 16, 0, "a", phase, b"", 0)


@pytest.mark.parametrize("phase", [SeatPhase.INVITED, SeatPhase.JOINED])
def test_a_seat_that_joined_by_itself_takes_room_like_any(memory: Memory, phase: SeatPhase) -> None:
    memory.put(seat(1, phase))
    memory.put(seat(2, SeatPhase.FIXED))
    room = Room(memory)
    assert [room.take(INVITE, 0) for _ in range(3)] == [True, False, False]
    memory.put(seat(1, SeatPhase.WITHDRAWN))
    assert not room.take(INVITE, COUNTED_FOR_US - 1)
    assert room.take(INVITE, COUNTED_FOR_US)


def test_dossiers_of_strangers_leave_invitations_their_room(memory: Memory) -> None:
    for no in (1, 2):
        memory.put(Deal(bytes((no,)) * 16, DealPhase.DECIDING, b"", 0, 0))
    room = Room(memory)
    assert not room.take(DOSSIER, 0)
    assert room.take(INVITE, 0)


def sale(no: int, phase: SalePhase, seed: bytes = b"", role: SaleRole = SaleRole.SELLER) -> Sale:
    return Sale(bytes((no,)) * 16, role, phase, b"", 0, 0, seed=seed)


@pytest.mark.parametrize(
    "other",
    [
        sale(2, SalePhase.CLOSED),  # expired or refused: a stranger's offers fill no room for long
        sale(2, SalePhase.AGREEING, b"seed"),
        sale(2, SalePhase.OFFERED, b"seed", SaleRole.BUYER),  # our own
    ],
)
def test_sales_of_others_take_room_until_somebody_is_bound(memory: Memory, other: Sale) -> None:
    memory.put(sale(1, SalePhase.OFFERED))
    memory.put(other)
    room = Room(memory)
    assert [room.take(OFFERED, 0) for _ in range(2)] == [True, False]


def test_a_case_that_an_agent_took_by_itself_takes_room(memory: Memory) -> None:
    for no in (1, 2):
        memory.put(sale(no, SalePhase.JOINED, b"seed", SaleRole.AGENT))
    assert not Room(memory).take(OFFERED, 0)


@dataclass
class Counting:
    """A memory that counts how often all its rows are read."""

    reads: list[object] = field(default_factory=list)

    def owned(self, kind: object) -> list[object]:
        self.reads.append(kind)
        return []


def test_a_flood_of_invitations_does_not_read_all_rows_each_time() -> None:
    memory = Counting()
    room = Room(memory)  # type: ignore[arg-type]
    for at_us in range(0, COUNTED_FOR_US, COUNTED_FOR_US // 100):
        assert room.take(INVITE, at_us)
    assert memory.reads == [Seat, Sale, Deal]
