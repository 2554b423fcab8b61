"""A decline at the registry, followed by a bare commit (rule V12).

P pays Q over A, which holds a SECURED promise and gives a BARE one: mode SECURED. What covers A
where P cannot be reached in time is the registry: A has the commit stamped, and the stamp redeems
P's promise at any time. Q ends the transaction at the registry with its decline preimage, which
is final, and then shows A the bare commit all the same. A owes, since BARE needs no stamp.

The mend: where any node on the way is in mode SECURED or GATEWAY the descriptor has no decline
hash, and such a node promises nothing under one that has.

Without it A reaches the registry in time and is refused for ever: mode SECURED would lose without
"not R", outside of section 3's table. P and Q may be one person.
"""

from dataclasses import replace

import pytest

from node.command.sim.cast import SECOND
from node.command.sim.cores.plan import (
    Attempt,
    Route,
    balance,
    chain_world,
    given_by,
    make_request,
    pay,
    payment_of,
)
from node.command.sim.cores.world import World
from node.core import offer as offer_room
from node.core.payee import decline_preimage
from node.core.rows import Ask, PromisePhase, Request
from proto.levels import Level
from proto.messages import Claim
from proto.reason import Reason, Refusal
from proto.statement import Outcome
from tests.node.evidence import commit_of

S, A, B = Level.SECURED, Level.ATOMIC, Level.BARE
AMOUNT = 10_000
PAIRS = pytest.mark.parametrize("levels", [(S, B), (S, S), (A, B), (A, S)], ids=str)


def declined(levels: tuple[Level, ...]) -> tuple[World, Attempt, Request]:
    """A chain under a descriptor with a decline hash, and the payee's decline at the registry."""
    world, names = chain_world(levels)
    request = make_request(world, "Q", AMOUNT, manual=True)
    attempt = pay(world, [Route(names, levels, AMOUNT)], request, decline=0)
    world.quiet()
    descriptor, preimage = attempt.event.descriptor_bytes, decline_preimage(request.seed, 0)
    world.judges["R1"].ask(Ask.DECLINE, descriptor, preimage, world.now_us)
    assert world.judges["R1"].outcome(attempt.commit) is Outcome.NOT_COMMITTED
    return world, attempt, request


@PAIRS
def test_a_node_that_needs_the_registry_promises_nothing_that_can_be_declined(
    levels: tuple[Level, ...],
) -> None:
    world, attempt, _ = declined(levels)
    assert payment_of(world, "P", attempt).because == Refusal(Reason.DECLINE_NOT_ALLOWED)
    assert not given_by(world, "A"), "so there is nothing that Q could claim"


@PAIRS
def test_without_the_mend_it_loses_though_the_registry_is_reached(
    levels: tuple[Level, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = offer_room.check_pair

    def blind(*arguments: object) -> object:
        *others, descriptor = arguments
        hidden = replace(descriptor, decline_hash=b"")  # type: ignore[type-var]
        return checked(*others, hidden)  # type: ignore[arg-type]

    monkeypatch.setattr(offer_room, "check_pair", blind)
    # The admission is signed for the descriptor's id; nobody looks at the decline hash there.
    world, attempt, request = declined(levels)
    (given,) = given_by(world, "A")
    world.sever("P", "A")  # P only has to be away for a few seconds, or to pretend
    world.post("Q", "A", Claim(given.id, commit_of(attempt, request)))
    world.run(attempt.deadline_us + 20 * SECOND)
    world.heal_all()
    world.run(world.now_us + 60 * SECOND)
    assert given_by(world, "A")[0].phase is PromisePhase.REDEEMED
    assert (balance(world, "A"), balance(world, "Q")) == (-AMOUNT, AMOUNT)
