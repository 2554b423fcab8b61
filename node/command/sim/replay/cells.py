"""All regimes at all shares, one after another or in several processes: the same figures."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import groupby
from multiprocessing import active_children, get_context
from signal import SIG_IGN, SIGINT, signal
from typing import Final

from node.command.sim.replay.outcome import Outcome
from node.command.sim.replay.regimes import REGIMES
from node.command.sim.replay.replaying import Cell, Replaying
from node.command.sim.replay.summary import Summary, common_to, summarise
from node.command.sim.replay.terrain import Terrain
from node.command.sim.replay.wishes import Wish

TOLD_EVERY: Final = 10  # payments between two words to whoever waits

Ground = tuple[Terrain, Sequence[Wish]]

_ground: list[Ground] = []  # of a worker process, made once as it starts


class Broken(Exception):
    """A rule of the protocol was broken in a run; the text says where, and which."""


def play_all(
    terrain: Terrain,
    wishes: Sequence[Wish],
    cells: Sequence[Cell],
    workers: int,
    remake: Callable[[], Ground],
    told: Callable[[str], None],
) -> tuple[Summary, ...]:
    """Cells of one share stand together. `remake` gives the same ground in another process.
    `told`: words about how far it is. Raises Broken."""
    # Without a stamp it does not matter who accepts which registry: one run for all shares.
    different = list({_depends_on(cell): cell for cell in reversed(cells)}.values())[::-1]
    played = _runs(terrain, wishes, different, workers, remake, told)
    runs = dict(zip(map(_depends_on, different), played, strict=True))
    return _summaries(cells, [runs[_depends_on(cell)] for cell in cells])


def _depends_on(cell: Cell) -> tuple[str, int]:
    stamped = any(level.needs_stamp or level.late_ok for level in REGIMES[cell.regime])
    return cell.regime, cell.share if stamped else 0


def _runs(
    terrain: Terrain,
    wishes: Sequence[Wish],
    cells: Sequence[Cell],
    workers: int,
    remake: Callable[[], Ground],
    told: Callable[[str], None],
) -> Iterator[tuple[Outcome, ...]]:
    if min(workers, len(cells)) == 1:
        for i, cell in enumerate(cells):
            yield _play(terrain, wishes, cell, _teller(i, cells, len(wishes), told))
        return
    # Not forked: a parent whose libraries have begun threads leaves their locks to its children.
    started, workers = get_context("spawn"), min(workers, len(cells))
    with ProcessPoolExecutor(workers, started, initializer=_remember, initargs=(remake,)) as pool:
        done = 0
        try:
            for run in pool.map(_play_remembered, cells):
                done += 1
                told(f"{done} of {len(cells)} runs of {len(wishes)} payments")
                yield run
        finally:
            if done < len(cells):
                # Somebody has no more patience, or a rule was broken: the rest is not waited for.
                for child in active_children():
                    child.terminate()


def _teller(
    i: int, cells: Sequence[Cell], payments: int, told: Callable[[str], None]
) -> Callable[[int], None]:
    cell = cells[i]

    def tell(done: int) -> None:
        if done % TOLD_EVERY == 0:
            run = f"run {i + 1} of {len(cells)}: {cell.regime} at {cell.share} %"
            told(f"{run}, payment {done} of {payments}")

    return tell


def _play(
    terrain: Terrain, wishes: Sequence[Wish], cell: Cell, told: Callable[[int], None]
) -> tuple[Outcome, ...]:
    try:
        return Replaying(terrain, cell).run(wishes, told)
    except AssertionError as error:
        raise Broken(f"{cell.regime} at {cell.share} %: {error}") from error


def _remember(remake: Callable[[], Ground]) -> None:
    # Who interrupts the command interrupts the parent, and that ends its workers without a word.
    signal(SIGINT, SIG_IGN)
    _ground[:] = [remake()]


def _play_remembered(cell: Cell) -> tuple[Outcome, ...]:
    ((terrain, wishes),) = _ground
    return _play(terrain, wishes, cell, lambda done: None)


def _summaries(cells: Sequence[Cell], runs: Sequence[tuple[Outcome, ...]]) -> tuple[Summary, ...]:
    found = []
    together = zip(cells, runs, strict=True)
    for _, group in groupby(together, key=lambda one: one[0].share):
        played = list(group)
        common = common_to(run for _, run in played)
        found += [summarise(cell.regime, cell.share, run, common) for cell, run in played]
    return tuple(found)
