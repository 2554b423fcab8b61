"""What an act has shown: who had, gave and got what, who was waited for, and the evidence."""

from dataclasses import asdict, dataclass
from typing import Any

from node.command.demo.scene import Certificate


@dataclass(frozen=True, slots=True)
class Owned:
    """One thing of one house: units of money or of a title."""

    house: str
    thing: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Wait:
    """For whom or what the exchange waited, as its coordinator said."""

    phase: str
    what: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Act:
    """`locked`: titles that waited at registrars, most at a time; `faults`: what differs from what
    had to happen, none = it went well."""

    act: str
    title: str
    outcome: str
    seats: dict[str, str]
    owned: tuple[Owned, ...] = ()
    locked: int = 0
    waits: tuple[Wait, ...] = ()
    certificate: Certificate | None = None
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return not self.faults

    def as_json(self) -> dict[str, Any]:
        """Amounts in smallest units."""
        return asdict(self) | {"ok": self.ok}
