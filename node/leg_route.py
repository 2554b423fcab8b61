"""What a payer asks for a leg of an exchange: made under a given descriptor and D (pure).

Every promise of such a chain needs a stamp, and first and last must be ATOMIC: a bare commit shown
on any other would move money that the registry never committed (escrow section 2.1).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from node.routing import NoRoute, RouteQuery
from proto.descriptor import Descriptor
from proto.levels import Level
from proto.limits import BOUND_LEAD_US, US

LEG_LEVELS: Final = frozenset({Level.ATOMIC, Level.PROXY})
END_LEVELS: Final = frozenset({Level.ATOMIC})


def as_leg(query: RouteQuery, descriptor: Descriptor) -> RouteQuery:
    """The same question under a descriptor that others have made."""
    deadline = descriptor.deadline_us - query.now_us
    return replace(
        query,
        candidates=(descriptor.policy,),
        levels=query.levels & LEG_LEVELS,
        first_levels=query.first_levels & END_LEVELS,
        last_levels=query.last_levels & END_LEVELS,
        deadline=deadline,
        latest_deadline=deadline,
    )


def too_late(descriptor: Descriptor, now_us: int) -> NoRoute | None:
    """Why no chain can be begun any more; None while one can."""
    short_us = now_us + BOUND_LEAD_US - descriptor.deadline_us
    if short_us <= 0:
        return None
    reason: Mapping[str, Any] = {
        "code": "DEADLINE_TOO_NEAR",
        "rule": "V8",
        "node": None,
        "line": None,
        "figure": short_us,
        "unit": "us",
        "registries": [],
        "mode": None,
        "level": None,
        "text": f"the exchange is decided too soon: a chain that begins {BOUND_LEAD_US // US} s"
        f" before its deadline still reaches the payee, and it is {short_us / US:.1f} s later",
        "next_step": "propose it anew, with a later deadline",
        "chain": [],
        "levels": [],
        "registry": None,
        "cost": None,
        "bars": 1,
    }
    return NoRoute(True, (reason,))
