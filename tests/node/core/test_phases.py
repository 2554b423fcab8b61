"""The life of a promise as a table: in every phase, what each message of the neighbour does."""

from dataclasses import dataclass

import pytest

from node.command.sim.cast import SECOND
from node.command.sim.cores.plan import (
    Attempt,
    Route,
    chain_world,
    given_by,
    held_by,
    make_request,
    pay,
)
from node.command.sim.cores.world import World
from node.core.apply import Applied
from node.core.effects import PeerFault, Send
from node.core.events import DeclineRequest, FromPeer
from node.core.rows import Line, Payment, PromisePhase, Request, Row
from node.core.rows import Promise as PromiseRow
from proto.levels import Level
from proto.messages import (
    Abandon,
    Accepted,
    Body,
    Claim,
    Denied,
    Passed,
    Promise,
    Redeemed,
    Refuse,
    Release,
)
from proto.reason import Reason, Refusal
from tests.node.evidence import aborted_by, commit_of, committed_by

BARE, ATOMIC = Level.BARE, Level.ATOMIC
NO = Refusal(Reason.PAYEE_DECLINED)


@dataclass(frozen=True)
class Stage:
    """P promises to A, A promises to Q; A is looked at."""

    world: World
    attempt: Attempt
    request: Request
    first: Promise  # as P sent it

    def given(self) -> PromiseRow:
        (row,) = given_by(self.world, "A")
        return row

    def held(self) -> PromiseRow:
        (row,) = held_by(self.world, "A")
        return row


def stage(level: Level, phase: PromisePhase) -> Stage:
    """A's promises brought into a phase, by the events that honest neighbours send."""
    levels = (level, level)
    world, names = chain_world(levels)
    manual = phase is not PromisePhase.REDEEMED
    request = make_request(world, "Q", 10_000, manual=manual)
    if phase is PromisePhase.REFUSED:
        world.event("Q", DeclineRequest(world.now_us, request.id))
    attempt = pay(world, [Route(names, levels, 10_000)], request)
    first, _ = world.fork().intercept("P", "A")
    assert isinstance(first, Promise)
    if phase is PromisePhase.OFFERED:
        while not given_by(world, "A"):
            world.do(world.choices()[0])
    else:
        world.acknowledged()
    if phase is PromisePhase.RELEASED:
        world.event("Q", DeclineRequest(world.now_us, request.id))
        world.run(world.now_us)
    if phase in (PromisePhase.EXPIRED, PromisePhase.ABORTED):
        world.run(attempt.deadline_us + 20 * SECOND)
    return Stage(world, attempt, request, first)


def from_holder(s: Stage) -> dict[str, Body]:
    """Everything Q could say about the promise that it holds, or does not."""
    id_ = s.given().id
    return {
        "Accepted": Accepted(id_),
        "Refuse": Refuse(id_, NO),
        "Release": Release(id_, NO),
        "Claim commit": Claim(id_, commit_of(s.attempt, s.request)),
        "Claim certificate": Claim(id_, committed_by(s.attempt, s.request)),
        "Passed": Passed(id_, aborted_by(s.attempt)),
        "Abandon": Abandon(id_),
        "Denied": Denied(id_, NO),
        "Redeemed": Redeemed(id_, s.given().line, 1, s.given().amount),
    }


def from_promisor(s: Stage) -> dict[str, Body]:
    """Everything P could say about the promise that it gave."""
    id_ = s.first.promise
    return {
        "Promise": s.first,
        "Abandon": Abandon(id_),
        "Denied": Denied(id_, NO),
        "Redeemed": Redeemed(id_, s.first.line, 1, s.first.amount),
        "Passed": Passed(id_, aborted_by(s.attempt)),
        "Accepted": Accepted(id_),
        "Refuse": Refuse(id_, NO),
        "Release": Release(id_, NO),
        "Claim certificate": Claim(id_, committed_by(s.attempt, s.request)),
    }


def outcome(applied: Applied) -> str:
    """One word for what a message did."""
    if any(isinstance(effect, PeerFault) for effect in applied.effects):
        assert applied.changes == ()
        return "fault"
    changes = [row for row in applied.changes if not is_abandoned(row)]
    if any(isinstance(row, PromiseRow | Line | Payment) for row in changes):
        return "moves"
    if changes:
        return "notes"
    sent = [effect.body for effect in applied.effects if isinstance(effect, Send)]
    if any(isinstance(body, Denied) for body in sent):
        return "denied"
    return "passes on" if sent else "-"


