"""Which amount a payer's payment is over, where its request leaves that to him.

A range is his to name. Where the payee bears the fees he sends what is asked for in all, and what
arrives is the most that a route brings for that.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import StrEnum, unique
from typing import Final

from node.pay_options import PayOptions
from node.routing import NoRoute, RouteFound
from proto.limits import MAX_AMOUNT
from proto.reason import Reason, Refusal
from proto.request import PaymentRequest

# Each asks the path finder once. Of chains with usual fees some five find the most; where lines
# carry less than is asked for, this many halve a range to a 4 · 10⁹th of it.
MAX_TRIES: Final = 32

Find = Callable[[PaymentRequest, PayOptions], Awaitable[RouteFound | NoRoute]]
"""The chains that would pay a request now, under these options; nothing is promised."""


@unique
class Fault(StrEnum):
    """Why no amount could be chosen; a stable code for programs."""

    NEEDED = "AMOUNT_NEEDED"
    OUTSIDE = "AMOUNT_OUTSIDE"


class NotChosen(Exception):
    """The payer has to name an amount, or another one; `str` says which in half a sentence."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Choice:
    """`amount` is what the payee is to get, in smallest units, `options` what the payment may cost.

    `found`: the answer of the path finder that it was chosen by; None where nobody was asked. A
    NoRoute says that not even the least could arrive.
    """

    amount: int
    options: PayOptions
    found: RouteFound | NoRoute | None = None


def over_chosen(asked: PaymentRequest, amount: int) -> PaymentRequest:
    """What routes are looked for. `amount` counts only where the request leaves a choice; there
    the request must take it."""
    return asked.over(amount) if asked.leaves_choice else asked


def is_open(request: PaymentRequest) -> bool:
    """Whether any amount will do."""
    unit = request.brand.unit
    return request.least <= unit and request.amount > MAX_AMOUNT - unit


def range_text(request: PaymentRequest) -> str:
    """Which amounts it takes, for people."""
    name = request.brand.name
    if is_open(request):
        return f"any amount of {name}"
    if request.least == request.amount:
        return f"{request.amount} {name}"
    return f"from {request.least} to {request.amount} {name}"


def refusal_of(no: NoRoute) -> Refusal:
    """Why there is no way: the cost that was allowed, or anything else."""
    over = [r["figure"] for r in no.reasons if r.get("rule") == "MAX_COST"]
    return Refusal(Reason.COST_ABOVE_MAX, min(over)) if over else Refusal(Reason.NO_ROUTE)


async def choose(
    find: Find, request: PaymentRequest, options: PayOptions, wanted: int | None = None
) -> Choice:
    """The amount that is `wanted`, or the only one that can be meant. Raises NotChosen.

    Where the payee bears the fees no more than the request's amount leaves the payer in any case.
    """
    if request.fees_by_payee:
        options = replace(options, max_cost=min(options.max_cost, request.amount))
    if wanted is not None:
        _check(request, wanted)
        return Choice(wanted, options)
    if not request.leaves_choice:
        return Choice(request.amount, options)
    if request.fees_by_payee:
        return await _most(find, request, options)
    if request.takes_amount(request.amount) and request.least == request.amount:
        return Choice(request.amount, options)
    text = f"the request leaves the amount to its payer: {range_text(request)}"
    raise NotChosen(Fault.NEEDED, text)


def _check(request: PaymentRequest, wanted: int) -> None:
    if not request.leaves_choice:
        if wanted != request.amount:
            text = f"the request asks for exactly {range_text(request)}, not {wanted}"
            raise NotChosen(Fault.OUTSIDE, text)
    elif not request.takes_amount(wanted):
        unit = request.brand.unit
        steps = f", in steps of {unit}" if unit > 1 else ""
        text = f"the request takes {range_text(request)}{steps}, not {wanted}"
        raise NotChosen(Fault.OUTSIDE, text)


async def _most(find: Find, request: PaymentRequest, options: PayOptions) -> Choice:
    """The most that arrives for `options.max_cost`: a fee never pays the customer, so that each
    unit more costs at least one more, and what is too much stays too much above."""
    budget, unit = options.max_cost, request.brand.unit
    low = -(-request.least // unit) * unit
    beyond = request.amount // unit * unit + unit  # the smallest amount that is too much
    if low >= beyond:
        text = f"the request takes {range_text(request)}, and no multiple of {unit} is among them"
        raise NotChosen(Fault.OUTSIDE, text)
    best = await find(request.over(low), options)
    if isinstance(best, NoRoute):
        return Choice(low, options, best)
    for turn in range(MAX_TRIES):
        left = budget - best.cost
        beyond = min(beyond, low + left // unit * unit + unit)
        if low + unit >= beyond:
            break
        # A dearer share than that of `low` has no unit: what it promises is rarely too much. Every
        # other time the middle, so that many tries are never needed.
        guess = (low + left * low // best.cost) // unit * unit
        if turn % 2 or not low < guess < beyond:
            guess = (low + beyond) // (2 * unit) * unit
        found = await find(request.over(guess), options)
        if isinstance(found, NoRoute) or found.cost > budget:
            beyond = guess
        else:
            low, best = guess, found
    return Choice(low, options, best)
