"""What one part of the net may ask for: the bucket is looked at before any signature (section 10).

A commit that was announced and admitted costs nothing: refusing it would force an abort, and its
place was paid for when it was announced. One place is no licence to have evidence checked without
end: whoever shows bad evidence for it pays from then on, as everybody does for the rest.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final, TypeVar

from registry.asks import Ask, AskCommit
from registry.calendar import Calendar
from registry.examine import read_subject
from registry.log import Reason, Refused, Subject
from runtime.buckets import LOCAL, US, Buckets

T = TypeVar("T")
MAX_SPOILED: Final = 65_536  # some 10 MB; whoever is forgotten may spoil its place once more
ITEM: int = 1  # tokens: a look-up, some hashing and at most a few signatures
HOUR_US: Final = 3600 * US


def announcement_cost(deadline_us: int, now_us: int) -> int:
    """What reserving a place costs, in tokens: dearer the longer it is kept from others."""
    return 1 + max(0, deadline_us - now_us) // HOUR_US


class Quota:
    """Owned by trio. `now_us` is monotonic."""

    def __init__(self, buckets: Buckets, calendar: Calendar) -> None:
        self._buckets = buckets
        self._calendar = calendar
        self._spoiled: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    def within(
        self, asks: Sequence[Ask | Refused], prefix: str, now_us: int
    ) -> list[Ask | Refused]:
        """The asks, those beyond the quota refused: `figure` is then how many µs to wait."""
        if prefix == LOCAL or self._buckets.is_exempt(prefix):
            return list(asks)
        free: set[bytes] = set()  # the same commit twice in one call is checked for pay
        return [self._one(ask, prefix, now_us, free) for ask in asks]

    def spoil(self, prefix: str, commit_id: bytes) -> None:
        """Bad evidence came from there for an admitted commit: it is not free from there again."""
        self._spoiled[prefix, commit_id] = None
        if len(self._spoiled) > MAX_SPOILED:
            self._spoiled.popitem(last=False)

    def may_keep(self, prefix: str, deadline_us: int, as_of_us: int, now_us: int) -> bool:
        """Whether a place so far ahead is paid for, beyond what asking for it has cost."""
        further = announcement_cost(deadline_us, as_of_us) - ITEM
        return further == 0 or self._buckets.take(prefix, further, now_us)

    def _one(self, ask: Ask | Refused, prefix: str, now_us: int, free: set[bytes]) -> Ask | Refused:
        if isinstance(ask, Refused) or self._is_free(ask, prefix, free):
            return ask
        if self._buckets.take(prefix, ITEM, now_us):
            return ask
        return Refused(Reason.OVER_QUOTA, self._buckets.wait_us(prefix, ITEM, now_us))

    def _is_free(self, ask: Ask, prefix: str, free: set[bytes]) -> bool:
        if not isinstance(ask, AskCommit):
            return False
        subject = read_subject(ask.descriptor)
        if not isinstance(subject, Subject) or not self._calendar.holds(*subject.key):
            return False
        if subject.commit_id in free or (prefix, subject.commit_id) in self._spoiled:
            return False
        free.add(subject.commit_id)
        return True
