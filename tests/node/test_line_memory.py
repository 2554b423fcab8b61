"""What a payer remembers of lines that refused: tables of time and news, and a memory that lies.

Times are µs since the refusal; the line is A→B, it refused 900, and it could have taken 850.
"""

from random import Random

import pytest

from node.learning import Blame
from node.line_memory import (
    HOLD_US,
    MAX_DOUBLINGS,
    MAX_LEARNED,
    STEPS,
    SUSPECT_US,
    Attempt,
    LineMemory,
    Said,
)
from node.routing import LineEnds, RouteHop, RoutePart
from proto.keys import NodeId
from proto.levels import Level
from proto.limits import MAX_AMOUNT, US
from proto.modes import Mode
from proto.reason import Reason, Refusal
from proto.schedule import schedule

P, A, B, Q = (NodeId(bytes([n]) * 32) for n in range(1, 5))
AB = (A, B)
BRAND, OTHER = bytes(16), bytes([9]) * 16
NOW_US = 1_700_000_000 * US
SHORT = Refusal(Reason.NEXT_CREDIT_SHORT, 50)
ROOMY = Said(NOW_US - 5, MAX_AMOUNT)


class House:
    """A memory, a clock, and the newest adverts."""

    def __init__(self) -> None:
        self.memory = LineMemory()
        self.now_us = NOW_US
        self.adverts: dict[LineEnds, Said] = {AB: ROOMY}

    def heard(self, line: LineEnds, brand: bytes) -> Said | None:
        return self.adverts.get(line)

    def refuses(
        self, asked: int = 900, carries: int = 850, *, certain: bool = True, began_us: int = 0
    ) -> None:
        blame = Blame(AB, asked, carries, certain)
        times = (began_us or self.now_us, self.now_us)
        self.memory.refused(BRAND, [blame], SHORT, times, self.heard)

    def bound(self, after_us: int = 0, brand: bytes = BRAND) -> int | None:
        return self.memory.bounds(brand, NOW_US + after_us, self.heard).all.get(AB)


def attempt(*amounts: int) -> Attempt:
    """A chain P→A→B→Q for each amount; fees are nothing."""
    plan = schedule((Level.ATOMIC,) * 3)
    assert plan is not None
    return Attempt(
        BRAND,
        tuple(
            RoutePart(
                tuple(RouteHop(x, y, Level.ATOMIC, amount) for x, y in ((P, A), (A, B), (B, Q))),
                ((A, Mode.ATOMIC), (B, Mode.ATOMIC)),
                plan,
            )
            for amount in amounts
        ),
    )


@pytest.mark.parametrize(
    ("after_us", "bound"),
    [
        (-5 * US, 850),  # a clock that was set back holds nothing for ever
        (0, 850),
        (HOLD_US - 1, 850),
        (HOLD_US, 900),
        (2 * HOLD_US, 1800),
        (3 * HOLD_US, 3600),
        ((STEPS - 1) * HOLD_US, 900 << (STEPS - 2)),
        (STEPS * HOLD_US, None),
    ],
)
def test_the_bound_relaxes_in_steps(after_us: int, bound: int | None) -> None:
    house = House()
    house.refuses()
    assert house.bound(after_us) == bound
    assert house.bound(0, OTHER) is None


def test_a_suspect_is_held_for_a_shorter_time() -> None:
    house = House()
    house.refuses(certain=False)
    assert SUSPECT_US < HOLD_US
    assert [house.bound(t) for t in (0, SUSPECT_US - 1, SUSPECT_US)] == [850, 850, 900]
    assert house.memory.bounds(BRAND, NOW_US, house.heard).certain == {}


def test_a_suspicion_does_not_replace_what_is_known() -> None:
    house = House()
    house.refuses()
    house.refuses(300, 299, certain=False)
    assert house.bound() == 850
    house.refuses(300, 250)
    assert house.bound() == 250


@pytest.mark.parametrize(
    ("said", "bound"),
    [
        (ROOMY, 850),  # what it said before
        (Said(NOW_US + 5, MAX_AMOUNT), 850),  # again: no news
        (Said(NOW_US - 1, 5000), 850),  # news that was on its way when it refused
        (Said(NOW_US + 5, 5000), None),
        (Said(NOW_US + 5, 40), None),  # the advert bars by itself
        (None, 850),  # it has expired
    ],
)
def test_news_in_an_advert_is_fresher_truth(said: Said | None, bound: int | None) -> None:
    house = House()
    house.refuses()
    if said is None:
        del house.adverts[AB]
    else:
        house.adverts[AB] = said
    assert house.bound(10) == bound


def test_a_line_that_promised_more_and_refused_again_is_not_believed() -> None:
    house = House()
    house.refuses()
    house.adverts[AB] = Said(NOW_US + 5, 5000)
    house.now_us += 10 * US
    assert house.bound(10 * US) is None
    house.refuses(1000, 990, began_us=house.now_us - US)
    house.adverts[AB] = Said(house.now_us + 5, 6000)
    assert house.bound(10 * US) == 990
    # And for twice as long.
    assert house.bound(10 * US + 2 * HOLD_US - 1) == 990
    assert house.bound(10 * US + 2 * HOLD_US) == 1000


