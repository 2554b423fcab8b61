"""Processes that check commits: what they find, and what happens when one dies."""

import io
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from node.command.sim.cast import NOW_US, R1, R2, SECOND, digest
from proto.commit import Evidence
from proto.limits import MAX_EVIDENCE_BYTES
from proto.policy import RegistryPolicy
from registry.examine_frames import (
    LENGTH_BYTES,
    READY,
    Employer,
    Findings,
    Shown,
    Verdict,
    decode_commits,
    decode_findings,
    encode_commits,
    encode_findings,
    framed,
    join,
    split,
)
from registry.examine_pool import ExaminerPool
from registry.examine_process import serve
from registry.store import open_ledger
from runtime.clock import FakeClock
from runtime.handover import DaemonCrash
from tests.patience import PATIENCE_S
from tests.proto.build import committed_leaf, make_commit
from tests.registry.build import ERROR_US, commit_shown, descriptor, open_registry, subject

GOOD = Findings(Verdict.SATISFIED)
BAD = Findings(Verdict.UNSATISFIED)


def good(label: str) -> Shown:
    commit = make_commit(descriptor(label))
    return commit.descriptor, commit.evidence


def stolen(label: str) -> Shown:
    """The evidence of another transaction."""
    return good(label)[0], good(label + " of somebody else")[1]


def employer(database: Path) -> Employer:
    return Employer(R1.id, f"sqlite:///{database}", (R1.record.signed,))


def now() -> int:
    return NOW_US


# ---------------------------------------------------------------- frames


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_parts_come_apart_as_they_were(parts: list[bytes]) -> None:
    assert split(join(parts)) == parts


@given(st.lists(st.tuples(st.binary(max_size=50), st.binary(max_size=50)), max_size=9))
def test_commits_travel(shown: list[Shown]) -> None:
    assert decode_commits(encode_commits(shown, NOW_US)) == (shown, NOW_US)


def test_findings_travel() -> None:
    findings = [GOOD, BAD, Findings(Verdict.INVALID), Findings(Verdict.SATISFIED, 15)]
    assert decode_findings(encode_findings(findings), 4) == findings


@pytest.mark.parametrize("data", [b"", b"\2", b"\2\0\2", b"\3\0"], ids=repr)
def test_findings_that_are_none_are_our_bug(data: bytes) -> None:
    with pytest.raises((AssertionError, ValueError)):
        decode_findings(data, 1)


# ---------------------------------------------------------------- the process, without one


def ask_serve(database: Path, *frames: list[Shown]) -> list[bytes]:
    requests = b"".join(framed(encode_commits(frame, NOW_US)) for frame in frames)
    answers = io.BytesIO()
    serve(io.BytesIO(framed(employer(database).encode()) + requests), answers)
    data, said = answers.getvalue(), []
    while data:
        end = LENGTH_BYTES + int.from_bytes(data[:LENGTH_BYTES], "big")
        said.append(data[LENGTH_BYTES:end])
        data = data[end:]
    assert said.pop(0) == READY
    return said


@pytest.mark.edge
def test_what_it_finds_out(tmp_path: Path) -> None:
    path = tmp_path / "decisions.sqlite"
    decided = subject(descriptor("decided"))
    with open_registry(path, FakeClock(NOW_US, ERROR_US)) as registry:
        registry.decider.answer([commit_shown(decided)])
        other_policy = replace(descriptor("elsewhere").policy, members=(digest("other"),))
        frame = [
            good("one"),
            stolen("two"),
            (b"no descriptor", b""),
            (good("three")[0], bytes(MAX_EVIDENCE_BYTES + 1)),
            (make_commit(descriptor("elsewhere", policy=other_policy)).descriptor, b""),
            # Decided: its evidence is true, and nobody looks at it.
            (decided.data, make_commit(decided.descriptor).evidence),
        ]
        first, second = ask_serve(path, frame, [good("four")])
    found = decode_findings(first, len(frame))
    assert found == [GOOD, BAD, Findings(Verdict.INVALID), BAD, BAD, BAD]
    assert decode_findings(second, 1) == [GOOD]


@pytest.mark.edge
def test_without_a_database_signatures_are_checked_all_the_same(tmp_path: Path) -> None:
    (said,) = ask_serve(tmp_path / "nowhere" / "decisions.sqlite", [good("one"), stolen("two")])
    assert decode_findings(said, 2) == [GOOD, BAD]


@pytest.mark.edge
def test_half_a_frame_is_not_answered(tmp_path: Path) -> None:
    path = tmp_path / "decisions.sqlite"
    with open_ledger(path):
        whole = framed(employer(path).encode()) + framed(encode_commits([good("one")], NOW_US))
        answers = io.BytesIO()
        serve(io.BytesIO(whole[:-1]), answers)
    assert answers.getvalue() == framed(READY)


# ---------------------------------------------------------------- real processes


