"""What a scene of the shop has shown: what was asked, how it ended, what was handed over."""

from dataclasses import asdict, dataclass
from typing import Any

from node.command.processes.books import Check


@dataclass(frozen=True, slots=True)
class Scene:
    """`asked`: in smallest units, 0 where nothing was; `balance`: Anna's at the bank afterwards;
    `handed`: deliveries that the shop made in it; `told`: what happened; `faults`: what differs
    from what had to happen, none = it went well."""

    scene: str
    title: str
    ended: str = ""
    asked: int = 0
    balance: int = 0
    handed: int = 0
    told: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return not self.faults


@dataclass(frozen=True, slots=True)
class Proof:
    """A receipt that the shop handed goods over for, as `pledgeway verify receipt` reads it.
    `fault`: why it proves nothing, "" where it proves what it has to."""

    order: str
    goods: str
    amount: int
    rests_on: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """What the demo has shown. `pictures`: files; `seconds`: with building and the last check."""

    scenes: tuple[Scene, ...]
    proofs: tuple[Proof, ...]
    check: Check
    accounts: bool  # every entry of the bank's people adds up
    pictures: tuple[str, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        sound = self.check.ok and self.accounts and not any(p.fault for p in self.proofs)
        return sound and all(scene.ok for scene in self.scenes)

    def as_json(self) -> dict[str, Any]:
        """Amounts in smallest units."""
        return {
            "ok": self.ok,
            "seconds": self.seconds,
            "scenes": [asdict(scene) | {"ok": scene.ok} for scene in self.scenes],
            "receipts": [asdict(proof) for proof in self.proofs],
            "check": self.check.as_json(),
            "accounts": self.accounts,
            "pictures": list(self.pictures),
        }
