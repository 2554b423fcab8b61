"""Nobody who does not answer keeps the letters to others waiting."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
import trio.testing

from node.command.sim.cast import signing_key
from node.core.effects import Deliver
from node.core.escrow.rows import Letter, LetterKind, Seat, SeatPhase
from node.core.view import Settings
from node.escrow.post_office import PostOffice
from node.escrow.turns import MAX_TO_ONE, Lane, Turns
from node.memory import Memory
from proto.card import NodeCard
from proto.escrow.letters import Letter as Words
from proto.escrow.letters import Withdraw, encode_letter, letter_id
from proto.escrow.reasons import EscrowReason
from proto.escrow.receipts import sign_receipt
from proto.fees import FeeSet
from proto.keys import NodeId, SigningKey
from tests.node.core.escrow_table import card_of, node_of


def who(number: int) -> NodeId:
    return NodeId(number.to_bytes(32, "big"))


def write(turns: Turns, receivers: Iterable[int], *, ours: bool = False, first: int = 0) -> None:
    for number, receiver in enumerate(receivers, first):
        turns.add(number.to_bytes(32, "big"), who(receiver), ours)


def test_strangers_fill_their_own_lane_alone() -> None:
    turns = Turns()
    write(turns, range(10_000))
    assert len(turns.begin()) == Lane.OTHERS.value
    write(turns, [1], ours=True, first=10_000)
    assert turns.begin() == [(10_000).to_bytes(32, "big")]


def test_who_answered_is_not_kept_waiting_by_any_who_do_not() -> None:
    turns = Turns()
    write(turns, [7], ours=True)
    (letter,) = turns.begin()
    turns.done(letter, answered=True)
    write(turns, range(100, 1100), ours=True, first=1)
    assert len(turns.begin()) == Lane.OURS.value
    write(turns, [7], first=5000)
    assert turns.begin() == [(5000).to_bytes(32, "big")]
    turns.done((5000).to_bytes(32, "big"), answered=False)
    write(turns, [7], ours=True, first=6000)
    assert turns.begin() == [], "it did not answer, and waits like the others"


def test_one_receiver_has_so_many_calls_and_others_take_turns() -> None:
    turns = Turns()
    write(turns, [1] * 100, ours=True)
    write(turns, [2, 2, 3], ours=True, first=100)
    begun = turns.begin()
    assert len(begun) == MAX_TO_ONE + 3
    assert {n.to_bytes(32, "big") for n in (100, 101, 102)} <= set(begun)
    turns.done(begun[0], answered=False)
    assert len(turns.begin()) == 1


def test_a_letter_waits_once() -> None:
    turns = Turns()
    write(turns, [1], ours=True)
    write(turns, [1], ours=True)
    (letter,) = turns.begin()
    write(turns, [1], ours=True)
    assert turns.begin() == []
    turns.done(letter, answered=True)
    write(turns, [1])
    assert turns.begin() == [letter]


@dataclass
class Tarpits:
    """Ways on which everybody but Bob takes a call, and says nothing until it times out."""

    heard: int = 0
    calls: int = 0
    most: int = 0

    async def post(self, card: NodeCard, signed: bytes) -> bytes:
        self.calls += 1
        self.most = max(self.most, self.calls)
        try:
            if card.node != node_of("bob"):
                await trio.sleep_forever()
            self.heard += 1
            return sign_receipt(signing_key("bob"), ME.node_id, BOBS.id)
        finally:
            self.calls -= 1


ME: SigningKey = signing_key("ann")


def letter_to(name: str, number: int) -> Letter:
    words = Withdraw(bytes(16), "seat", EscrowReason.EXPIRED)
    payload = encode_letter(Words(ME.node_id, node_of(name), 1 + number, words))
    kind, deal = LetterKind.LETTER, number.to_bytes(16, "big")
    return Letter(letter_id(payload), kind, node_of(name), card_of(name), payload, deal, 1, 1)


BOBS = letter_to("bob", 0)


@dataclass
class Engine:
    memory: Memory
    said: list[Any] = field(default_factory=list)

    def submit(self, make: Any) -> None:
        self.said.append(make)


class Clock:
    def now_us(self) -> int:
        return 1_000_000


@pytest.mark.parametrize("joined", [False, True])
async def test_a_tarpit_delays_no_letter_of_ours(joined: bool) -> None:
    """200 refusals to tarpits come first: a letter of a seat that we have taken overtakes them."""
    engine = Engine(Memory(Settings(ME.node_id, FeeSet({}))))
    ways = Tarpits()
    rows = [letter_to(f"tarpit {n}", n) for n in range(1, 201)]
    if joined:
        engine.memory.put(Seat(BOBS.deal, 0, "seat", SeatPhase.JOINED, b"", 0, seed=b"s" * 32))
    async with trio.open_nursery() as nursery:
        office = PostOffice(engine, ME, ways, Clock(), nursery)  # type: ignore[arg-type]
        for row in (*rows, BOBS):
            engine.memory.put(row)
            office.deliver(Deliver(row.id))
        await trio.testing.wait_all_tasks_blocked()
        assert bool(ways.heard) is joined
        assert ways.most <= Lane.OTHERS.value + 1
        nursery.cancel_scope.cancel()
