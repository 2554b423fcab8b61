"""Runs over several processes."""

from node.command.sim.spreading import spread


def test_more_runs_than_the_first_processes_may_do() -> None:
    """In their order, and none is waited for in vain."""
    assert list(spread(abs, range(-9, 0), 2, each=2)) == [9, 8, 7, 6, 5, 4, 3, 2, 1]


def test_whoever_has_seen_enough_stops() -> None:
    results = spread(abs, range(-40, 0), 2, each=20)
    assert next(results) == 40
    results.close()  # type: ignore[attr-defined]


def test_one_worker_is_this_process() -> None:
    assert list(spread(abs, (-1, -2), 1)) == [1, 2]
