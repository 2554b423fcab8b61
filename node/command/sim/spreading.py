"""Many runs over some processes, none of which grows old."""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from typing import Final, TypeVar

from runtime.collector import calm_collector

Given = TypeVar("Given")
Made = TypeVar("Made")

RUNS_EACH: Final = 20  # of one process, before others take the place of all


def spread(
    one: Callable[[Given], Made], given: Iterable[Given], workers: int, each: int = RUNS_EACH
) -> Iterator[Made]:
    """What `one` makes of each, in their order, as they come; the caller may stop at any time.

    `one` must be a function of a module. With one worker it runs here. `each`: runs of a process.
    Processes are replaced all together: `max_tasks_per_child` leaves a pool of CPython 3.11 without
    any, for ever, where more runs wait than its first processes may do (gh-115634).
    """
    if workers == 1:
        calm_collector()
        yield from map(one, given)
        return
    # Spawned, not forked: threads of gRPC in this process must not be copied half-way.
    context, left = multiprocessing.get_context("spawn"), iter(given)
    while some := tuple(islice(left, each * workers)):
        with ProcessPoolExecutor(workers, context, calm_collector) as pool:
            try:
                yield from pool.map(one, some)
            finally:
                pool.shutdown(cancel_futures=True)
