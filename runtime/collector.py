"""The cyclic garbage collector of a daemon: rarely, and not over what lives as long as we do."""

import gc
from typing import Final

# Net allocations between two young collections. Python's default of 700 collected so often that a
# busy node spent 40 % of its time looking for cycles among rows, which have none.
YOUNG: Final = 50_000
MIDDLE: Final = 20  # young collections between two middle ones
OLD: Final = 50  # middle ones between two full ones: a full one looks at every row in memory


def calm_collector() -> None:
    """Called once, when everything that a daemon keeps for its life has been made."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
