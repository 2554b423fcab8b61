"""Under which rules all payers route: any mix of levels, or one level for every promise."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from proto.levels import Level

MIXED: Final = "MIXED"
REGIMES: Final[Mapping[str, frozenset[Level]]] = MappingProxyType(
    {
        MIXED: frozenset(Level),
        # All atomic or nothing, as the mode that Interledger gave up: one notary for everybody.
        "ATOMIC": frozenset({Level.ATOMIC}),
        "BARE": frozenset({Level.BARE}),
        "SECURED": frozenset({Level.SECURED}),
    }
)
DEFAULT_REGIMES: Final = (MIXED, "ATOMIC", "BARE")
