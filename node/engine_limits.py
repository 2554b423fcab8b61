"""How much an engine takes on at a time."""

from typing import Final

MAX_BURST: Final = 512  # items in a group: more would delay the first without gaining anything
MAX_GROUPS_AHEAD: Final = 4  # of the disk: beyond it a slow one is waited for, and nothing is read
MAX_ROWS_AT_ONCE: Final = 16  # of a lone message; a larger group gains from being overtaken
MAX_SLEEP_S: Final = 1.0  # with timers set: a wall clock that is stepped forward is noticed
MAX_QUEUE: Final = 65_536  # beyond it the owner's requests are refused; streams wait by themselves
MAX_FORGOTTEN: Final = 256  # acknowledged messages whose rows wait for company to be deleted
