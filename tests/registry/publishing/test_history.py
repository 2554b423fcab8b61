"""The checkpoints of the past: few enough to keep, enough to show that each leaf was in time."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.publishing.history import History, Kept, metadata, open_history
from runtime.schema import create_tables
from runtime.store import memory_engine

APART_US = 100


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with open_history(tmp_path / "checkpoints.sqlite", APART_US) as opened:
        yield opened


def kept(size: int, at_us: int, note: bytes = b"") -> Kept:
    return Kept(size, at_us, note or b"note %d" % size)


@pytest.mark.edge
def test_the_first_one_that_covers(history: History) -> None:
    for size, at_us in ((5, 0), (9, 1000), (20, 2000)):
        history.add(2026, kept(size, at_us))
    history.add(2027, kept(3, 5))
    found = [history.first_covering(2026, index) for index in (0, 4, 5, 8, 9, 19)]
    assert [f and f.size for f in found] == [5, 5, 9, 9, 20, 20]
    assert history.first_covering(2026, 20) is None
    assert history.first_covering(2028, 0) is None
    assert history.newest(2026) == kept(20, 2000)
    assert history.newest(2025) is None


@pytest.mark.edge
def test_more_cosignatures_keep_the_time_of_the_first(history: History) -> None:
    history.add(2026, kept(5, 7))
    history.add(2026, kept(5, 900, b"with one more"))
    assert history.newest(2026) == Kept(5, 7, b"with one more")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=24))
def test_every_leaf_is_covered_about_as_soon_as_it_was(waits: list[int]) -> None:
    """Leaf i came with checkpoint i: what is kept covers it at most APART_US later."""
    engine = memory_engine()
    with engine.begin() as connection:
        create_tables(connection, metadata)
    history = History(engine, APART_US)
    at_us, times = 0, []
    for size, wait in enumerate(waits, start=1):
        at_us += wait
        times.append(at_us)
        history.add(2026, kept(size, at_us))
        for index, came_us in enumerate(times):
            covering = history.first_covering(2026, index)
            assert covering is not None and covering.at_us - came_us <= APART_US
    covering = (history.first_covering(2026, index) for index in range(len(times)))
    sizes = {found.size for found in covering if found is not None}
    # At most two within any APART_US, and the last.
    assert len(sizes) <= 2 * (at_us // APART_US + 1) + 1
    engine.dispose()
