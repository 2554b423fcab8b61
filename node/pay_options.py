"""What a payer allows a payment to cost and to try; kept with the payment as JSON."""

import json
from dataclasses import astuple, dataclass
from typing import Final

from node.policy_json import policy_json, policy_of_json
from proto.levels import Level
from proto.limits import MAX_AMOUNT, MAX_HOPS
from proto.policy import RegistryPolicy

DEFAULT_ATTEMPTS: Final = 5
DEFAULT_PARTS: Final = 4  # each is one more that may be refused, and then all are
MAX_RISK: Final = 3 * (MAX_HOPS - 1)  # of a chain whose intermediaries are all in mode BARE
MAX_ATTEMPTS: Final = 20  # each costs the nodes on the way a promise; the payer pays nothing


@dataclass(frozen=True, slots=True)
class PayOptions:
    """What the payer allows. `registries` and `policies` to use, both empty = any.

    `max_risk`: most that the risks of a chain's modes may add up to, None = any; nodes to avoid as
    intermediaries and lines (promisor, promisee), by ids.

    `parts`: most chains, used where that is cheaper than one; None: as many as usual, and only
    where no single chain carries the amount.

    `first_levels`: of the payer's own promises. `until_us`: no attempt begins after it (µs, POSIX;
    0: whenever).
    """

    max_cost: int = MAX_AMOUNT
    levels: frozenset[Level] = frozenset(Level)
    registries: frozenset[bytes] = frozenset()
    max_hops: int = MAX_HOPS
    attempts: int = DEFAULT_ATTEMPTS
    parts: int | None = None
    policies: frozenset[RegistryPolicy] = frozenset()
    max_risk: int | None = None
    avoid_nodes: frozenset[bytes] = frozenset()
    avoid_lines: frozenset[tuple[bytes, bytes]] = frozenset()
    first_levels: frozenset[Level] = frozenset(Level)
    until_us: int = 0

    def spent(self, attempt: int, now_us: int) -> bool:
        """Whether none may follow this attempt."""
        return attempt >= self.attempts or 0 < self.until_us < now_us

    def to_json(self) -> str:
        return json.dumps(
            {
                "max_cost": self.max_cost,
                "levels": sorted(self.levels),
                "registries": sorted(r.hex() for r in self.registries),
                "max_hops": self.max_hops,
                "attempts": self.attempts,
                "parts": self.parts,
                "policies": [policy_json(p) for p in sorted(self.policies, key=astuple)],
                "max_risk": self.max_risk,
                "avoid_nodes": sorted(n.hex() for n in self.avoid_nodes),
                "avoid_lines": sorted([f.hex(), t.hex()] for f, t in self.avoid_lines),
                "first_levels": sorted(self.first_levels),
                "until_us": self.until_us,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "PayOptions":
        data = json.loads(text)
        return cls(
            data["max_cost"],
            frozenset(Level(v) for v in data["levels"]),
            frozenset(bytes.fromhex(r) for r in data["registries"]),
            data["max_hops"],
            data["attempts"],
            data.get("parts"),
            # Absent in what a node wrote before its owner could name policies; so are later ones.
            frozenset(policy_of_json(p) for p in data.get("policies", ())),
            data.get("max_risk"),
            frozenset(bytes.fromhex(n) for n in data.get("avoid_nodes", ())),
            frozenset((bytes.fromhex(f), bytes.fromhex(t)) for f, t in data.get("avoid_lines", ())),
            frozenset(Level(v) for v in data.get("first_levels", Level)),
            data.get("until_us", 0),
        )
