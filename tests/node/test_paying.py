"""The payer's task: one live attempt at a time, another way after a refusal, an end in any case."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count, pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
import trio.testing

from node.command.sim.cast import SINGLE, digest
from node.command.sim.cores.plan import ended, given_by, make_request, terms
from node.core.events import ConfirmRequest
from node.core.rows import Payment, PaymentPhase, PromisePhase, Request
from node.pay_options import PayOptions
from node.paying import Payer
from node.routing import NoRoute, RouteFound, RouteHop, RoutePart, RouteQuery
from proto.levels import Level
from proto.limits import US
from proto.modes import Mode
from proto.reason import Reason
from proto.request import read_request
from proto.schedule import schedule
from tests.node.engines import Engines, engines
from tests.node.test_store_gone import gone

AMOUNT = 1000


class Finder:
    """Answers with the chains that a test has laid out, one after the other, then with no."""

    def __init__(self, world: Engines) -> None:
        self.world = world
        self.ways: list[str] = []
        self.asked: list[RouteQuery] = []
        self.heeds = False  # what was learned: such ways stay for whoever asks without it
        self.fees: dict[str, int] = {}  # way -> what its first intermediary takes
        self.no = NoRoute(True, ({"rule": "V10", "figure": 1},))

    def recall(self, query: RouteQuery) -> RouteFound | None:
        return None

    async def find(self, query: RouteQuery) -> RouteFound | NoRoute:
        self.asked.append(query)
        way = next((w for w in self.ways if not self._too_much(w, query)), None)
        if way is None:
            return self.no
        self.ways.remove(way)
        names = way
        levels = (Level.ATOMIC,) * (len(names) - 1)
        plan = schedule(levels, deadline_floor=query.deadline or 10 * US)
        assert plan is not None
        ids = [self.world.nodes[name].id for name in names]
        amounts = [query.amount + self.fees.get(names, 0), *[query.amount] * (len(ids) - 2)]
        hops = tuple(
            RouteHop(x, y, Level.ATOMIC, amount)
            for (x, y), amount in zip(pairwise(ids), amounts, strict=True)
        )
        modes = tuple((node, Mode.ATOMIC) for node in ids[1:-1])
        return RouteFound((RoutePart(hops, modes, plan),), SINGLE, exact=True)

    def _too_much(self, way: str, query: RouteQuery) -> bool:
        if not self.heeds:
            return False
        ids = [self.world.nodes[name].id for name in way]
        learned = query.learned or {}
        return any(learned.get(ends, query.amount) < query.amount for ends in pairwise(ids))


class House:
    """P, as its owner sees it."""

    def __init__(self, world: Engines, nursery: trio.Nursery) -> None:
        self.world = world
        self.finder = Finder(world)
        self._nursery = nursery
        self._drawn = count(1)
        self.payer: Payer
        self.open()

    def open(self) -> None:
        """What the daemon does when it starts."""
        nodes = self.world.nodes.values()
        adverts = {n.id: SimpleNamespace(seal_key=n.seal.public) for n in nodes}
        self.payer = Payer(
            self.world.engine("P"),
            cast(Any, SimpleNamespace(node=adverts.get, get=lambda kind, subject: None)),
            cast(Any, self.finder),
            cast(Any, None),
            self.world.clock,
            lambda size: digest(f"entropy of P {next(self._drawn)}")[:size],
            self._nursery,
        )
        self.payer.resume()

    def also_driven_by_another(self) -> None:
        """A second process, which draws other numbers, sees to everything as well."""
        self._drawn = count(1000)
        self.open()

    async def pay(self, request: Request, **options: Any) -> tuple[bytes, Reason | None]:
        read = read_request(request.signed, self.world.now_us)
        made, refusal = await self.payer.create(request.signed, read, PayOptions(**options))
        return made, refusal and refusal.reason

    def payment(self, payment: bytes) -> Payment:
        row = self.world.engine("P").memory.row((Payment.table, payment, b""))
        assert isinstance(row, Payment)
        return row

    def stands(self, payment: bytes) -> tuple[PaymentPhase, int, Reason | None]:
        """(phase, attempt, why)"""
        row = self.payment(payment)
        return row.phase, row.attempt, row.because and row.because.reason


@asynccontextmanager
async def stage(*ways: str, full: str = "") -> AsyncIterator[tuple[Engines, House]]:
    """P has two ways to Q, over A and over B. `full`: nodes that pass nothing on."""
    async with engines() as world, trio.open_nursery() as nursery:
        for name in "PABQ":
            cap = {"max_pending_count": 0} if name in full else {}
            world.add(name, lambda node, cap=cap: terms(node, **cap))
        for one, other in ("PA", "PB", "AQ", "BQ"):
            await world.open(one, other)
        house = House(world, nursery)
        house.finder.ways = list(ways)
        yield world, house
        nursery.cancel_scope.cancel()


async def test_one_way_is_enough(autojump_clock: trio.testing.MockClock) -> None:
    async with stage("PAQ") as (world, house):
        made, refused = await house.pay(make_request(world, "Q", AMOUNT))
        await trio.sleep(1)
        assert refused is None
        assert house.stands(made) == (PaymentPhase.COMMITTED, 1, None)
        assert ended(world)
        world.audit()


async def test_another_way_after_a_refusal(autojump_clock: trio.testing.MockClock) -> None:
    """What the refusal taught is asked with; the money moved once."""
    async with stage("PAQ", "PBQ", full="A") as (world, house):
        made, _ = await house.pay(make_request(world, "Q", AMOUNT))
        await trio.sleep(2)
        assert house.stands(made)[:2] == (PaymentPhase.COMMITTED, 2)
        first, second = house.finder.asked
        assert not first.avoid_lines
        a, q = world.nodes["A"].id, world.nodes["Q"].id
        assert second.avoid_lines == {(a, q)} or (second.learned or {}).get((a, q)) is not None
        phases = [p.phase for p in given_by(world, "P")]
        assert sorted(phases) == [PromisePhase.REDEEMED, PromisePhase.REFUSED]
        world.audit()


async def test_no_second_attempt_without_evidence_of_the_first_ones_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Cut off from everybody with a promise in the air: it waits, and asks for no other way."""
    async with stage("PAQ", "PBQ") as (world, house):
        request = make_request(world, "Q", AMOUNT, manual=True)
        await world.rest()
        made, _ = await house.pay(request)
        await trio.sleep(0.5)
        for judge in world.judges.values():
            judge.down = True
        world.network.cut(world.nodes["P"].id, world.nodes["A"].id)
        await trio.sleep(1800)
        assert house.stands(made)[:2] == (PaymentPhase.PROMISED, 1)
        assert len(house.finder.asked) == 1 and len(given_by(world, "P")) == 1
        for judge in world.judges.values():
            judge.down = False
        await trio.sleep(120)
        # The registry's word: not committed. The time has been used up; the owner decides anew.
        assert house.stands(made) == (PaymentPhase.ABORTED, 1, Reason.ABORTED_AHEAD)
        again, refused = await house.pay(request)
        assert refused is None and again != made
        await trio.sleep(0.5)
        world.event("Q", ConfirmRequest(world.now_us, request.id))
        await trio.sleep(1)
        assert house.stands(again)[0] is PaymentPhase.COMMITTED
        world.network.restore(world.nodes["P"].id, world.nodes["A"].id)
        await trio.sleep(60)
        assert ended(world)
        world.audit()


