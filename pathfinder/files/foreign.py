"""Networks out of data that others published: rows of text in, a network out (pure).

Such data knows who has credit with whom, and how much, and nothing of fees and registries. Those
are drawn by a generator that the caller seeds, so that the same data and seed give the same file.
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from pathfinder.files.json_place import shown
from pathfinder.files.network_parse import MAX_LINES, MAX_NODES
from pathfinder.network import Line, Network, Node, name_fault
from proto.fees import Fee, FeeSet
from proto.modes import Mode
from proto.money import SCALE, Rate

MAX_AVAILABLE: Final = 10**12  # published amounts reach 10^41, in currencies of all sizes
MAX_ROW_CHARS: Final = 1000  # five columns are below a hundred
MAX_ROWS: Final = 4_000_000  # those that say nothing included: four for each line there may be
REGISTRIES: Final = ("R1", "R2", "R3")
_COMMENTS: Final = ("#", "%")  # of SNAP, of Matrix Market and KONECT
_NUMBER: Final = re.compile(r"[+-]?\d{1,400}(\.\d{0,400})?([eE][+-]?\d{1,4})?", re.ASCII)
_STEP: Final = SCALE // 10_000  # rates are drawn in hundredths of a percent
# From the safest to the most dangerous, as prices rise.
_MODES: Final = (Mode.ATOMIC, Mode.SECURED, Mode.GATEWAY, Mode.BARE)


class ForeignFault(Exception):
    """A row that is none of its format. `row` counts from 1, those without content included."""

    def __init__(self, row: int, cause: str) -> None:
        super().__init__(row, cause)
        self.row, self.cause = row, cause


class Draw(Protocol):
    """A seeded generator, as `random.Random` is one."""

    def randrange(self, start: int, /) -> int:
        """A number of 0 … start - 1, each as likely."""
        ...


class _Rows:
    """Lines as they are found; nodes in the order in which they are first named."""

    def __init__(self, brand: str) -> None:
        self._brand = brand
        self.nodes: dict[str, None] = {}
        self.lines: dict[tuple[str, str], Line] = {}
        self._where: dict[tuple[str, str], int] = {}

    def pair(self, row: int, promisor: str, promisee: str) -> None:
        """Takes note of two ends. ForeignFault."""
        for name in (promisor, promisee):
            if name not in self.nodes:
                if cause := name_fault(name):
                    raise ForeignFault(row, f"{shown(name)}: {cause}")
                if len(self.nodes) >= MAX_NODES:
                    raise ForeignFault(row, f"a network has at most {MAX_NODES} nodes")
                self.nodes[name] = None
        if promisor == promisee:
            raise ForeignFault(row, f"{shown(promisor)} and itself")
        if (first := self._where.setdefault((promisor, promisee), row)) != row:
            raise ForeignFault(row, f"the same two nodes as in row {first}")

    def line(self, row: int, promisor: str, promisee: str, available: int) -> None:
        """One direction; nothing where it carries nothing. ForeignFault."""
        if available <= 0:
            return
        if len(self.lines) >= MAX_LINES:
            raise ForeignFault(row, f"a network has at most {MAX_LINES} lines")
        ends = (promisor, promisee)
        self.lines[ends] = Line(promisor, promisee, self._brand, available)


def credit_links(rows: Iterable[str], brand: str, draw: Draw) -> Network:
    """Of rows ``nodeA nodeB lower current upper``: A can still promise upper - current to B, and B
    current - lower to A. Amounts are rounded down and cut at `MAX_AVAILABLE`. ForeignFault."""
    found = _Rows(brand)
    for row, columns in _columns(rows):
        if len(columns) != 5:
            raise ForeignFault(row, f"five columns, not {len(columns)}")
        a, b = columns[0], columns[1]
        lower, current, upper = (_number(row, text) for text in columns[2:])
        if not lower <= current <= upper:
            raise ForeignFault(row, "lower is not below current, or current not below upper")
        found.pair(row, a, b)
        found.pair(row, b, a)
        found.line(row, a, b, _natural(upper - current))
        found.line(row, b, a, _natural(current - lower))
    return _network(found, draw)


def edges(rows: Iterable[str], brand: str, draw: Draw, *, both_ways: bool = False) -> Network:
    """Of rows ``from to [available]``, each one direction (or both, with the same amount, which
    is drawn where it is not said). ForeignFault."""
    found = _Rows(brand)
    for row, columns in _columns(rows):
        if len(columns) not in (2, 3):
            raise ForeignFault(row, f"two or three columns, not {len(columns)}")
        a, b = columns[0], columns[1]
        if len(columns) == 3:
            available = _natural(_number(row, columns[2]))
            if available < 0:
                raise ForeignFault(row, f"a negative amount: {shown(columns[2])}")
        else:
            available = (draw.randrange(9) + 1) * 10 ** (draw.randrange(5) + 2)
        for ends in ((a, b), (b, a)) if both_ways else ((a, b),):
            found.pair(row, *ends)
            found.line(row, *ends, available)
    return _network(found, draw)


def _columns(rows: Iterable[str]) -> Iterable[tuple[int, list[str]]]:
    for row, text in enumerate(rows, 1):
        if row > MAX_ROWS:
            raise ForeignFault(row, f"more than {MAX_ROWS} rows")
        if len(text) > MAX_ROW_CHARS:
            raise ForeignFault(row, f"a row of more than {MAX_ROW_CHARS} characters")
        if text.startswith(_COMMENTS) or not (columns := text.replace(",", " ").split()):
            continue
        yield row, columns


def _number(row: int, text: str) -> float:
    # "nan", "inf", "1_0" and digits of other scripts are numbers to Python alone.
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise ForeignFault(row, f"{shown(text)} is no number")
    return value


def _natural(value: float) -> int:
    return math.floor(min(value, MAX_AVAILABLE))


def _network(found: _Rows, draw: Draw) -> Network:
    if not found.nodes:
        raise ForeignFault(0, "holds no rows")
    return Network(
        registries=REGISTRIES,
        nodes=tuple(_drawn(name, draw) for name in found.nodes),
        lines=tuple(found.lines.values()),
    )


def _drawn(name: str, draw: Draw) -> Node:
    """Four in five accept each registry, three in four watch, one in ten refuses some modes."""
    accepts = frozenset(r for r in REGISTRIES if draw.randrange(5))
    watches = draw.randrange(4) > 0
    fees = _drawn_fees(draw)
    if not draw.randrange(10):
        kept = 1 + draw.randrange(len(_MODES) - 1)
        fees = {mode: fees[mode] for mode in _MODES[:kept]}
    return Node(name, accepts=accepts, watches_registry=watches, fees=FeeSet(fees))


def _drawn_fees(draw: Draw) -> Mapping[Mode, Fee]:
    """Each mode asks as much as the safer one, and up to 0.25 % and 3 units more."""
    made: dict[Mode, Fee] = {}
    nano, flat = SCALE, 0
    for mode in _MODES:
        nano += draw.randrange(26) * _STEP
        flat = min(9, flat + draw.randrange(4))
        made[mode] = Fee(Rate(nano), flat)
    return made
