"""SIGKILL between any two steps of a decision, and clocks that jump: one outcome for each id.

Every statement that was ever received is compared with what the registry says in the end.
"""

import os
import shutil
import signal
import subprocess
import time
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from node.command.sim.cast import SECOND
from proto.policy import single
from proto.registry_record import read_record
from proto.statement import Statement
from proto.v1 import registry_pb2 as rpb
from registry.home import Home, create
from runtime.rpc_client import RpcChannel
from tests.cluster import Cluster
from tests.proto.build import make_commit
from tests.registry.build import descriptor
from tests.registry.dying import OFFSET
from tests.registry.serving import CONFIG, commit_item, query_item
from tests.registry.test_daemon import Load, channel_to, decide, process

pytestmark = [pytest.mark.edge, pytest.mark.e2e]

DYING = "tests.registry.dying"
ON_A_FILE = [("inserted", 2), ("logged", 5), ("committed", 2), ("signed", 3)]
ON_A_SERVER = [("with the lease", 4), ("logged", 2), ("committed", 2)]
IDS = 72  # of each load: six frames by four callers
HOUR_US = 3600 * SECOND


def found(path: Path, **settings: object) -> Home:
    config = replace(CONFIG, examiners=0, **settings)  # type: ignore[arg-type]
    create(path, config, 1, 1, time.time_ns() // 1000, os.urandom)
    return Home(path)


async def race_to_death(home: Home, running: subprocess.Popen[str], loads: list[Load]) -> None:
    """Everybody asks until it is gone; whoever gets an answer keeps it."""
    record = read_record(home.record.read_bytes())
    async with channel_to(record) as channel, trio.open_nursery() as nursery:

        async def load_it() -> None:
            await loads[-1].race(channel, trio.Event())
            while running.poll() is None:  # another process may have been faster
                loads.append(Load(record.registry, IDS))
                await loads[-1].race(channel, trio.Event())

        nursery.start_soon(load_it)
        await trio.to_thread.run_sync(running.wait, abandon_on_cancel=True)
        nursery.cancel_scope.cancel()
    assert running.returncode == -signal.SIGKILL


async def all_agree(channel: RpcChannel, loads: list[Load]) -> list[int]:
    """Asks for everything, decides what is left, and compares; gives the indices in the log."""
    indices = []
    for load in loads:
        before = dict(load.told)
        for answer in await decide(channel, [query_item(d) for d in load.descriptors]):
            if answer.HasField("final"):
                load.heard(answer)
            else:
                assert answer.commit_id not in before, "a decision was lost"
        if len(load.told) < IDS:
            await load.race(channel, trio.Event())
        assert len(load.told) == IDS
        assert before.items() <= load.told.items()
        for data in load.told.values():
            said = Statement.decode(rpb.Answer.FromString(data).final.statement)
            indices.append(said.log_index)
    return sorted(indices)


async def test_killed_between_any_two_steps(tmp_path: Path) -> None:
    home = found(tmp_path / "r")
    loads = []
    with trio.fail_after(120):
        for point, nth in ON_A_FILE:
            with process(home, DYING, point, str(nth)) as running:
                loads.append(Load(read_record(home.record.read_bytes()).registry, IDS))
                await race_to_death(home, running, loads)
        with process(home):
            async with channel_to(read_record(home.record.read_bytes())) as channel:
                indices = await all_agree(channel, loads)
    assert any(load.told for load in loads), "nothing was told before the end, nothing was shown"
    assert indices == list(range(3, 3 + IDS * len(loads))), "two keys, a fence, and no gap"


async def test_a_replica_is_killed_and_the_other_goes_on(server: Cluster, tmp_path: Path) -> None:
    one = found(tmp_path / "one", database=server.fresh())
    other = Home(tmp_path / "other")
    shutil.copytree(one.path, other.path)
    loads = []
    with trio.fail_after(120), process(other, DYING, "-", "0"):
        async with AsyncExitStack() as stack:
            record = read_record(other.record.read_bytes())
            beside = await stack.enter_async_context(channel_to(record))
            for point, nth in ON_A_SERVER:
                load = Load(record.registry, IDS)
                loads.append(load)
                with process(one, DYING, point, str(nth)) as running:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(race_to_death, one, running, loads)
                        nursery.start_soon(load.race, beside, trio.Event())
                assert len(load.told) == IDS, f"the other stopped as well at {point}"
            with process(one):
                again = await stack.enter_async_context(
                    channel_to(read_record(one.record.read_bytes()))
                )
                first, second = await all_agree(beside, loads), await all_agree(again, loads)
    assert first == second == list(range(3, 3 + IDS * len(loads)))


class Moved:
    """A registry in a process whose clock is set by a file."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.registry = read_record(home.record.read_bytes()).registry

    def clock(self, offset_us: int) -> None:
        draft = self.home.path / f"{OFFSET}.new"
        draft.write_text(str(offset_us))
        draft.replace(self.home.path / OFFSET)

    async def ask(self, *items: rpb.DecideItem) -> list[rpb.Answer]:
        async with channel_to(read_record(self.home.record.read_bytes())) as channel:
            return await decide(channel, list(items))


def refusals(answers: list[rpb.Answer]) -> set[int]:
    return {answer.refusal.reason for answer in answers if answer.HasField("refusal")}


async def test_a_clock_that_jumps_in_a_running_registry(tmp_path: Path) -> None:
    """Forward it refuses what is not late: wrong, and final. Back, it decides nothing until the
    time that it once showed has come again, after a restart too."""
    moved = Moved(found(tmp_path / "r"))
    now_us = time.time_ns() // 1000
    aborted, committed, new = (
        descriptor(x, policy=single(moved.registry), deadline_us=now_us + 600 * SECOND)
        for x in ("aborted", "committed", "new")
    )
    far = descriptor("far", policy=single(moved.registry), deadline_us=now_us + 3 * HOUR_US)
    with trio.fail_after(90), ExitStack() as stack:
        stack.enter_context(process(moved.home, DYING, "-", "0"))
        (stamp,) = await moved.ask(commit_item(make_commit(committed)))
        moved.clock(HOUR_US)
        (refused,) = await moved.ask(query_item(aborted))
        told = {a.commit_id: a.final.statement for a in (stamp, refused)}
        assert all(told.values())
        for offset_us in (HOUR_US, 0, -HOUR_US):
            moved.clock(offset_us)
            answers = await moved.ask(
                commit_item(make_commit(aborted)), query_item(committed), query_item(aborted)
            )
            assert {a.commit_id: a.final.statement for a in answers} == told
            if offset_us < HOUR_US:
                assert refusals(await moved.ask(commit_item(make_commit(new)))) == {
                    rpb.CLOCK_UNSAFE
                }
    moved.clock(0)
    with trio.fail_after(90), process(moved.home, DYING, "-", "0"):
        answers = await moved.ask(query_item(committed), query_item(aborted))
        assert {a.commit_id: a.final.statement for a in answers} == told
        assert refusals(await moved.ask(commit_item(make_commit(far)))) == {rpb.CLOCK_UNSAFE}
        moved.clock(HOUR_US + SECOND)
        (answer,) = await moved.ask(commit_item(make_commit(far)))
        assert answer.HasField("final")
