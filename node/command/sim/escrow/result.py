"""What one run of exchanges or of sales came to."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from node.command.sim.escrow.verdict import Breach
from node.command.sim.escrow.world import ExchangeWorld

Played = TypeVar("Played")
End = TypeVar("End")


@dataclass(frozen=True, slots=True)
class RunResult(Generic[Played, End]):
    """Of a course `Played`, with an `End` for each exchange or sale in it. `virtual_us`: when it
    ended, in microseconds; `crashed`: a daemon's own assertion or bug, as text; `tricks`: how often
    crooks did what, by its word."""

    course: Played
    trace: str
    virtual_us: int
    breaches: tuple[Breach, ...]
    outcomes: tuple[End, ...] = ()
    tricks: dict[str, int] = field(default_factory=dict)
    crashed: str = ""

    @property
    def sound(self) -> bool:
        return not self.breaches and not self.crashed


def tricks_of(world: ExchangeWorld) -> dict[str, int]:
    """How often its crooks did what, by its word, in the order of the words."""
    tricks: dict[str, int] = {}
    for host in world.people.values():
        for trick, count in (host.crook.played if host.crook is not None else {}).items():
            tricks[trick] = tricks.get(trick, 0) + count
    return dict(sorted(tricks.items()))
