"""Shards: one log for each year of the deadline (registry section 10).

The shard follows from the descriptor alone, so that everybody knows in which log a decision stands
before it is made.
"""

from datetime import UTC, date, datetime
from typing import Final

from proto.limits import US

FIRST_SHARD: Final = 1970
LAST_SHARD: Final = 9999  # four digits; what is due later is refused as too far


def shard_of(deadline_us: int) -> int:
    """The year (UTC) in which a transaction is due. `deadline_us` lies in years 1970 to 9999."""
    return datetime.fromtimestamp(deadline_us // US, UTC).year


def shard_end_us(shard: int) -> int:
    """When the next year begins: everything due before it belongs to this shard or an older one."""
    days = date(shard, 12, 31).toordinal() + 1 - date(FIRST_SHARD, 1, 1).toordinal()
    return days * 86_400 * US


def shard_origin(prefix: str, shard: int) -> str:
    """The origin of one shard's log: the record's `log_origin`, a slash, the year."""
    return f"{prefix}/{shard}"
