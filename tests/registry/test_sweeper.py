"""What was announced and lapsed is refused without being asked about (registry section 3)."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import trio
import trio.testing

from node.command.sim.cast import NOW_US, SECOND, digest
from proto.statement import DecisionReason
from registry.calendar import Calendar
from registry.decider import Item
from registry.desk import spread
from registry.hub import Hub
from registry.log import Answer, Lapse, Logged, Reserved
from registry.sweeper import MOST_AT_ONCE, sweep
from runtime.clock import FakeClock
from tests.patience import PATIENCE_S
from tests.proto.build import make_commit
from tests.registry.build import ERROR_US, GUARD_US, OpenRegistry, declinable, open_registry
from tests.registry.serving import commit_item, query_item, serving

pytestmark = pytest.mark.edge

D = NOW_US + 10 * SECOND


class Swept:
    """A decider behind a calendar, as the worker puts it to the sweeper."""

    def __init__(self, opened: OpenRegistry) -> None:
        self.opened = opened
        self.calendar = Calendar(10**6)
        self.groups: list[int] = []

    async def decide(self, items: Sequence[Item]) -> Sequence[Answer]:
        assert all(isinstance(item, Lapse) for item in items)
        self.groups.append(len(items))
        answers = self.opened.decider.answer(items)
        spread(Hub(), self.calendar, [x for x in answers if isinstance(x, Logged)])
        return answers

    async def sweep(self) -> None:
        with trio.fail_after(PATIENCE_S):
            await sweep(self.calendar, self.opened.clock, GUARD_US, self.decide)


async def test_it_refuses_after_a_and_not_before(tmp_path: Path) -> None:
    s = declinable("a")
    with open_registry(tmp_path / "d.sqlite", FakeClock(NOW_US, ERROR_US)) as opened:
        swept = Swept(opened)
        assert swept.calendar.reserve(s.kept)
        opened.clock.set_now(D + GUARD_US + ERROR_US)
        await swept.sweep()
        assert opened.stored(s) is None and len(swept.calendar) == 1
        opened.clock.set_now(D + GUARD_US + ERROR_US + 1)
        await swept.sweep()
        stored = opened.stored(s)
        assert stored is not None
        assert stored.row.leaf.reason is DecisionReason.DEADLINE
        assert opened.ask(s) == stored, "the refusal is the one that an asker would have got"
        assert len(swept.calendar) == 0
        await swept.sweep()
        assert swept.groups == [1]


async def test_many_lapse_in_groups(tmp_path: Path) -> None:
    with open_registry(tmp_path / "d.sqlite", FakeClock(D + 60 * SECOND, ERROR_US)) as opened:
        swept = Swept(opened)
        for i in range(MOST_AT_ONCE + 5):
            assert swept.calendar.reserve(Reserved(digest(f"{i}"), D + i, D + i))
        await swept.sweep()
        assert swept.groups == [MOST_AT_ONCE, 5]
        assert len(swept.calendar) == 0


async def test_an_unsafe_clock_sweeps_nothing_and_does_not_spin(tmp_path: Path) -> None:
    with open_registry(tmp_path / "d.sqlite", FakeClock(D + 60 * SECOND, 10**6)) as opened:
        swept = Swept(opened)
        swept.calendar.reserve(declinable("a").kept)
        await swept.sweep()
        assert swept.groups == [1]
        assert len(swept.calendar) == 1
        opened.clock.set_error(ERROR_US)
        await swept.sweep()
        assert len(swept.calendar) == 0


async def test_the_daemon_sweeps(tmp_path: Path) -> None:
    """Nobody asks, and still the log grows by the refusal."""
    async with serving(tmp_path / "r") as served:
        lapsing, committed = served.descriptor("lapsing"), served.descriptor("committed")
        await served.announce(lapsing, committed)
        await served.decide(commit_item(make_commit(committed)))
        assert len(served.daemon._calendar) == 1
        served.clock.advance(60 * SECOND)
        with trio.fail_after(PATIENCE_S):
            while len(served.daemon._calendar):
                await trio.testing.wait_all_tasks_blocked(0.02)
        (answer,) = await served.decide(query_item(lapsing))
        assert answer.HasField("final")
