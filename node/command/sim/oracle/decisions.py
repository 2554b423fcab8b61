"""What the registries have really decided, whatever they tell whom."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from proto.policy import RegistryPolicy
from proto.statement import Outcome
from registry.log import Logged


@dataclass(slots=True)
class Decisions:
    """By registry and transaction. `contradicted`: those that decided both ways."""

    _made: dict[tuple[bytes, bytes], Outcome] = field(default_factory=dict)
    signed_both: set[tuple[bytes, bytes]] = field(default_factory=set)

    def made(self, registry: bytes, decisions: Sequence[Logged]) -> list[str]:
        """Takes note; what is wrong with them."""
        faults = []
        for logged in decisions:
            leaf = logged.row.leaf
            key = registry, leaf.commit_id
            before = self._made.setdefault(key, leaf.outcome)
            if before is not leaf.outcome and key not in self.signed_both:
                faults.append(f"{leaf.commit_id.hex()[:12]} decided both ways")
        return faults

    def can_be(self, outcome: Outcome, commit: bytes, policy: RegistryPolicy) -> bool:
        """Whether a certificate of this outcome exists, or could be made by those who lie."""
        wanted = policy.qc if outcome is Outcome.COMMITTED else policy.qa
        agreeing = sum(
            self._made.get((member, commit)) is outcome or (member, commit) in self.signed_both
            for member in policy.members
        )
        return agreeing >= wanted
