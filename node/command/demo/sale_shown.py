"""What a scene of the sales has shown: who ends with what, and what had to be."""

from dataclasses import asdict, dataclass
from typing import Any, Final

NOT_LOCKED: Final = "NOT_LOCKED"


@dataclass(frozen=True, slots=True)
class Ended:
    """One of the parties: units of the deposit before and after, and what the split says."""

    part: str
    who: str
    before: int
    after: int
    wanted: int

    @property
    def change(self) -> int:
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Scene:
    """`branch`: as the house has paid, and `bond`: what became of the agent's where an
    arbiter may have it forfeited; `told`: what happened, with seconds; `scores`: the agent's
    before and after, None where nobody looked; `faults`: what differs from what had to happen, none
    = it went well."""

    scene: str
    title: str
    thing: str
    price: int = 0
    agent: str = ""
    branch: str = ""
    bond: str = ""
    ended: tuple[Ended, ...] = ()
    told: tuple[str, ...] = ()
    votes: tuple[str, ...] = ()
    scores: tuple[int, int] | None = None
    faults: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return not self.faults

    def as_json(self) -> dict[str, Any]:
        """Amounts in units of the deposit."""
        ended = [asdict(one) | {"change": one.change} for one in self.ended]
        return asdict(self) | {"ended": ended, "ok": self.ok}
