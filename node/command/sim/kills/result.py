"""What a run of `pledgeway sim kills` has shown, as values."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Blows:
    """What was done: SIGKILLs (of a registry; before it was ready), SIGTERMs on top, waves."""

    kills: int
    registry_kills: int
    in_start: int
    terms: int
    waves: int
    most_down: int


@dataclass(frozen=True, slots=True)
class LawfulLoss:
    """A node that paid and was not paid, smallest units. `lawful_if`: as proto.modes.Loss."""

    node: str
    upstream: str
    mode: str
    lawful_if: str
    amount: int
    commit: str


@dataclass(frozen=True, slots=True)
class Result:
    """`breaches`: none = every promise was kept. `homes`: whose directory is which.

    `levels` counts promises that became debt, `modes` intermediaries whose promise did.
    """

    seed: int
    blows: Blows
    payments: int
    committed: int
    aborted: int
    levels: dict[str, int]
    modes: dict[str, int]
    losses: tuple[LawfulLoss, ...]
    breaches: tuple[str, ...]
    homes: dict[str, str]
    seconds: float

    @property
    def ok(self) -> bool:
        return not self.breaches

    def as_json(self) -> dict[str, Any]:
        return {"ok": self.ok, **asdict(self)}
