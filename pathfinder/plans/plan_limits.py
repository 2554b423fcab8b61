"""What every plan of several chains keeps."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What every plan keeps: parts, whole units in all shares but one, cost, D of all.

    `floor` ≤ D ≤ `latest` in µs from now.
    """

    parts: int
    unit: int
    max_cost: int
    floor: int
    latest: int
