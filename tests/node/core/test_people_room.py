"""The sums of what came into an account and went out of it stay within their columns."""

from dataclasses import replace

import pytest

from node.command.sim.cores.plan import Route, pay, refused
from node.core.people.rows import MAX_ACCOUNT, Purse
from proto.limits import MAX_AMOUNT
from proto.reason import Reason, Refusal
from tests.node.core.people_table import (
    ANN,
    ATOMIC,
    BOB,
    approval,
    approving,
    asked,
    bank,
    of_person,
    shown,
)
from tests.node.core.test_people_accounts import in_house


@pytest.mark.parametrize(("side", "why"), [("payer", "BALANCE_SHORT"), ("payee", "LIMIT_REACHED")])
def test_two_who_pay_each_other_again_and_again_fill_no_column(side: str, why: str) -> None:
    """What ever came in and went out only grows. Beyond 63 bits the disk would refuse the step
    that everybody's changes are in, and the node would stop."""
    the = bank()
    request, descriptor = in_house(the)
    person, booked = (ANN, MAX_AMOUNT - 399) if side == "payer" else (BOB, MAX_ACCOUNT - 399)
    rows = the.world.nodes["P"].books.rows
    full = replace(the.purse(person, request), booked_in=booked, booked_out=booked)
    rows[full.key] = full
    shown(the, request)
    said = approval(the, request, fee_max=0)
    told = refused(the.do(approving(the, request, said, descriptor=descriptor)))
    assert told == Refusal(Reason[why], 1)


def test_a_full_account_takes_nothing_from_a_line() -> None:
    the = bank()
    request = asked(the, 700, payee="P")
    of_person(the, request, BOB)
    rows = the.world.nodes["P"].books.rows
    full = Purse(BOB, request.brand.guid, request.brand, 0, MAX_ACCOUNT - 699, MAX_ACCOUNT - 699)
    rows[full.key] = full
    pay(the.world, [Route(["Q", "A", "P"], ATOMIC, 700)], request)
    the.world.run(the.world.now_us)
    assert the.purse(BOB, request) == full
