"""What became of an advert that was handed to this node, whoever handed it over."""

import enum
from dataclasses import dataclass


class Fate(enum.Enum):
    """The values stand in answers that programs read."""

    APPLIED = "APPLIED"  # it is known now, and on its way to the neighbours
    STALE = "STALE"  # this, or something newer of the same subject, was known
    EXPIRED = "EXPIRED"
    REFUSED = "REFUSED"  # forged, malformed, or dated so that nobody believes it
    LIMITED = "LIMITED"  # genuine, and above a bound: kept for later, or not at all


@dataclass(frozen=True, slots=True)
class AdvertFate:
    """`reason`: one line for people where the fate is REFUSED or LIMITED, else empty."""

    fate: Fate
    reason: str = ""
