"""What one part of the net may ask for: the bucket is looked at before any signature (section 10).

A commit that was announced and admitted costs nothing: refusing it would force an abort, and its
place was paid for when it was announced.
"""

from collections.abc import Sequence
from typing import TypeVar

from registry.asks import Ask, AskCommit
from registry.buckets import LOCAL, Buckets, announcement_cost
from registry.calendar import Calendar
from registry.examine import read_subject
from registry.log import Reason, Refused, Subject

T = TypeVar("T")
ITEM: int = 1  # tokens: a look-up, some hashing and at most a few signatures


class Quota:
    """Owned by trio. `now_us` is monotonic."""

    def __init__(self, buckets: Buckets, calendar: Calendar) -> None:
        self._buckets = buckets
        self._calendar = calendar

    def within(
        self, asks: Sequence[Ask | Refused], prefix: str, now_us: int
    ) -> list[Ask | Refused]:
        """The asks, those beyond the quota refused: `figure` is then how many µs to wait."""
        if prefix == LOCAL or self._buckets.is_exempt(prefix):
            return list(asks)
        return [self._one(ask, prefix, now_us) for ask in asks]

    def may_keep(self, prefix: str, deadline_us: int, as_of_us: int, now_us: int) -> bool:
        """Whether a place so far ahead is paid for, beyond what asking for it has cost."""
        further = announcement_cost(deadline_us, as_of_us) - ITEM
        return further == 0 or self._buckets.take(prefix, further, now_us)

    def _one(self, ask: Ask | Refused, prefix: str, now_us: int) -> Ask | Refused:
        if isinstance(ask, Refused) or self._is_admitted(ask):
            return ask
        if self._buckets.take(prefix, ITEM, now_us):
            return ask
        return Refused(Reason.OVER_QUOTA, self._buckets.wait_us(prefix, ITEM, now_us))

    def _is_admitted(self, ask: Ask) -> bool:
        if not isinstance(ask, AskCommit):
            return False
        subject = read_subject(ask.descriptor)
        return isinstance(subject, Subject) and self._calendar.holds(*subject.key)
