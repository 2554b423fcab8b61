"""The closed list of what can bar a chain: stable codes for programs, and what their figures count.

One chain may have several bars. `rule` is the number in protocol section 4, or, where the question
itself is the limit, the name of the limit. A code never changes its meaning; new ones may come.
"""

from enum import Enum, unique
from types import MappingProxyType
from typing import Final


@unique
class Unit(Enum):
    """What a reason's figure counts; the value is what the JSON form says."""

    NOTHING = ""
    AMOUNT = "brand"  # smallest units of the brand in question
    TIME = "us"
    PROMISES = "promises"
    RISK = "risk"  # as added up over the modes of all intermediaries


@unique
class Code(Enum):
    """Why a chain is barred. Behind each: whom it names, and by how much it misses (`figure`)."""

    # a rule of protocol section 4
    CREDIT_SHORT = "CREDIT_SHORT"  # V10, line: amount that is missing
    REGISTRY_NOT_ACCEPTED = "REGISTRY_NOT_ACCEPTED"  # V1 or V6, node and registries
    PROXY_NOT_ALLOWED = "PROXY_NOT_ALLOWED"  # V2, node and line
    PAYEE_REFUSES_LEVEL = "PAYEE_REFUSES_LEVEL"  # V5, payee and level
    PAYEE_REFUSES_REGISTRY = "PAYEE_REFUSES_REGISTRY"  # V5, payee and registries
    NOT_WATCHING = "NOT_WATCHING"  # V7, node
    LOCKS_TOO_LONG = "LOCKS_TOO_LONG"  # V8, node: time beyond its hold_max
    DEADLINE_TOO_LATE = "DEADLINE_TOO_LATE"  # V8, payee: time beyond its latest deadline
    NO_SCHEDULE = "NO_SCHEDULE"  # V8: no deadline suits everybody
    MODE_REFUSED = "MODE_REFUSED"  # V9, node and mode
    TOO_MANY_HOPS = "TOO_MANY_HOPS"  # V11: promises beyond the limit
    DECLINE_HASH = "DECLINE_HASH"  # V12
    # what the question allows
    MAX_COST = "MAX_COST"  # payer: amount beyond it
    MAX_RISK = "MAX_RISK"  # payer: risk beyond it
    AVOIDED = "AVOIDED"  # node or line
    LEVEL_NOT_ASKED = "LEVEL_NOT_ASKED"  # line and level
    REGISTRY_NOT_ASKED = "REGISTRY_NOT_ASKED"  # registries
    LEARNED = "LEARNED"  # line: amount beyond what it is asked for since it refused
    # no chain at all
    PARTS = "PARTS"  # several chains do not help either: amount that is missing, 0 = not known
    NO_PATH = "NO_PATH"  # no lines lead from the payer to the payee, or it is not known yet

    @property
    def rule(self) -> str:
        """V1 … V12, or the code itself. V6 is told as V1: both ask for the same trust."""
        return _RULE.get(self, self.value)

    @property
    def unit(self) -> Unit:
        """What the figure counts."""
        return _UNIT.get(self, Unit.NOTHING)


_RULE: Final = MappingProxyType(
    {
        Code.CREDIT_SHORT: "V10",
        Code.REGISTRY_NOT_ACCEPTED: "V1",
        Code.PROXY_NOT_ALLOWED: "V2",
        Code.PAYEE_REFUSES_LEVEL: "V5",
        Code.PAYEE_REFUSES_REGISTRY: "V5",
        Code.NOT_WATCHING: "V7",
        Code.LOCKS_TOO_LONG: "V8",
        Code.DEADLINE_TOO_LATE: "V8",
        Code.NO_SCHEDULE: "V8",
        Code.MODE_REFUSED: "V9",
        Code.TOO_MANY_HOPS: "V11",
        Code.DECLINE_HASH: "V12",
    }
)
_UNIT: Final = MappingProxyType(
    {
        Code.CREDIT_SHORT: Unit.AMOUNT,
        Code.LOCKS_TOO_LONG: Unit.TIME,
        Code.DEADLINE_TOO_LATE: Unit.TIME,
        Code.TOO_MANY_HOPS: Unit.PROMISES,
        Code.MAX_COST: Unit.AMOUNT,
        Code.MAX_RISK: Unit.RISK,
        Code.LEARNED: Unit.AMOUNT,
        Code.PARTS: Unit.AMOUNT,
    }
)
