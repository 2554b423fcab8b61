"""What has gone wrong where and when: without trouble there is no excuse for a loss."""

from dataclasses import dataclass, field
from typing import Final

SECOND_US: Final = 1_000_000
# After trouble has passed it is felt a little longer: a link is dialled again, a queue drains.
FELT_US: Final = 15 * SECOND_US
FOR_EVER: Final = 10**15

Place = tuple[str, ...]
"""("node", X), ("wire", X, Y) sorted, ("road", X, R) or ("registry", R)."""


def wire(one: str, other: str) -> Place:
    """Between two nodes, in whichever order they are named."""
    return ("wire", *sorted((one, other)))


@dataclass(slots=True)
class Troubles:
    """Spans of virtual time, by place."""

    _spans: dict[Place, list[tuple[int, int]]] = field(default_factory=dict)
    _open: dict[Place, int] = field(default_factory=dict)

    def during(self, place: Place, from_us: int, for_us: int) -> None:
        """It begins and is known to end."""
        self._spans.setdefault(place, []).append((from_us, from_us + for_us + FELT_US))

    def begins(self, place: Place, at_us: int) -> None:
        """It begins, and nobody knows for how long."""
        self._open.setdefault(place, at_us)

    def ends(self, place: Place, at_us: int) -> None:
        """What has begun is over."""
        began_us = self._open.pop(place, None)
        if began_us is not None:
            self.during(place, began_us, at_us - began_us)

    def touches(self, places: list[Place], from_us: int, to_us: int) -> bool:
        """Whether one of the places was in trouble at some time of a span."""
        for place in places:
            if place in self._open and self._open[place] <= to_us:
                return True
            for began_us, ended_us in self._spans.get(place, ()):
                if began_us <= to_us and ended_us >= from_us:
                    return True
        return False
