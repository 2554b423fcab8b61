"""The shortest plan that still fails: events are left out until every one that is left is needed.

Delta debugging (Zeller, Hildebrandt: Simplifying and isolating failure-inducing input, 2002), over
the events of a plan. What fails is what failed first: another invariant that breaks on the way is
another failure.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from node.command.sim.plan import Action
from node.command.sim.run import Result, run

T = TypeVar("T")

MAX_RUNS: Final = 200  # of a second or so each: beyond it the list is short enough to read


def symptom(result: Result) -> str:
    """What to look for again: the invariant that broke first, or the daemon's own error."""
    if result.violations:
        return f"invariant {result.violations[0].invariant}"
    return result.crashed.partition(":")[0]


def shrink(result: Result, progress: Callable[[int, int], None] = lambda *_: None) -> Result:
    """A result of the same symptom with as few events as can be found.

    `progress` is told how many runs were made, and how many events are left.
    """
    assert not result.sound, "nothing failed"
    wanted, best = symptom(result), result
    runs = 0

    def fails(plan: Sequence[Action]) -> bool:
        nonlocal runs, best
        runs += 1
        course = replace(result.course, plan=plan)
        tried = run(course)
        found = not tried.sound and symptom(tried) == wanted
        if found:
            best = tried
        progress(runs, len(best.course.plan))
        return found

    minimised(list(result.course.plan), fails, lambda: runs < MAX_RUNS)
    return best


def minimised(
    items: list[T], fails: Callable[[list[T]], bool], may_go_on: Callable[[], bool] = lambda: True
) -> list[T]:
    """A part of `items` that still fails, and of which no single item can be left out."""
    parts = 2
    while len(items) >= 2 and may_go_on():
        size = -(-len(items) // parts)
        chunks = [items[i : i + size] for i in range(0, len(items), size)]
        for at in range(len(chunks)):
            rest = [x for i, chunk in enumerate(chunks) if i != at for x in chunk]
            if may_go_on() and fails(rest):
                items, parts = rest, max(parts - 1, 2)
                break
        else:
            if parts >= len(items):
                return items
            parts = min(2 * parts, len(items))
    return items