@asynccontextmanager
async def at_work(path: Path, count: int = 1) -> AsyncIterator[ExaminerPool]:
    with open_ledger(path / "decisions.sqlite"), trio.fail_after(PATIENCE_S):
        async with ExaminerPool.open(
            partial(employer, path / "decisions.sqlite"), now, count
        ) as pool:
            await started(pool)
            yield pool


async def started(pool: ExaminerPool) -> None:
    assert await pool.examine([good("starts them")]) is None
    while not pool.ready:
        await trio.lowlevel.checkpoint()


def children() -> set[int]:
    tasks = Path("/proc/self/task").glob("*/children")
    return {int(word) for task in tasks for word in task.read_text().split()}


@pytest.mark.edge
async def test_several_callers_get_their_own_answers(tmp_path: Path) -> None:
    before = children()
    found: dict[int, list[Findings] | None] = {}

    async def ask(number: int) -> None:
        shown = [stolen(f"{number} {i}") if i % 3 == number % 3 else good(f"{number} {i}")
                 for i in range(number + 1)]  # fmt: skip
        found[number] = await pool.examine(shown)

    async with at_work(tmp_path, 2) as pool:
        assert len(children() - before) == 2
        async with trio.open_nursery() as nursery:
            for number in range(12):
                nursery.start_soon(ask, number)
        assert await pool.examine([]) == []
        # More than one process's share, and an odd number of them.
        many = [stolen(f"many {i}") if i % 7 == 0 else good(f"many {i}") for i in range(101)]
        assert await pool.examine(many) == [GOOD if i % 7 else BAD for i in range(101)]
    for number, findings in found.items():
        assert findings == [BAD if i % 3 == number % 3 else GOOD for i in range(number + 1)]
    assert children() - before == set(), "they ended with the block"


@pytest.mark.edge
async def test_a_caller_that_gives_up_spoils_nothing(tmp_path: Path) -> None:
    async with at_work(tmp_path) as pool:
        with trio.move_on_after(0):
            await pool.examine([good(f"given up {i}") for i in range(100)])
        assert await pool.examine([stolen("next"), good("next")]) == [BAD, GOOD]


@pytest.mark.edge
async def test_a_death_ends_the_daemon_and_decides_nothing(tmp_path: Path) -> None:
    before = children()
    answered: list[object] = []
    with pytest.raises(DaemonCrash, match="examining"):
        async with at_work(tmp_path) as pool:
            (pid,) = children() - before
            os.kill(pid, signal.SIGSTOP)
            async with trio.open_nursery() as nursery:

                async def ask() -> None:
                    answered.append(await pool.examine([good("lost")]))

                nursery.start_soon(ask)
                await trio.testing.wait_all_tasks_blocked()
                os.kill(pid, signal.SIGKILL)
                await trio.sleep_forever()
    assert answered == [] and children() - before == set()


@pytest.mark.edge
async def test_signals_to_the_whole_family_are_its_head_s_business(tmp_path: Path) -> None:
    before = children()
    async with at_work(tmp_path) as pool:
        (pid,) = children() - before
        os.kill(pid, signal.SIGINT)
        os.kill(pid, signal.SIGTERM)
        assert await pool.examine([good("still there")]) == [GOOD]


@pytest.mark.edge
async def test_a_process_that_cannot_be_started_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("registry.examine_pool.sys.executable", str(tmp_path / "nothing"))
    tell = partial(employer, tmp_path / "no.sqlite")
    with trio.fail_after(PATIENCE_S):
        async with ExaminerPool.open(tell, now, 1) as pool:
            while "without a process" not in caplog.text:
                assert await pool.examine([good("one")]) is None
                await trio.lowlevel.checkpoint()
            assert not pool.ready


@pytest.mark.edge
async def test_no_processes_where_none_are_wanted(tmp_path: Path) -> None:
    before = children()
    async with ExaminerPool.open(partial(employer, tmp_path / "no.sqlite"), now, 0) as pool:
        assert await pool.examine([good("one")]) is None
        assert children() == before


@pytest.mark.edge
async def test_a_member_s_new_record_counts_from_then_on(tmp_path: Path) -> None:
    policy = RegistryPolicy((R1.id, R2.id), 2, 1, 0, 2 * SECOND)
    d = descriptor("of two", policy=policy)
    commit = make_commit(d)
    theirs = R2.sign_statement(committed_leaf(commit, d).encode())
    evidence = replace(Evidence.decode(commit.evidence), relayed=(theirs.encode(),)).encode()
    path = tmp_path / "decisions.sqlite"
    known: list[bytes] = []
    with open_ledger(path), trio.fail_after(PATIENCE_S):

        def tell() -> Employer:
            return Employer(R1.id, f"sqlite:///{path}", tuple(known))

        async with ExaminerPool.open(tell, now, 1) as pool:
            await started(pool)
            assert await pool.examine([(d.encode(), evidence)]) == [GOOD]
            known.append(R2.record.signed)
            assert await pool.examine([(d.encode(), evidence)]) == [Findings(GOOD.verdict, 1)]