async def test_a_request_is_paid_once_however_often_it_is_paid(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with stage(*["PAQ"] * 9) as (world, house):
        request = make_request(world, "Q", AMOUNT)
        made, _ = await house.pay(request)
        assert await house.pay(request) == (made, Reason.PAYMENT_LIVE)
        await trio.sleep(1)
        assert await house.pay(request) == (made, Reason.PAYMENT_DONE)
        assert len(given_by(world, "P")) == 1


async def test_a_payer_that_died_goes_on(autojump_clock: trio.testing.MockClock) -> None:
    async with stage("PAQ") as (world, house):
        request = make_request(world, "Q", AMOUNT, manual=True)
        await world.rest()
        made, _ = await house.pay(request)
        await trio.sleep(0.5)
        world.crash("P")
        house.open()
        world.event("Q", ConfirmRequest(world.now_us, request.id))
        await trio.sleep(2)
        assert house.stands(made)[:2] == (PaymentPhase.COMMITTED, 1)
        assert len(house.finder.asked) == 1
        world.audit()


async def test_no_way_is_an_end_too(autojump_clock: trio.testing.MockClock) -> None:
    async with stage() as (world, house):
        made, _ = await house.pay(make_request(world, "Q", AMOUNT))
        await trio.sleep(1)
        assert house.stands(made) == (PaymentPhase.ABORTED, 0, Reason.NO_ROUTE)
        house.finder.no = NoRoute(True, ({"rule": "MAX_COST", "figure": 1234},))
        made, _ = await house.pay(make_request(world, "Q", AMOUNT), max_cost=AMOUNT)
        await trio.sleep(1)
        assert house.stands(made) == (PaymentPhase.ABORTED, 0, Reason.COST_ABOVE_MAX)
        assert not given_by(world, "P")


async def test_attempts_come_to_an_end(autojump_clock: trio.testing.MockClock) -> None:
    async with stage(*["PAQ"] * 9, full="A") as (world, house):
        made, _ = await house.pay(make_request(world, "Q", AMOUNT), attempts=3)
        await trio.sleep(10)
        assert house.stands(made)[:2] == (PaymentPhase.ABORTED, 3)
        assert len(given_by(world, "P")) == 3 and ended(world)


async def test_a_silent_payee_is_waited_for_a_moment(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Adverts of a line that was opened just now are still on their way."""
    async with stage() as (world, house):
        house.finder.no = NoRoute(True, ({"rule": "NO_PATH"},))
        made, _ = await house.pay(make_request(world, "Q", AMOUNT))
        await trio.sleep(1)
        assert house.stands(made)[0] is PaymentPhase.ROUTING
        house.finder.ways = ["PAQ"]
        await trio.sleep(1)
        assert house.stands(made)[0] is PaymentPhase.COMMITTED


async def test_a_disk_that_refuses_between_attempts_is_waited_for(
    autojump_clock: trio.testing.MockClock, tmp_path: Any
) -> None:
    async with stage("PAQ", "PBQ", "PBQ", "PBQ", full="A") as (world, house):
        made, _ = await house.pay(make_request(world, "Q", AMOUNT))
        await trio.sleep(0.2)
        assert house.stands(made)[:2] == (PaymentPhase.ROUTING, 1)
        with gone(world, "P", tmp_path):
            await trio.sleep(20)
            assert not world.promises("B"), "nothing of a second attempt was told"
        for other in "AB":
            world.network.restore(world.nodes["P"].id, world.nodes[other].id)
        house.finder.ways += ["PBQ"] * 3
        await trio.sleep(5)
        assert house.stands(made)[0] is PaymentPhase.COMMITTED
        paid = [p for p in given_by(world, "P") if p.phase is PromisePhase.REDEEMED]
        assert len(paid) == 1
        world.audit()


async def test_the_next_payment_knows_what_was_refused(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with stage("PAQ", "PBQ", full="A") as (world, house):
        house.finder.heeds = True
        await house.pay(make_request(world, "Q", AMOUNT))
        await trio.sleep(2)
        aq = world.nodes["A"].id, world.nodes["Q"].id
        house.finder.ways, house.finder.asked = ["PAQ", "PBQ"], []
        made, _ = await house.pay(make_request(world, "Q", AMOUNT))
        await trio.sleep(2)
        assert house.stands(made)[:2] == (PaymentPhase.COMMITTED, 1)
        (query,) = house.finder.asked
        assert (query.learned or {})[aq] == AMOUNT - 1
        assert house.finder.ways == ["PAQ"]
        # Less is worth a try at once, and all of it after a while.
        house.finder.ways = ["PAQ"]
        made, _ = await house.pay(make_request(world, "Q", AMOUNT - 1), attempts=1)
        await trio.sleep(1)
        assert house.stands(made)[:2] == (PaymentPhase.ABORTED, 1)
        house.payer.lines.forget()
        await house.pay(make_request(world, "Q", AMOUNT))
        await trio.sleep(0.1)
        assert aq not in (house.finder.asked[-1].learned or {})


async def test_the_only_way_is_tried_again(autojump_clock: trio.testing.MockClock) -> None:
    """First without what was learned for certain, then without any of it; and it is said."""
    async with stage("PAQ", full="A") as (world, house):
        house.finder.heeds = True
        await house.pay(make_request(world, "Q", AMOUNT), attempts=1)
        await trio.sleep(1)
        house.finder.ways, house.finder.asked = ["PAQ"], []
        made, _ = await house.pay(make_request(world, "Q", AMOUNT), attempts=1)
        await trio.sleep(1)
        held, free = house.finder.asked
        assert not held.explained and free.explained
        assert house.stands(made)[:2] == (PaymentPhase.ABORTED, 1)
        row = json.loads(house.payment(made).route)
        a, q = world.nodes["A"].id.hex(), world.nodes["Q"].id.hex()
        assert row["despite"] == [[a, q]]
        (tried,) = row["tried"]
        assert tried["reason"] == "PENDING_FULL" and tried["certain"]
        assert tried["blamed"] == [{"line": [a, q], "asked": AMOUNT, "carries": AMOUNT - 1}]
        ((one, _),) = house.payer.lines.shown(world.now_us, house.payer.heard)
        assert one.repeats == 1


async def test_what_is_left_out_is_said(autojump_clock: trio.testing.MockClock) -> None:
    """A plan is compared with the one that nothing was learned for."""
    async with stage("PAQ", full="A") as (world, house):
        house.finder.heeds = True
        await house.pay(make_request(world, "Q", AMOUNT), attempts=1)
        await trio.sleep(1)
        request = read_request(make_request(world, "Q", AMOUNT).signed, world.now_us)
        house.finder.ways, house.finder.fees = ["PAQ", "PBQ"], {"PBQ": 7}
        found = await house.payer.plan(request, PayOptions(), compared=True)
        assert isinstance(found, RouteFound) and found.cost == AMOUNT + 7
        (reason,) = found.reasons
        assert (reason["code"], reason["figure"], reason["cost"]) == ("LEARNED", 1, AMOUNT)
        assert reason["line"] == [world.nodes["A"].id.hex(), world.nodes["Q"].id.hex()]
        assert not found.despite
        house.finder.ways, house.finder.fees = ["PBQ", "PAQ"], {"PAQ": 7}
        found = await house.payer.plan(request, PayOptions(), compared=True)
        assert isinstance(found, RouteFound) and not found.reasons


async def test_what_ends_without_a_refusal_teaches_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with stage("PAQ") as (world, house):
        await house.pay(make_request(world, "Q", AMOUNT))
        await trio.sleep(1)
        assert len(house.payer.lines) == 0


async def test_an_end_that_the_disk_refused_does_not_leave_a_payment_that_nobody_sees_to(
    autojump_clock: trio.testing.MockClock, tmp_path: Any
) -> None:
    """Memory shows the end before the disk has it. The simulator found a payer's task that took it
    at its word: the end was rolled back, and the payment stayed ROUTING until the next start."""
    async with stage() as (world, house):
        request = make_request(world, "Q", AMOUNT)
        made, _ = await house.pay(request)
        with gone(world, "P", tmp_path):
            await trio.sleep(20)
        await trio.sleep(5)
        assert house.stands(made)[0] is PaymentPhase.ABORTED
        world.audit()


@pytest.mark.parametrize("refused", [2, 4])
async def test_two_that_drive_one_payment_do_not_end_each_others_attempts(
    autojump_clock: trio.testing.MockClock, refused: int
) -> None:
    """Of several processes two may see to what has no process's mark, as a person's payment has
    none: who comes second to an attempt waits for it like the first."""
    async with stage(*["PAQ"] * refused, *["PBQ"] * 3, full="A") as (world, house):
        made, _ = await house.pay(make_request(world, "Q", AMOUNT))
        await trio.sleep(0.001)
        house.also_driven_by_another()
        await trio.sleep(60)
        phase, _, why = house.stands(made)
        assert (phase, why) == (PaymentPhase.COMMITTED, None)
        assert len([p for p in given_by(world, "P") if p.phase is PromisePhase.REDEEMED]) == 1
