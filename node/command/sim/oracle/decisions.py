"""What the registries have really decided, whatever they tell whom."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from proto.descriptor import decode_descriptor
from proto.policy import RegistryPolicy
from proto.statement import DecisionReason, Outcome
from registry.log import Logged, Row


@dataclass(slots=True)
class Decisions:
    """By registry and transaction: the outcomes that it has signed, or would."""

    _made: dict[tuple[bytes, bytes], set[Outcome]] = field(default_factory=dict)
    _liars: set[bytes] = field(default_factory=set)

    def made(self, registry: bytes, decisions: Sequence[Logged]) -> list[str]:
        """Takes note; what is wrong with them."""
        faults = []
        for logged in decisions:
            leaf = logged.row.leaf
            made = self._made.setdefault((registry, leaf.commit_id), set())
            made.add(leaf.outcome)
            if len(made) > 1 and registry not in self._liars:
                faults.append(f"{leaf.commit_id.hex()[:12]} decided both ways")
            faults += _ill_timed(logged.row)
        return faults

    def told(self, registry: bytes, commit: bytes, outcome: Outcome) -> None:
        """A registry that may lie has told somebody so."""
        self._liars.add(registry)
        self._made.setdefault((registry, commit), set()).add(outcome)

    def signed_both(self, commit: bytes, policy: RegistryPolicy) -> bool:
        """Whether one of the members cheated in this way about this transaction."""
        return any(len(self._made.get((member, commit), ())) > 1 for member in policy.members)

    def can_be(self, outcome: Outcome, commit: bytes, policy: RegistryPolicy) -> bool:
        """Whether a certificate of this outcome exists, or could be made by those who lie."""
        wanted = policy.qc if outcome is Outcome.COMMITTED else policy.qa
        agreeing = sum(outcome in self._made.get((member, commit), ()) for member in policy.members)
        return agreeing >= wanted


def _ill_timed(row: Row) -> list[str]:
    """Section 7: a commit is decided within its limit, a refusal by deadline only after it."""
    leaf, name = row.leaf, row.leaf.commit_id.hex()[:12]
    if leaf.outcome is Outcome.COMMITTED:
        limit_us = min(leaf.limit_us, decode_descriptor(row.descriptor).limit_us)
        if leaf.decided_at_us > limit_us:
            return [f"{name} committed {leaf.decided_at_us - limit_us} µs too late"]
    elif leaf.reason is DecisionReason.DEADLINE and leaf.decided_at_us <= leaf.limit_us:
        return [f"{name} refused by deadline {leaf.limit_us - leaf.decided_at_us} µs before it"]
    return []