def test_the_hold_doubles_a_few_times_only() -> None:
    house = House()
    for _ in range(10):
        house.refuses(began_us=house.now_us)
        house.now_us += 30 * US
    ((one, _),) = house.memory.shown(house.now_us, house.heard)
    assert one.repeats == 9
    assert one.hold_us == HOLD_US << MAX_DOUBLINGS


def test_attempts_that_ran_together_are_one_refusal() -> None:
    house = House()
    house.refuses(began_us=NOW_US - US)
    house.now_us += 1000
    house.refuses(began_us=NOW_US - US)
    ((one, _),) = house.memory.shown(house.now_us, house.heard)
    assert one.repeats == 0


def test_own_pending_parts_count() -> None:
    """600 of ours lay on it when it refused 300 more and could have taken 250."""
    house = House()
    house.memory.began(b"one", attempt(400, 200))
    house.refuses(300, 250)
    ((one, bound),) = house.memory.shown(NOW_US, house.heard)
    assert (one.asked, one.carries, one.beside, bound) == (900, 850, 600, 250)
    house.memory.began(b"two", attempt(100))
    assert house.bound() == 150
    house.memory.ended(b"two", carried=False)
    assert house.bound() == 250
    house.memory.ended(b"one", carried=False)  # released: the credit is free again
    assert house.bound() == 850


def test_what_was_carried_is_used_up() -> None:
    house = House()
    house.memory.began(b"one", attempt(600))
    house.refuses(300, 250)
    house.memory.ended(b"one", carried=True)
    assert house.bound() == 250  # booked: no more has become free


def test_success_clears_what_it_proves_wrong() -> None:
    for certain, amount, left in ((False, 1, None), (True, 849, 1), (True, 851, None)):
        house = House()
        house.refuses(certain=certain)
        house.memory.began(b"one", attempt(amount))
        house.memory.ended(b"one", carried=True)
        assert house.bound() == left


def test_an_attempt_that_never_began_ends_all_the_same() -> None:
    house = House()
    house.memory.ended(b"one", carried=True)
    house.memory.began(b"one", attempt(5))
    house.memory.began(b"one", attempt(7))  # the next attempt of the same payment
    house.refuses(10, 9)
    assert house.bound() == 9
    house.memory.ended(b"one", carried=False)
    assert house.bound() == 16


def test_the_oldest_are_forgotten_first() -> None:
    memory = LineMemory()
    for number in range(MAX_LEARNED + 10):
        line = (A, NodeId(number.to_bytes(32, "big")))
        blame = Blame(line, 10, 5, certain=True)
        memory.refused(BRAND, [blame], SHORT, (NOW_US, NOW_US), lambda *_: ROOMY)
    assert len(memory) == MAX_LEARNED
    known = memory.bounds(BRAND, NOW_US, lambda *_: ROOMY).all
    assert (A, NodeId((9).to_bytes(32, "big"))) not in known
    assert (A, NodeId((10).to_bytes(32, "big"))) in known


def test_forgetting() -> None:
    house = House()
    house.refuses()
    assert house.memory.forget([((B, A), BRAND)]) == 0
    assert house.memory.forget([(AB, BRAND)]) == 1
    assert house.bound() is None
    house.refuses()
    assert house.memory.forget() == 1 and len(house.memory) == 0


@pytest.mark.parametrize("seed", range(50))
def test_whatever_happens_it_lets_go(seed: int) -> None:
    """Random refusals, payments and news: bounds are amounts, sums of what is pending never go
    wrong, and after the longest hold nothing is left."""
    random, house, live = Random(seed), House(), dict[bytes, Attempt]()
    for number in range(200):
        house.now_us += random.choice((0, 1, US, 30 * US, HOLD_US))
        match random.randrange(5):
            case 0:
                asked = random.randint(1, 2000)
                house.refuses(
                    asked,
                    random.randrange(asked),
                    certain=random.random() < 0.5,
                    began_us=house.now_us - random.choice((0, US, 100 * US)),
                )
            case 1:
                payment = b"%d" % random.randrange(5)
                live[payment] = attempt(*random.choices(range(1, 900), k=random.randint(1, 3)))
                house.memory.began(payment, live[payment])
            case 2:
                payment = b"%d" % random.randrange(5)
                live.pop(payment, None)
                house.memory.ended(payment, carried=random.random() < 0.5)
            case 3:
                house.adverts[AB] = Said(house.now_us, random.randint(1, 3000))
            case 4 if number % 50 == 0:
                house.memory.forget()
        bound = house.memory.bounds(BRAND, house.now_us, house.heard).all.get(AB)
        assert bound is None or 0 <= bound < house.adverts[AB].available
    house.now_us += STEPS * (HOLD_US << MAX_DOUBLINGS)
    assert house.memory.bounds(BRAND, house.now_us, house.heard).all == {}
    assert len(house.memory) == 0
    for payment in live:
        house.memory.ended(payment, carried=False)
    house.refuses()
    assert house.bound(house.now_us - NOW_US) in (850, None)
    ((one, _),) = [*house.memory.shown(house.now_us, lambda *_: None)]
    assert one.beside == 0
