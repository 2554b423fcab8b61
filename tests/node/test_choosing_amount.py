"""How much a payer's payment is over: named, the only one, or as much as the fees leave."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.choosing_amount import Choice, Fault, NotChosen, choose, is_open, over_chosen, range_text
from node.command.sim.cast import NOW_US, SINGLE, digest
from node.pay_options import PayOptions
from node.routing import NoRoute, RouteFound, RouteHop, RoutePart
from proto.keys import NodeId
from proto.levels import Level
from proto.limits import MAX_AMOUNT, US
from proto.money import Brand
from proto.request import PaymentRequest
from proto.schedule import schedule

P, Q = NodeId(digest("P")), NodeId(digest("Q"))
PLAN = schedule((Level.ATOMIC,), deadline_floor=10 * US)


def request(
    most: int, least: int = 0, unit: int = 1, fees_by_payee: bool = False
) -> PaymentRequest:
    return PaymentRequest(
        request_id=bytes(16),
        payee=Q,
        payee_alias="Q",
        brand=Brand(b"b" * 16, "USD", unit),
        amount=most,
        committer_key=digest("committer"),
        seal_key=digest("seal"),
        seal_certificate=b"",
        expires_at_us=NOW_US + US,
        latest_deadline_us=NOW_US + US,
        amount_min=least,
        fees_by_payee=fees_by_payee,
    )


class Ways:
    """A network whose chains cost `flat` and a rate, and carry `room` at most."""

    def __init__(
        self, thousandths: int = 0, flat: int = 0, room: int = MAX_AMOUNT, unit: int = 1
    ) -> None:
        self.thousandths, self.flat, self.room, self.unit = thousandths, flat, room, unit
        self.asked: list[int] = []

    def cost(self, amount: int) -> int:
        exact = amount + -(-amount * self.thousandths // 1000) + self.flat
        return -(-exact // self.unit) * self.unit

    async def find(self, request: PaymentRequest, options: PayOptions) -> RouteFound | NoRoute:
        assert not request.leaves_choice and not request.fees_by_payee
        self.asked.append(request.amount)
        cost = self.cost(request.amount)
        if cost > options.max_cost:
            return NoRoute(True, ({"rule": "MAX_COST", "figure": cost - options.max_cost},))
        if request.amount > self.room:
            return NoRoute(True, ({"rule": "V10", "figure": request.amount - self.room},))
        assert PLAN is not None
        part = RoutePart((RouteHop(P, Q, Level.ATOMIC, cost),), (), PLAN)
        return RouteFound((part,), SINGLE, exact=True)


async def chosen(asked: PaymentRequest, wanted: int | None = None, **options: int) -> Choice:
    return await choose(Ways().find, asked, PayOptions(**options), wanted)


NAMED = [
    # (most, least, unit, wanted) -> the amount, or why there is none
    (700, 0, 1, None, 700),
    (700, 0, 1, 700, 700),
    (700, 0, 1, 699, Fault.OUTSIDE),
    (700, 5, 1, None, Fault.NEEDED),
    (700, 5, 1, 4, Fault.OUTSIDE),
    (700, 5, 1, 5, 5),
    (700, 5, 1, 700, 700),
    (700, 5, 1, 701, Fault.OUTSIDE),
    (700, 700, 1, None, 700),
    (700, 10, 10, 15, Fault.OUTSIDE),
    (MAX_AMOUNT, 1, 1, None, Fault.NEEDED),
    (MAX_AMOUNT, 1, 1, MAX_AMOUNT, MAX_AMOUNT),
    (705, 0, 10, None, 705),  # a payee's slip: no route is found, and the payment says so
    (705, 705, 10, None, Fault.NEEDED),
]


@pytest.mark.parametrize(("most", "least", "unit", "wanted", "expected"), NAMED)
async def test_who_names_the_amount(
    most: int, least: int, unit: int, wanted: int | None, expected: int | Fault
) -> None:
    asked = request(most, least, unit)
    if isinstance(expected, Fault):
        with pytest.raises(NotChosen) as caught:
            await chosen(asked, wanted)
        assert caught.value.fault is expected and "USD" in str(caught.value)
        return
    choice = await chosen(asked, wanted)
    assert choice == Choice(expected, PayOptions())
    if asked.leaves_choice:
        assert over_chosen(asked, choice.amount).amount == expected
    else:
        assert over_chosen(asked, 0) == asked


def test_ranges_in_words() -> None:
    assert range_text(request(700)) == "700 USD"
    assert range_text(request(700, 5)) == "from 5 to 700 USD"
    assert range_text(request(MAX_AMOUNT, 1)) == "any amount of USD"
    tens = request(MAX_AMOUNT - MAX_AMOUNT % 10, 10, 10)
    assert is_open(tens) and not is_open(replace(tens, amount_min=20))


async def test_what_is_named_still_costs_no_more_than_was_asked_for() -> None:
    asked = request(700, 5, fees_by_payee=True)
    choice = await chosen(asked, 600)
    assert (choice.amount, choice.options.max_cost, choice.found) == (600, 700, None)
    assert (await chosen(asked, 600, max_cost=650)).options.max_cost == 650
    with pytest.raises(NotChosen):
        await chosen(asked, 701)


FEES = [
    # (thousandths, flat, room, least, most, what arrives)
    (0, 0, MAX_AMOUNT, 1, 1000, 1000),
    (0, 7, MAX_AMOUNT, 1, 1000, 993),
    (10, 5, MAX_AMOUNT, 900, 1000, 985),
    (10, 0, 950, 900, 1000, 950),
    (1000, 0, MAX_AMOUNT, 1, 1000, 500),
    (0, 100, MAX_AMOUNT, 1, 150, 50),
    (999_000, 0, MAX_AMOUNT, 1, 1000, 1),
]


@pytest.mark.parametrize(("rate", "flat", "room", "least", "most", "arrives"), FEES)
async def test_the_most_arrives_that_the_fees_leave(
    rate: int, flat: int, room: int, least: int, most: int, arrives: int
) -> None:
    ways = Ways(rate, flat, room)
    choice = await choose(ways.find, request(most, least, fees_by_payee=True), PayOptions())
    assert choice.amount == arrives and choice.options.max_cost == most
    assert isinstance(choice.found, RouteFound) and choice.found.cost == ways.cost(arrives) <= most


@given(data=st.data())
async def test_no_more_could_arrive(data: st.DataObject) -> None:
    unit = data.draw(st.sampled_from([1, 10]))
    most = data.draw(st.integers(1, 3000)) * unit
    least = data.draw(st.integers(1, most))
    ways = Ways(
        data.draw(st.integers(0, 3000)),
        data.draw(st.integers(0, 300)) * unit,
        data.draw(st.integers(1, 4000)),
        unit,
    )
    options = PayOptions(max_cost=data.draw(st.integers(1, 2 * most)))
    budget = min(most, options.max_cost)
    fit = [
        n
        for n in range(-(-least // unit) * unit, most + 1, unit)
        if ways.cost(n) <= budget and n <= ways.room
    ]
    asked = request(most, least, unit, fees_by_payee=True)
    try:
        choice = await choose(ways.find, asked, options)
    except NotChosen:
        assert -(-least // unit) * unit > most
        return
    if not fit:
        assert isinstance(choice.found, NoRoute)
        return
    assert choice.amount == max(fit)
    assert isinstance(choice.found, RouteFound) and choice.found.cost <= budget


@given(
    most=st.integers(10**6, MAX_AMOUNT // 2),
    rate=st.integers(0, 50),
    flat=st.integers(0, 1000),
)
async def test_few_questions_are_asked(most: int, rate: int, flat: int) -> None:
    ways = Ways(rate, flat)
    choice = await choose(ways.find, request(most, 1, fees_by_payee=True), PayOptions())
    assert ways.cost(choice.amount) <= most < ways.cost(choice.amount + 1)
    assert len(ways.asked) <= 16


async def test_a_line_that_carries_less_does_not_ask_for_ever() -> None:
    ways = Ways(room=MAX_AMOUNT // 3)
    choice = await choose(ways.find, request(MAX_AMOUNT, 1, fees_by_payee=True), PayOptions())
    assert len(ways.asked) <= 33
    assert 0 <= ways.room - choice.amount < ways.room >> 20
