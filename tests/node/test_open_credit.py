"""What a line's advert says of credit that its signer grants."""

from dataclasses import replace
from itertools import count

import pytest

from node.advertising import line_adverts, open_credit
from node.core.rows import Line, LinePhase
from node.core.view import Settings
from proto.fees import FeeSet
from proto.keys import SigningKey
from proto.limits import MAX_AMOUNT
from proto.money import Brand

OURS, PEER = SigningKey(b"o" * 32), SigningKey(b"p" * 32)
USD = Brand(b"u" * 16, "USD")
LINE = Line(b"l" * 16, PEER.node_id, USD, LinePhase.OPEN, limit_in=500, limit_out=9000)


@pytest.mark.parametrize(
    ("changed", "granted"),
    [
        ({}, 500),
        ({"booked_in": 120}, 380),  # they owe us 120
        ({"booked_in": 600}, 0),  # the limit was lowered since
        ({"booked_out": 100}, 600),  # we owe them 100: they can come to owe us so much more
        ({"pending_in": 300, "count_in": 1}, 500),  # no advert of its own for what is under way
        ({"limit_in": 0}, 0),
        ({"limit_in": MAX_AMOUNT, "booked_out": 100}, MAX_AMOUNT),
        ({"phase": LinePhase.ASKED}, 0),
        ({"phase": LinePhase.OFFERED}, 0),
        ({"phase": LinePhase.CLOSED}, 0),
    ],
    ids=str,
)
def test_it_is_what_we_would_still_lose_to_the_neighbour(
    changed: dict[str, int], granted: int
) -> None:
    assert open_credit(replace(LINE, **changed)) == granted


def test_an_advert_says_both_directions_each_by_whom_it_costs() -> None:
    numbers = count(1)
    (said,) = line_adverts(Settings(OURS.node_id, FeeSet()), [LINE], lambda: next(numbers), 10**15)
    assert (said.promisor, said.promisee) == (OURS.node_id, PEER.node_id)
    assert (said.available, said.grants) == (9000, 500)
