"""How levels, modes and registry lists look: each by colour and, for black and white, by form.

The colours are those of Okabe and Ito, which people who cannot tell red from green can tell apart;
some are darkened until they stand out from white paper.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from proto.levels import Level
from proto.modes import Mode


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line. `dashes`: lengths on and off, in multiples of the width; empty = solid."""

    colour: str
    dashes: tuple[float, ...]
    points: float = 2.2


@dataclass(frozen=True, slots=True)
class Fill:
    """A node: `marker` and `hatch` as matplotlib writes them."""

    colour: str
    marker: str
    hatch: str = ""


LEVEL_STROKES: Final[Mapping[Level, Stroke]] = MappingProxyType(
    {
        Level.ATOMIC: Stroke("#0072b2", (), 2.6),
        Level.SECURED: Stroke("#00795a", (5, 1.6)),
        Level.PROXY: Stroke("#8f4a7d", (5, 1.5, 1, 1.5)),
        Level.BARE: Stroke("#c04000", (1, 1.3)),
    }
)
MODE_FILLS: Final[Mapping[Mode, Fill]] = MappingProxyType(
    {
        Mode.ATOMIC: Fill("#a9d4ee", "o", ""),
        Mode.SECURED: Fill("#7fd6b8", "s", "///"),
        Mode.GATEWAY: Fill("#f4d35e", "D", "xxx"),
        Mode.BARE: Fill("#ef9a6b", "^", "..."),
    }
)
END_FILL: Final = Fill("#303030", "p")
"""Payer and payee: they have no mode."""

LIST_FILLS: Final = (
    Fill("#0072b2", "o"),
    Fill("#e69f00", "s"),
    Fill("#009e73", "D"),
    Fill("#cc79a7", "^"),
    Fill("#56b4e9", "v"),
)
"""Registry lists, the most frequent first."""
OTHER_LIST: Final = Fill("#ffffff", "P")
NO_LIST: Final = Fill("#d0d0d0", "X")

INK: Final = "#1a1a1a"
GREY: Final = "#a6a6a6"  # lines that no promise uses
PALE: Final = "#5f5f5f"  # text that is not the matter
PAPER: Final = "#ffffff"
