"""A letter that overtakes the terms which it speaks of is not taken: a receipt would lose it."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from node.core.escrow.rows import Seat, SeatPhase
from node.core.rows import Role, Transaction
from node.escrow.desk import Desk
from proto.escrow.letters import Body, Give, Letter, Receive, Withdraw
from proto.escrow.reasons import EscrowReason
from tests.node.core.escrow_table import Party, node_of

COMMIT, DEAL = b"c" * 32, b"d" * 16


def desk_of(phase: SeatPhase, owner: bytes | None) -> Desk:
    """Of a node with one seat, "group"; `owner`: of the transaction, None where it knows none."""
    memory = Party("ann").memory
    memory.put(Seat(DEAL, 0, "group", phase, b"", 1))
    if owner is not None:
        memory.put(Transaction(COMMIT, b"", Role.SEAT, 1, 2, owner=owner))
    none = cast(Any, None)
    return Desk(cast(Any, SimpleNamespace(memory=memory)), none, none, none)


GIVE = Give(COMMIT, "group", ())
CASES: list[tuple[SeatPhase, bytes | None, Body, bool]] = [
    (SeatPhase.JOINED, None, GIVE, True),
    (SeatPhase.JOINED, None, Receive(COMMIT, "group", ()), True),
    (SeatPhase.JOINED, b"", GIVE, True),  # a hop of its money
    (SeatPhase.JOINED, DEAL, GIVE, True),  # another seat of ours has its terms
    (SeatPhase.JOINED, b"e" * 16, GIVE, False),  # another exchange
    (SeatPhase.JOINED, None, Give(COMMIT, "owner", ()), False),
    (SeatPhase.JOINED, None, Withdraw(DEAL, "group", EscrowReason.EXPIRED), False),
    (SeatPhase.FIXED, DEAL, GIVE, False),
    (SeatPhase.WITHDRAWN, None, GIVE, False),
]


@pytest.mark.parametrize(("phase", "owner", "body", "early"), CASES)
def test_only_what_waits_for_its_terms(
    phase: SeatPhase, owner: bytes | None, body: Body, early: bool
) -> None:
    letter = Letter(node_of("bob"), node_of("ann"), 1, body)
    assert desk_of(phase, owner)._is_early(letter) is early
