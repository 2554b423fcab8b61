"""A registry is proven to cheat: what is open is flagged once, and nothing new relies on it."""

from dataclasses import replace

import pytest

from node.command.sim.cast import R1, SECOND
from node.command.sim.cores.plan import (
    Route,
    assert_books_mirror,
    chain_world,
    ended,
    given_by,
    make_request,
    pay,
)
from node.command.sim.cores.world import World
from node.core.events import RegistryExposed
from node.core.rows import IncidentKind, PromisePhase
from proto.levels import Level
from proto.reason import Reason
from tests.node.core.test_liars import AMOUNT, waiting

B, S, A = Level.BARE, Level.SECURED, Level.ATOMIC


def exposed(world: World, name: str, commit: bytes) -> int:
    """How many rows the news changed."""
    event = RegistryExposed(world.now_us, commit, R1.id, "EQUIVOCATION")
    return len(world.event(name, event).changes)


@pytest.mark.parametrize(("name", "amount"), [("P", "out"), ("A", "out"), ("Q", "in")])
def test_what_is_open_is_flagged_once(name: str, amount: str) -> None:
    world, attempt, _ = waiting(A, A)
    assert exposed(world, name, attempt.commit) == 1
    assert exposed(world, name, attempt.commit) == 0
    (flag,) = world.incidents(name)
    at_stake = [p.amount for p in given_by(world, name)] if amount == "out" else [AMOUNT]
    assert (flag.kind, flag.subject, flag.amount) == (
        IncidentKind.EXPOSED,
        attempt.commit,
        sum(at_stake),
    )
    assert R1.id.hex()[:8] in flag.detail and "EQUIVOCATION" in flag.detail


def test_what_has_ended_is_not_flagged() -> None:
    world, attempt, _ = waiting(A, A)
    world.run(attempt.deadline_us + 5 * SECOND)
    assert ended(world)
    assert exposed(world, "A", attempt.commit) == 0
    assert exposed(world, "A", bytes(32)) == 0
    assert not world.incidents("A")


def test_its_certificates_still_settle_what_is_open() -> None:
    world, attempt, _ = waiting(A, A)
    for name in "PAQ":
        exposed(world, name, attempt.commit)
        books = world.nodes[name].books
        books.settings = replace(books.settings, exposed=frozenset({R1.id}))
    world.run(attempt.deadline_us + 5 * SECOND)
    assert ended(world)
    assert {p.phase for p in world.promises("A")} == {PromisePhase.ABORTED}
    assert_books_mirror(world)


@pytest.mark.parametrize("who", ["A", "Q"])
def test_nothing_new_relies_on_it(who: str) -> None:
    world, names = chain_world([A, A])
    books = world.nodes[who].books
    books.settings = replace(books.settings, exposed=frozenset({R1.id}))
    assert R1.id not in books.settings.usable | books.settings.known
    assert R1.id in books.settings.records, "what is open is verified with it"
    pay(world, [Route(names, [A, A], AMOUNT)], make_request(world, "Q", AMOUNT))
    world.quiet()
    (first,) = given_by(world, "P")
    assert first.because is not None
    expected = {"A": Reason.REGISTRY_NOT_ACCEPTED, "Q": Reason.POLICY_REFUSED}
    assert first.because.reason is expected[who]
