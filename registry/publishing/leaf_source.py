"""Where the publisher reads the log from: the database's entries, exact bytes, in order."""

from collections.abc import Sequence
from typing import Final, Protocol

from registry.log import Logged
from registry.tables import OLD_SHARD

BARE_SHARD: Final = OLD_SHARD  # its origin is the bare prefix


class LeafSource(Protocol):
    """A reading connection of the publisher's own."""

    def shards(self) -> Sequence[int]:
        """The shards that have entries."""
        ...

    def log_size(self, shard: int) -> int:
        """How many entries a shard has."""
        ...

    def mark_us(self) -> int:
        """When somebody who decides last said that nothing of his is on its way: µs UTC."""
        ...

    def leaves(self, shard: int, start: int, end: int) -> list[bytes]:
        """The leaves [start, end) of a shard, by their bytes."""
        ...


def place_of(logged: Logged) -> tuple[int, int]:
    """(shard, index) of a decision's entry."""
    return logged.shard, logged.index
