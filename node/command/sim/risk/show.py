"""What was found, for people and as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from node.command.sim.cast import SECOND
from node.command.sim.risk.search import Found
from node.command.sim.risk.table import LOSES_IN, Cell, Faults, Sets
from proto.modes import Loss

NEVER_USED: Final = "such a pair is refused"
LATE_LEAK: Final = "not U, or it waits and (not R or not W)"

LEGEND: Final = (
    "U: X reaches its upstream in time, and the upstream admits it. R: it reaches the registry",
    "in time and is served. W: it watches the registry, as whoever takes such a pair has to.",
    "it waits: the downstream shows an early decision when X's own claim would come too late.",
    "X loses the whole outgoing amount, never more.",
)


_CHOICES: Final = (
    "a choice whenever a rule changes its answer, of what the downstream does and of what arrives"
    " (each message by its margin, where U or R holds); an upstream that is honest, if slow"
)
_FEWEST: Final = "sets of faults that others decide were not searched"
DEPTHS_TOLD: Final = (
    f"{_CHOICES}; clocks that are right; {_FEWEST}",
    f"{_CHOICES}; clocks of X and its upstream wrong by 500 ms either way, or right",
    f"{_CHOICES}, and just before it; clocks that are right; the payer may abandon, X may crash"
    f" and start again; {_FEWEST}",
)
"""What the searches of each depth leave out is what is not said here."""


def words(sets: Sets | None) -> str:
    """When X loses, in the words of the published table."""
    if sets is None:
        return NEVER_USED
    if sets == LOSES_IN[Loss.LATE_LEAK]:
        return LATE_LEAK
    if not sets:
        return "never"
    return ", or ".join(_all_of(faults) for faults in sets)


def _all_of(faults: Faults) -> str:
    return " and ".join(fault.words for fault in sorted(faults)) or "always"


def verdict(cell: Cell) -> str:
    """Whether the cell is as published, and if not, what is in the way."""
    if cell.breach:
        return "BROKEN"
    if not cell.whole:
        return "GAVE UP"
    return "same" if cell.same else "DIFFERS"


def table_lines(cells: Sequence[Cell], *, counts: bool = True) -> list[str]:
    """The table, a line for each pair. `counts`: with the states that were visited."""
    rows = [("X holds", "X gives", "mode", "published: X loses iff", "found: X loses iff", "")]
    numbers = ["states"]
    for cell in cells:
        mode = cell.mode.name if cell.mode is not None else "-"
        # Without a whole search, what was not found may be there all the same.
        unknown = not cell.whole and not cell.found
        shown = words(cell.published), "not known" if unknown else words(cell.found)
        rows.append((cell.incoming.name, cell.outgoing.name, mode, *shown, verdict(cell)))
        numbers.append(f"{cell.states:,}")
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(x.ljust(w) for x, w in zip(row, widths, strict=True)) for row in rows]
    if counts:
        wide = max(map(len, numbers))
        lines = [f"{x}  {n:>{wide}}" for x, n in zip(lines, numbers, strict=True)]
    return [line.rstrip() for line in lines]


def note_lines(cells: Sequence[Cell], depth: int) -> Iterator[str]:
    """What the table cannot say in a cell."""
    for cell in cells:
        pair = f"{cell.incoming.name} to {cell.outgoing.name}"
        if cell.refused is not None and cell.found is not None:
            yield (
                f"{pair}: no chain has it; X refuses it with {cell.refused.name}, so its promises"
                " were put into place by hand."
            )
        elif cell.refused is not None:
            yield f"{pair}: X refuses it with {cell.refused.name}."
        if cell.breach:
            yield f"{pair}: the core found its own books broken: {cell.breach}"
        if not cell.whole:
            yield f"{pair}: a search gave up after as many states as --max-states allows."
    searches, states = sum(c.searches for c in cells), sum(c.states for c in cells)
    whole = "each whole" if all(c.whole for c in cells) else "not all of them whole"
    yield f"{searches} searches, {whole}: {states:,} states, of equal ones one."
    yield f"Depth {depth}: {DEPTHS_TOLD[depth - 1]}."


def schedule_lines(cell: Cell) -> Iterator[str]:
    """For each smallest set of faults the shortest schedule in which X loses."""
    for faults in cell.found or ():
        found = cell.losses.get(faults)
        if found is None or found.loss is None:
            continue
        yield ""
        yield f"{cell.incoming.name} to {cell.outgoing.name}, {_all_of(faults)}:"
        for event in found.loss:
            yield f"  {seconds(event.at_us - found.begun_us):>12}  {event.told}"
        yield f"  {'':>12}  X lost {found.lost}"


def seconds(us: int) -> str:
    """A span with as many decimals as it needs: "9 s", "9.000001 s"."""
    whole, rest = divmod(us, SECOND)
    decimals = f".{rest:06d}".rstrip("0") if rest else ""
    return f"{whole}{decimals} s"


def as_json(cells: Sequence[Cell], depth: int) -> Mapping[str, Any]:
    """The whole answer. Times in microseconds since the promises were made."""
    return {
        "same": all(cell.same for cell in cells),
        "depth": depth,
        "searches": sum(cell.searches for cell in cells),
        "states": sum(cell.states for cell in cells),
        "cells": [_cell_json(cell) for cell in cells],
    }


def _cell_json(cell: Cell) -> Mapping[str, Any]:
    return {
        "incoming": cell.incoming.name,
        "outgoing": cell.outgoing.name,
        "mode": None if cell.mode is None else cell.mode.name,
        "published": _sets_json(cell.published),
        "found": _sets_json(cell.found),
        "same": cell.same,
        "states": cell.states,
        "searches": cell.searches,
        "whole": cell.whole,
        "lost": cell.lost,
        "refused": None if cell.refused is None else cell.refused.name,
        "breach": cell.breach or None,
        "schedules": [
            {"faults": _names(faults), **_found_json(cell.losses[faults])}
            for faults in cell.found or ()
        ],
    }


def _sets_json(sets: Sets | None) -> list[list[str]] | None:
    return None if sets is None else [_names(faults) for faults in sets]


def _names(faults: Faults) -> list[str]:
    return [fault.name for fault in sorted(faults)]


def _found_json(found: Found) -> Mapping[str, Any]:
    events = [
        {"at_us": event.at_us - found.begun_us, "event": event.told.strip()}
        for event in found.loss or ()
    ]
    return {"lost": found.lost, "events": events}
