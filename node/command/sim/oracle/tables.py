"""Protocol sections 3 and 6 once more, in the oracle's own words (pure)."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

# (level held, level given) -> mode; what is missing is never used. Protocol section 3, by hand.
MODES: Final[Mapping[tuple[str, str], str]] = {
    ("BARE", "BARE"): "BARE", ("BARE", "SECURED"): "BARE",
    ("BARE", "ATOMIC"): "BARE", ("BARE", "PROXY"): "BARE",
    ("SECURED", "BARE"): "SECURED", ("SECURED", "SECURED"): "SECURED",
    ("SECURED", "ATOMIC"): "ATOMIC", ("SECURED", "PROXY"): "ATOMIC",
    ("ATOMIC", "BARE"): "GATEWAY", ("ATOMIC", "SECURED"): "GATEWAY",
    ("ATOMIC", "ATOMIC"): "ATOMIC", ("ATOMIC", "PROXY"): "ATOMIC",
    ("PROXY", "ATOMIC"): "BARE", ("PROXY", "PROXY"): "BARE",
}  # fmt: skip

LATE_LEAKS: Final = {("BARE", "SECURED"), ("BARE", "ATOMIC"), ("PROXY", "ATOMIC")}

# What has to fail before a node in the middle may lose. U: reaching upstream in time; R: being
# served by the registry in time. Every set is a way to lose; none: it never does.
WAYS_TO_LOSE: Final[Mapping[tuple[str, str], Sequence[frozenset[str]]]] = {
    ("BARE", "BARE"): [frozenset("U")], ("BARE", "PROXY"): [frozenset("U")],
    ("BARE", "SECURED"): [frozenset("U"), frozenset("R")],
    ("BARE", "ATOMIC"): [frozenset("U"), frozenset("R")],
    ("SECURED", "BARE"): [frozenset("UR")], ("SECURED", "SECURED"): [frozenset("UR")],
    ("SECURED", "ATOMIC"): [], ("SECURED", "PROXY"): [],
    ("ATOMIC", "BARE"): [frozenset("R")], ("ATOMIC", "SECURED"): [frozenset("R")],
    ("ATOMIC", "ATOMIC"): [], ("ATOMIC", "PROXY"): [],
    ("PROXY", "ATOMIC"): [frozenset("U"), frozenset("R")], ("PROXY", "PROXY"): [frozenset("U")],
}  # fmt: skip

NEEDS_STAMP: Final = {"ATOMIC", "PROXY"}
LATE_OK: Final = {"ATOMIC", "SECURED"}
OWN_EXPIRY: Final = {"BARE", "PROXY"}

GRACE_US: Final = 1_000_000
WATCH_INTERVAL_US: Final = 1_000_000
GUARD_US: Final = 2_000_000


def least_incoming(outgoing: int, per_mille: int, flat: int) -> int:
    """Section 6: what the node must hold to give `outgoing`. Registries cost nothing here."""
    exact = outgoing * Fraction(1000 + per_mille, 1000)
    return -(-exact.numerator // exact.denominator) + flat