def is_abandoned(row: Row) -> bool:
    """Noted on a promise that waits on: an Abandon is passed on once."""
    abandoned = isinstance(row, PromiseRow) and row.because == Refusal(Reason.ABANDONED)
    return abandoned and row.pending  # type: ignore[union-attr]


def told(s: Stage, peer: str, body: Body) -> str:
    world = s.world.fork()
    before = dict(world.nodes["A"].books.rows)
    event = FromPeer(world.now_us, world.nodes[peer].id, body, b"envelope")
    applied = world.event("A", event)
    result = outcome(applied)
    if not applied.changes:
        assert world.nodes["A"].books.rows == before
    else:
        again = world.event("A", event)
        assert outcome(again) in ("-", "fault", "denied", "passes on"), (result, outcome(again))
        assert again.changes == ()
    return result


# Columns: the phase of the promise. Rows: what its holder says. `notes`: only the transaction or
# an incident is written, no promise and no money moves.
GIVEN = """
                   OFFERED  ACCEPTED  REDEEMED  RELEASED  EXPIRED  ABORTED  REFUSED
Accepted           moves    -         -         -         -        -        -
Refuse             moves    fault     -         -         -        -        -
Release            moves    moves     -         -         -        -        -
Claim commit       denied   denied    -         denied    denied   denied   denied
Claim certificate  moves    moves     -         denied    denied   notes    denied
Passed             moves    moves     notes     notes     -        -        notes
Abandon            -        -         -         -         -        -        -
Denied             -        -         -         -         -        -        -
Redeemed           fault    fault     fault     fault     fault    fault    fault
"""
HELD = """
                   ACCEPTED  REDEEMED  RELEASED  EXPIRED  ABORTED
Promise            -         -         -         -        -
Abandon            passes_on -         -         -        -
Denied             fault     -         -         -        -
Redeemed           moves     -         moves     moves    moves
Passed             moves     notes     notes     moves    -
Accepted           fault     fault     fault     fault    fault
Refuse             fault     fault     fault     fault    fault
Release            fault     fault     fault     fault    fault
Claim certificate  denied    denied    denied    denied   denied
"""


def cells(table: str) -> list[tuple[str, PromisePhase, str]]:
    head, *lines = table.strip("\n").splitlines()
    found = []
    for line in lines:
        name, results = line[:19].strip(), line[19:].split()
        for phase, result in zip(head.split(), results, strict=True):
            found.append((name, PromisePhase[phase], result.replace("_", " ")))
    return found


def level_for(phase: PromisePhase) -> Level:
    return BARE if phase is PromisePhase.EXPIRED else ATOMIC


@pytest.fixture(scope="module")
def stages() -> dict[PromisePhase, Stage]:
    return {phase: stage(level_for(phase), phase) for phase in PromisePhase}


@pytest.mark.parametrize(("kind", "phase", "expected"), cells(GIVEN))
def test_what_the_holder_says(
    stages: dict[PromisePhase, Stage], kind: str, phase: PromisePhase, expected: str
) -> None:
    s = stages[phase]
    assert s.given().phase is phase
    assert told(s, "Q", from_holder(s)[kind]) == expected


@pytest.mark.parametrize(("kind", "phase", "expected"), cells(HELD))
def test_what_the_promisor_says(
    stages: dict[PromisePhase, Stage], kind: str, phase: PromisePhase, expected: str
) -> None:
    s = stages[phase]
    if phase is PromisePhase.EXPIRED:
        # Under a promise of its own that waits for the registry: what ends there is that one.
        s = expired_held()
    assert s.held().phase is phase
    assert told(s, "P", from_promisor(s)[kind]) == expected


def expired_held() -> Stage:
    world, names = chain_world((BARE, ATOMIC))
    request = make_request(world, "Q", 10_000, manual=True)
    attempt = pay(world, [Route(names, (BARE, ATOMIC), 10_000)], request)
    first, _ = world.fork().intercept("P", "A")
    assert isinstance(first, Promise)
    world.acknowledged()
    world.judges["R1"].down = True
    world.run(attempt.deadline_us + 20 * SECOND)
    return Stage(world, attempt, request, first)
