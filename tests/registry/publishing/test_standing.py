"""At the start: is this the database that witnesses, and our own tiles, remember?"""

from pathlib import Path

import pytest

from registry.publishing.standing import LogSetBack
from tests.registry.publishing.running import LOG, Leaves, Running, plan_of, publishing
from tests.registry.publishing.witnesses import Loopback
from tests.registry.witness.cases import YEAR

pytestmark = pytest.mark.edge


def test_nothing_is_signed_before_a_quorum_has_been_asked(
    tmp_path: Path, witnesses: list[Loopback], caplog: pytest.LogCaptureFixture
) -> None:
    for witness in witnesses:
        witness.down = True
    witnesses[0].down = False
    with publishing(plan_of(tmp_path / "log", *witnesses, quorum=2), Leaves(3)) as running:
        running.until(lambda: "1 of 2 witnesses needed" in caplog.text)
        assert not running.coverage.checked
        assert running.coverage.stalled(), "nothing is decided by a database that may be old"
        assert not (running.folder() / "checkpoint").exists()
        assert witnesses[0].asked == []
        witnesses[1].down = False
        running.until(lambda: running.covered(3))
        assert not running.coverage.stalled()


def test_one_witness_of_many_may_be_the_only_one_that_remembers(
    tmp_path: Path, witnesses: list[Loopback], caplog: pytest.LogCaptureFixture
) -> None:
    """Where few suffice for a checkpoint, many are asked: its few may be down just now."""
    for witness in witnesses[1:]:
        witness.down = True
    with publishing(plan_of(tmp_path / "one", witnesses[0], quorum=1), Leaves(9)) as running:
        running.until(lambda: running.covered(9))
    witnesses[0].down, witnesses[1].down, witnesses[2].down = True, False, False
    plan = plan_of(tmp_path / "new", *witnesses, quorum=1)
    with publishing(plan, Leaves(8)) as running:
        running.until(lambda: "2 of 3 witnesses needed" in caplog.text or running.covered(8))
        assert running.coverage.stalled()
        witnesses[0].down = False
        assert "cosigned 9: an old copy" in ended_with(running)


def ended_with(running: Running) -> str:
    running.until(lambda: running.ended)
    assert isinstance(running.fault, LogSetBack), running.fault
    assert running.coverage.stalled()
    return str(running.fault)


def test_an_old_copy_of_the_database_is_refused(tmp_path: Path, witnesses: list[Loopback]) -> None:
    """The log folder is gone with the disk; only the witnesses remember."""
    with publishing(plan_of(tmp_path / "log", *witnesses, quorum=2), Leaves(9)) as running:
        running.until(lambda: running.covered(9))
    for size in (0, 8):
        with publishing(
            plan_of(tmp_path / f"new{size}", *witnesses, quorum=2), Leaves(size)
        ) as running:
            told = ended_with(running)
            assert told.startswith(f"decisions.sqlite: has {size} entries of log {LOG.origin}")
            assert "cosigned 9: an old copy of the database must not decide" in told
        assert not (tmp_path / f"new{size}" / str(YEAR) / "checkpoint").exists()


def test_another_log_of_the_same_length_is_refused(
    tmp_path: Path, witnesses: list[Loopback]
) -> None:
    with publishing(plan_of(tmp_path / "log", *witnesses, quorum=2), Leaves(9)) as running:
        running.until(lambda: running.covered(9))
    other = Leaves(12, word="other")
    with publishing(plan_of(tmp_path / "new", *witnesses, quorum=2), other) as running:
        assert "the first 9 entries" in ended_with(running)


def test_without_witnesses_the_published_tiles_remember(tmp_path: Path) -> None:
    plan = plan_of(tmp_path / "log")
    with publishing(plan, Leaves(9)) as running:
        running.until(lambda: running.covered(9))
    with publishing(plan, Leaves(8)) as running:
        assert "has published 9" in ended_with(running)
    with publishing(plan, Leaves(12, word="other")) as running:
        assert "before 9 are not those" in ended_with(running)
    with publishing(plan, Leaves(12)) as running:
        running.until(lambda: running.covered(12))
