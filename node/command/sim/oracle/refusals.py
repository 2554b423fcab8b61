"""A network that is sound pays: what one honest node plans, the others do not refuse (pure).

Section 9 does not number this. It is what the safe but useless core would break that refuses
everything, and a path finder that plans by other rules than nodes check: 0 stands for it.
"""

from typing import Final

from proto.reason import Reason

PAYS: Final = 0

# By what everybody has advertised, and by times that the payer alone dictates. No fault of a wire,
# a disk, a clock or a registry makes any of these right between honest nodes.
NEVER: Final = frozenset(
    {
        Reason.AMOUNT_ZERO,
        Reason.LEVEL_UNKNOWN,
        Reason.DESCRIPTOR_INVALID,
        Reason.REGISTRY_NOT_ACCEPTED,
        Reason.PROXY_NOT_ALLOWED,
        Reason.PAIR_NEVER_USED,
        Reason.POLICY_MISSING,
        Reason.NOT_WATCHING,
        Reason.SCHEDULE_TOO_TIGHT,
        Reason.MODE_REFUSED,
        Reason.DECLINE_NOT_ALLOWED,
        Reason.ADMISSION_MISSING,
        Reason.FEE_SHORT,
        Reason.LAST_LEVEL_REFUSED,
        Reason.POLICY_REFUSED,
    }
)

# Where nothing has gone wrong: everybody is there, on time, and holds as long as it said.
NEVER_IN_CALM: Final = NEVER | {
    Reason.DEADLINE_PASSED,
    Reason.EXPIRY_PASSED,
    Reason.HOLD_TOO_LONG,
    Reason.INSTRUCTIONS_UNREADABLE,
    Reason.NEXT_HOP_DOWN,
    Reason.NEXT_LINE_UNKNOWN,
    Reason.CLOCK_UNSAFE,
    Reason.STORE_FULL,
    Reason.REQUEST_UNKNOWN,
    Reason.REQUEST_MISMATCH,
    Reason.TIME_SHORT,
    Reason.REGISTRY_SILENT,
}


def is_uncalled_for(reason: Reason, *, calm: bool) -> bool:
    """Whether honest nodes never say this to each other. `calm`: no fault is in the whole run."""
    return reason in (NEVER_IN_CALM if calm else NEVER)
