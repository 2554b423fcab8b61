"""What members pass on and when they stop: the real tasks, played members, virtual time."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from node.command.sim.cast import NOW_US, R1, R2, R3, R4, RECORDS, SECOND, TWO_OF_THREE, signing_key
from proto.commit import Evidence, sign_share
from proto.descriptor import commit_id
from proto.limits import MAX_EVIDENCE_BYTES, MAX_POLICY_MEMBERS
from proto.policy import single
from proto.registry_record import RegistryRecord
from proto.statement import SignedStatement
from proto.v1 import registry_pb2 as rpb
from proto.v1 import types_pb2 as pb
from registry.examine import Examiner
from registry.home import Home
from registry.log import CommitShown, Logged, Query, Row, Subject, decide
from registry.relay import MAX_RELAYED_BYTES, as_relayed, leaves_room, parcel, sender_of
from registry.relay_links import MAX_TAKEN, MAX_WAITING_BYTES, Relay
from registry.relay_members import Members, keep_member
from registry.relay_recovery import PAGE
from registry.store import open_ledger
from runtime.clock import FakeClock
from runtime.rpc_client import RpcUnavailable
from tests.proto.build import COMMITTER, committed_leaf, make_commit
from tests.registry.build import (
    ERROR_US,
    GUARD_US,
    SIGNER,
    TERMS,
    OpenRegistry,
    commit_shown,
    descriptor,
    open_registry,
    reading,
)
from tests.registry.build import subject as subject_of

pytestmark = pytest.mark.edge

EXAMINER = Examiner(R1.id, RECORDS, lambda: NOW_US)


def among_three(label: str, **changes: object) -> Subject:
    return subject_of(descriptor(label, policy=TWO_OF_THREE, **changes))


def shown(s: Subject, *relayed: bytes) -> CommitShown:
    evidence = Evidence((sign_share(COMMITTER, s.commit_id),), relayed=relayed).encode()
    return EXAMINER.commit(s, evidence, known=False)


def said_by(registry: Any, s: Subject) -> bytes:
    leaf = committed_leaf(make_commit(s.descriptor), s.descriptor)
    statement: SignedStatement = registry.sign_statement(leaf.encode())
    return statement.encode()


@dataclass
class Member:
    """Another registry at the end of a channel. `says` answers a commit."""

    record: RegistryRecord
    says: Callable[[pb.Commit], rpb.Answer]
    down: bool = False
    calls: list[float] = field(default_factory=list)
    heard: list[pb.Commit] = field(default_factory=list)
    closed: bool = False

    async def unary(self, method: str, request: Any, response_type: Any, timeout_s: float) -> Any:
        await trio.lowlevel.checkpoint()
        if self.down:
            raise RpcUnavailable("down")
        if method.endswith("GetInfo"):
            return pb.SignedRegistryRecord.FromString(self.record.signed)
        self.calls.append(trio.current_time())
        self.heard.extend(request.commits)
        return rpb.RelayResponse(answers=[self._answer(commit) for commit in request.commits])

    def _answer(self, commit: pb.Commit) -> rpb.Answer:
        answer = self.says(commit)
        answer.commit_id = commit_id(commit.descriptor)
        return answer

    async def close(self) -> None:
        self.closed = True


def takes(_: pb.Commit) -> rpb.Answer:
    return rpb.Answer(final=pb.SignedStatement(statement=b"whatever"))


def is_late(_: pb.Commit) -> rpb.Answer:
    return rpb.Answer(interim=pb.SignedInterim())


def refuses(reason: str) -> Callable[[pb.Commit], rpb.Answer]:
    return lambda _: rpb.Answer(refusal=rpb.RegistryRefused(reason=reason))


@dataclass
class Relaying:
    """R1 with its store, and R2 and R3 as the members it tells."""

    open: OpenRegistry
    relay: Relay
    members: dict[bytes, Member]
    home: Home

    def commit(self, s: Subject, *relayed: bytes) -> Logged:
        (answer,) = self.open.decider.answer([shown(s, *relayed)])
        assert isinstance(answer, Logged), answer
        return answer

    @property
    def clock(self) -> FakeClock:
        return self.open.clock


@asynccontextmanager
async def relaying(folder: Path, *known: Any) -> AsyncIterator[Relaying]:
    """Around a block that begins once the start-up look at the store is over."""
    home = Home(folder)
    for registry in known or (R2, R3):
        keep_member(home, registry.record)
    made = {r.id: Member(r.record, takes) for r in (R2, R3, R4)}
    clock = FakeClock(NOW_US, ERROR_US)
    with open_registry(folder / "d.sqlite", clock) as opened:
        members = Members(home, R1.id)
        examiner = Examiner(R1.id, members.records, lambda: NOW_US)
        engine = opened.ledger._connection.engine
        relay = Relay(members, examiner, SIGNER, clock, engine, GUARD_US)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(relay.run, lambda record: made[record.registry])
            await settle()
            yield Relaying(opened, relay, made, home)
            nursery.cancel_scope.cancel()


async def settle() -> None:
    await trio.testing.wait_all_tasks_blocked()


async def until(holds: Callable[[], bool]) -> None:
    """Lets a thread finish while virtual time stands still.

    We are never idle, so the thread has to be given the interpreter at short notice: it asks for
    it once a row.
    """
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for _ in range(1_000_000):
            if holds():
                return
            await trio.lowlevel.checkpoint()
    finally:
        sys.setswitchinterval(before_s)
    raise AssertionError("never came true")


# ------------------------------------------------------------------ what travels


def test_a_parcel_opens_with_our_own_statement_and_holds_all_it_came_with() -> None:
    s = among_three("a")
    second = said_by(R2, s)
    came = shown(s, b"", second)
    assert came.relayed == 1
    row = row_of(came)
    own = SIGNER.statement(Logged(row, 3))
    carried = EXAMINER.relayed(s, Evidence.decode(came.evidence))
    sent = Evidence.decode(parcel(row, own, carried, GUARD_US).commit.evidence)
    assert sent.relayed == (as_relayed(own), second)
    assert sender_of(sent) == R1.id
    third = Examiner(R3.id, RECORDS, lambda: NOW_US)
    assert set(third.relayed(s, sent)) == {R1.id, R2.id}
    again = third.commit(s, parcel(row, own, carried, GUARD_US).commit.evidence, known=False)
    assert again.satisfied and again.relayed == 2


def row_of(came: CommitShown) -> Row:
    decided = decide(came, None, reading(NOW_US), TERMS)
    assert isinstance(decided, Row)
    return decided


def test_a_commit_that_could_not_be_passed_on_is_not_accepted() -> None:
    """Else a payee splits honest members by evidence that fills the room of their statements."""
    keys = tuple(sorted((signing_key(f"c{i}") for i in range(32)), key=lambda k: k.public))
    s = among_three("b", committers=tuple(k.public for k in keys), threshold=1)
    lean = make_commit(s.descriptor, *keys).evidence
    assert EXAMINER.commit(s, lean, known=False).satisfied
    shares = tuple(
        replace(share, path=(b"x" * 32,) * 16) for share in Evidence.decode(lean).shares[:24]
    )
    fat = Evidence(shares)
    size = len(fat.encode())
    assert size <= MAX_EVIDENCE_BYTES < size + 3 * MAX_RELAYED_BYTES
    assert not leaves_room(TWO_OF_THREE, fat)
    assert leaves_room(single(R1.id), fat)


def test_every_member_of_the_largest_policy_has_room() -> None:
    row = row_of(shown(among_three("c")))
    own = len(as_relayed(SIGNER.statement(Logged(row, 2**40))))
    assert own + 8 * 34 <= MAX_RELAYED_BYTES, "a path of a frame of 256 fits beside it"
    assert MAX_POLICY_MEMBERS * MAX_RELAYED_BYTES < MAX_EVIDENCE_BYTES


# ------------------------------------------------------------------ the tasks


async def test_it_goes_to_every_other_member_at_once_and_once(
    autojump_clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    async with relaying(tmp_path) as r:
        before = trio.current_time()
        logged = r.commit(among_three("a"))
        r.relay.decided([logged])
        r.relay.decided([logged])  # looked up again
        await settle()
        for member in (r.members[R2.id], r.members[R3.id]):
            assert member.calls == [before] and len(member.heard) == 1
        assert r.relay.waiting == 0 and not r.members[R4.id].heard


async def test_a_single_registry_and_a_refusal_tell_nobody(
    autojump_clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    async with relaying(tmp_path) as r:
        alone = r.commit(subject_of(descriptor("alone")))
        old = among_three("old", deadline_us=NOW_US - 100 * SECOND)
        (refusal,) = r.open.decider.answer([Query(old)])
        assert isinstance(refusal, Logged)
        r.relay.decided([alone, refusal])
        await trio.sleep(60)
        assert not r.members[R2.id].heard and not r.members[R3.id].heard


@pytest.mark.parametrize(
    "says", [is_late, refuses("OVER_QUOTA"), refuses("CLOCK_UNSAFE"), refuses("BAD_EVIDENCE")]
)
async def test_whoever_does_not_take_it_hears_it_again_until_it_cannot_any_more(
    autojump_clock: trio.testing.MockClock, tmp_path: Path, says: Any
) -> None:
    async with relaying(tmp_path) as r:
        slow = r.members[R2.id]
        slow.says = says
        r.relay.decided([r.commit(among_three("a"))])
        await trio.sleep(5)
        assert 6 <= len(slow.calls) <= 12, "with pauses that grow to a second"
        slow.says = takes
        await trio.sleep(1.1)
        heard = len(slow.calls)
        await trio.sleep(60)
        assert len(slow.calls) == heard and r.relay.waiting == 0
        assert len(r.members[R3.id].calls) == 1, "the other one had taken it"

        slow.says = says
        r.relay.decided([r.commit(among_three("b"))])
        await trio.sleep(2)
        r.clock.advance(60 * SECOND)
        await trio.sleep(2)
        heard = len(slow.calls)
        await trio.sleep(60)
        assert len(slow.calls) == heard and r.relay.waiting == 0


async def test_a_hopeless_refusal_is_not_repeated(
    autojump_clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    async with relaying(tmp_path) as r:
        r.members[R2.id].says = refuses("NOT_A_MEMBER")
        r.relay.decided([r.commit(among_three("a"))])
        await trio.sleep(60)
        assert len(r.members[R2.id].calls) == 1


async def test_a_member_that_is_down_is_told_within_a_second_of_its_return(
    autojump_clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    async with relaying(tmp_path) as r:
        r.members[R2.id].down = True
        logged = [r.commit(among_three(str(i))) for i in range(300)]
        r.relay.decided(logged)
        await trio.sleep(8)
        assert len(r.members[R3.id].heard) == 300 and len(r.members[R3.id].calls) == 2
        waits = {record.registry: waiting for record, waiting in r.relay.waiting_for()}
        assert (waits[R2.id], waits[R3.id]) == (300, 0)
        r.members[R2.id].down = False
        await trio.sleep(1.01)
        assert len(r.members[R2.id].heard) == 300 and r.relay.waiting == 0


async def test_a_crash_before_the_acknowledgement_forgets_nothing(
    autojump_clock: trio.testing.MockClock, tmp_path: Path
) -> None:
    many = PAGE + 5
    async with relaying(tmp_path) as r:
        for i in range(many):
            r.commit(among_three(str(i)))
        early = NOW_US + 5 * SECOND  # these fill whole pages before the others
        r.open.decider.answer(
            [commit_shown(subject_of(descriptor(f"alone {i}", deadline_us=early)))
             for i in range(2 * PAGE)]
        )  # fmt: skip
        # Crash: nobody was told anything.
    async with relaying(tmp_path) as r:
        for member in (r.members[R2.id], r.members[R3.id]):
            await until(lambda: len(member.heard) >= many)  # noqa: B023
            assert len({commit_id(c.descriptor) for c in member.heard}) == many == len(member.heard)
    # A day later nobody could take them any more.
    clock = FakeClock(NOW_US + 86_400 * SECOND, ERROR_US)
    with open_ledger(tmp_path / "d.sqlite") as store:
        members = Members(Home(tmp_path), R1.id)
        relay = Relay(
            members,
            Examiner(R1.id, members.records, lambda: NOW_US),
            SIGNER,
            clock,
            store.engine,
            1,
        )
        silent = {x.id: Member(x.record, takes) for x in (R2, R3)}
        async with trio.open_nursery() as nursery:
            nursery.start_soon(relay.run, lambda record: silent[record.registry])
            await trio.sleep(30)
            nursery.cancel_scope.cancel()
        assert not any(member.heard for member in silent.values())


async def test_what_memory_has_no_room_for_is_read_again(
    autojump_clock: trio.testing.MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.relay_links.MAX_WAITING_BYTES", 20_000)
    assert MAX_WAITING_BYTES > 20_000 and MAX_TAKEN
    async with relaying(tmp_path) as r:
        r.members[R2.id].down = True
        logged = [r.commit(among_three(str(i))) for i in range(200)]
        r.relay.decided(logged)
        assert 10 < r.relay.waiting < 100
        await trio.sleep(5)
        r.members[R2.id].down = False
        await trio.sleep(2)
        told = r.members[R2.id].heard
        await until(lambda: len({commit_id(c.descriptor) for c in told}) == 200)
        await trio.sleep(60)
        assert r.relay.waiting == 0


# ------------------------------------------------------------------ who the members are


async def test_a_member_added_while_we_run_hears_of_what_was_decided_before(
    autojump_clock: trio.testing.MockClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with relaying(tmp_path, R2) as r:
        r.relay.decided([r.commit(among_three("a")), r.commit(among_three("a2"))])
        assert [x.args for x in caplog.records] == [(R3.id.hex(),)], "once, for the operator"
        await settle()
        assert r.members[R2.id].heard and not r.members[R3.id].heard
        keep_member(r.home, R3.record)
        await trio.sleep(1.1)
        await until(lambda: len(r.members[R3.id].heard) == 2)
        for file in r.home.members.iterdir():
            file.unlink()
        await trio.sleep(1.1)
        assert r.members[R3.id].closed and r.members[R2.id].closed
        r.relay.decided([r.commit(among_three("b"))])
        await trio.sleep(30)
        assert len(r.members[R3.id].heard) == 2
