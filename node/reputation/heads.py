"""What this node last saw of each house's list, so that the list cannot be made anew behind it."""

from dataclasses import dataclass, replace
from typing import Protocol

from node.reputation.ratings import BadList, ListFault, Subject
from proto.sale.votes import read_rating


@dataclass(frozen=True, slots=True)
class Seen:
    """`last`: the last entry of a good list (signed), b"" where there was none. `fault`, `evidence`
    (signed entries) and `noticed_at_us`: what was wrong with a list that came later, if ever."""

    last: bytes = b""
    fault: ListFault | None = None
    evidence: tuple[bytes, ...] = ()
    noticed_at_us: int = 0

    @property
    def proven(self) -> bool:
        """Whether anybody can check that the house lied: it signed two entries of one number."""
        return self.fault is ListFault.REWRITTEN

    @property
    def sequence(self) -> int:
        """Of the last entry."""
        return read_rating(self.last).sequence if self.last else 0

    def grown(self, last: bytes) -> "Seen":
        """After a good list that ends with `last`; what was noticed before stays noticed."""
        return replace(self, last=last)

    def noticed(self, bad: BadList, now_us: int) -> "Seen":
        """After a bad list. A proof is never replaced by what is none."""
        if self.proven:
            return self
        return replace(self, fault=bad.fault, evidence=bad.evidence, noticed_at_us=now_us)


class Heads(Protocol):
    """Where this is kept: one for each house, brand and agent."""

    def get(self, subject: Subject) -> Seen:
        """What is known; an empty one where nothing is."""
        ...

    async def keep(self, subject: Subject, seen: Seen) -> None:
        """Replaces what was known."""
        ...


class MemoryHeads:
    """As long as the daemon runs."""

    def __init__(self) -> None:
        self._seen: dict[Subject, Seen] = {}

    def get(self, subject: Subject) -> Seen:
        """As Heads says."""
        return self._seen.get(subject, Seen())

    async def keep(self, subject: Subject, seen: Seen) -> None:
        """As Heads says."""
        self._seen[subject] = seen
