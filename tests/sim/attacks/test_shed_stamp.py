"""A registry that sheds an unannounced stamp (rule V6).

P pays Q over A, which is in mode SECURED or GATEWAY. Q shows the bare commit in the last moment at
which A has to take it. P cannot be reached, so A has the commit stamped, as V6 asks: but just now
the registry has more work than it can do, perhaps because Q's friends give it some.

The mend has two halves. A node in such a mode promises nothing before it holds the registry's
signed ADMITTED for this id. And a registry keeps a place for every id that it has admitted: what
is announced is served when all other work is shed.

Without the first half A would promise under an id that the registry never heard of; without the
second its admission would be worth nothing. Either way A reaches the registry in time, is sent
away until D has passed, and loses: "not R" of section 3 made by whoever can fill a queue.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import trio

from node.command.sim.cast import RECORDS, SECOND
from node.command.sim.cores.judge import Judge
from node.command.sim.cores.plan import (
    Attempt,
    Route,
    answered,
    balance,
    chain_world,
    create,
    dictate,
    ended,
    given_by,
    held_by,
    make_request,
    payment_of,
)
from node.command.sim.cores.world import Deliver, World
from node.core import pair as pair_room
from node.core.rows import Ask, PromisePhase
from proto.descriptor import commit_id
from proto.levels import Level
from proto.reason import Reason, Refusal
from proto.statement import Outcome
from proto.v1 import registry_pb2 as rpb
from registry import desk as desk_room
from registry.calendar import Calendar
from registry.log import Logged, Pause
from tests.patience import PATIENCE_S
from tests.proto.build import make_commit
from tests.registry.serving import commit_item, query_item, serving

S, A, B = Level.SECURED, Level.ATOMIC, Level.BARE
AMOUNT = 10_000
PAIRS = pytest.mark.parametrize("levels", [(S, B), (A, B)], ids=["SECURED", "GATEWAY"])


@dataclass
class Flooded(Judge):
    """A registry without room: until D it serves those whom it has admitted, and nobody else."""

    admitted: set[bytes] = field(default_factory=set)

    def announce(self, descriptor: bytes, now_us: int) -> bytes:
        self.admitted.add(commit_id(descriptor))
        return super().announce(descriptor, now_us)

    def ask(self, ask: Ask, descriptor: bytes, said: bytes, now_us: int) -> Logged | Pause:
        shed = ask is Ask.SUBMIT and commit_id(descriptor) not in self.admitted
        return super().ask(Ask.QUERY if shed else ask, descriptor, said, now_us)


def last_moment(levels: tuple[Level, ...], *, announced: bool) -> tuple[World, Attempt]:
    """Q holds A's promise and claims just before it expires; P is away, the registry is full."""
    world, names = chain_world(levels)
    flooded = world.judges["R1"] = Flooded("R1", world.judges["R1"].registry, RECORDS)
    request = make_request(world, "Q", AMOUNT)
    payment = create(world, "P", request)
    attempt = dictate(world, payment, request, [Route(names, levels, AMOUNT)])
    if not announced:
        attempt = replace(attempt, event=replace(attempt.event, admitted=()))
        flooded.admitted.clear()
    answered(world.event("P", attempt.event))
    world.sever("Q", "R1")
    world.do(Deliver("P", "A"))
    if not given_by(world, "A"):
        world.quiet()
        return world, attempt
    world.do(Deliver("A", "Q"))
    world.sever("P", "A")
    (given,) = given_by(world, "A")
    world.now_us = given.expires_at_us
    world.run(attempt.deadline_us + 20 * SECOND)
    world.heal_all()
    world.run(world.now_us + 60 * SECOND)
    assert ended(world) and not world.faults
    return world, attempt


@PAIRS
def test_nothing_is_promised_under_an_id_that_was_not_admitted(levels: tuple[Level, ...]) -> None:
    world, attempt = last_moment(levels, announced=False)
    assert payment_of(world, "P", attempt).because == Refusal(Reason.ADMISSION_MISSING)
    assert not given_by(world, "A")


@PAIRS
def test_what_was_admitted_is_stamped_by_a_registry_without_room(
    levels: tuple[Level, ...],
) -> None:
    world, attempt = last_moment(levels, announced=True)
    assert world.judges["R1"].outcome(attempt.commit) is Outcome.COMMITTED
    assert held_by(world, "A")[0].phase is PromisePhase.REDEEMED
    assert balance(world, "A") > 0 and not world.incidents()


@PAIRS
def test_without_the_mend_the_stamp_is_shed_and_the_node_loses(
    levels: tuple[Level, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair_room, "_admitted", lambda *_: True)
    world, attempt = last_moment(levels, announced=False)
    assert world.judges["R1"].outcome(attempt.commit) is Outcome.NOT_COMMITTED
    assert given_by(world, "A")[0].phase is PromisePhase.REDEEMED
    assert (balance(world, "A"), balance(world, "Q")) == (-AMOUNT, AMOUNT)


# ---------------------------------------------------------------- the registry's half


@pytest.mark.edge
async def test_a_full_queue_sheds_all_but_the_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real registry over its wire."""
    async with serving(tmp_path / "r") as served:
        announced, other = served.descriptor("announced"), served.descriptor("other")
        await served.announce(announced)
        monkeypatch.setattr(desk_room, "SHED_ABOVE", 10**9)
        items = [commit_item(make_commit(other)), query_item(other)]
        answers = await served.decide(*items, commit_item(make_commit(announced)))
        kinds = [a.WhichOneof("answer") for a in answers]
        assert kinds == ["refusal", "refusal", "final"]
        assert {a.refusal.reason for a in answers[:2]} == {rpb.OVER_QUOTA}
        monkeypatch.setattr(desk_room, "SHED_ABOVE", 0)
        (answer,) = await served.decide(query_item(other))
        assert answer.HasField("interim"), "a refusal changed nothing"
        with trio.fail_after(PATIENCE_S):
            assert (await served.decide(*items))[0].HasField("final")


@pytest.mark.edge
async def test_without_the_mend_an_admission_is_worth_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Calendar, "holds", lambda *_: False)
    async with serving(tmp_path / "r") as served:
        announced = served.descriptor("announced")
        (answer,) = await served.announce(announced)
        assert answer.HasField("interim")
        monkeypatch.setattr(desk_room, "SHED_ABOVE", 10**9)
        (answer,) = await served.decide(commit_item(make_commit(announced)))
        assert answer.refusal.reason == rpb.OVER_QUOTA
