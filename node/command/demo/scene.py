"""What a scene has shown: the chain, the evidence, and what everybody had before and after."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

COMMITTED: Final = "COMMITTED"
ABORTED: Final = "ABORTED"
ABSENT: Final = "ABSENT"
FAILED: Final = "FAILED"  # the daemon did not even come to an end

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Hop:
    """One promise. `mode` and `fee` are its promisor's; the payer has neither."""

    promisor: str
    promisee: str
    level: str
    mode: str | None
    amount: int
    fee: int | None


@dataclass(frozen=True, slots=True)
class Logged:
    """A statement's log proof: how many entries its log had then, and who cosigned that when."""

    registry: str
    entries: int
    witnesses: tuple[str, ...]
    cosigned_at: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """Evidence that was verified offline, from the file alone."""

    outcome: str
    registries: tuple[str, ...]
    uuid: str
    decided_at: str
    deadline: str
    logged: tuple[Logged, ...]


@dataclass(frozen=True, slots=True)
class Balance:
    """One house's sum over all lines of the brand, before and after the scene."""

    house: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Shown:
    """One scene. `faults` are what differs from what had to happen; none = it went well."""

    scene: str
    title: str
    outcome: str
    payer: str = ""
    payee: str = ""
    brand: str = ""
    amount: int = 0
    cost: int = 0
    registry: str | None = None
    hops: tuple[Hop, ...] = ()
    certificate: Certificate | None = None
    balances: tuple[Balance, ...] = ()
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return not self.faults

    def as_json(self) -> dict[str, Any]:
        """Amounts in smallest units."""
        return asdict(self) | {"ok": self.ok}


def hops_of(payment: Json) -> tuple[Hop, ...]:
    """The chain of a payment or plan, as the daemon shows it."""
    hops: list[Hop] = []
    before: int | None = None
    for hop in payment.get("hops", ()):
        amount = hop["amount"]
        fee = None if before is None else before - amount
        mode = payment["modes"].get(hop["from"])
        hops.append(Hop(hop["from"], hop["to"], hop["level"], mode, amount, fee))
        before = amount
    return tuple(hops)


def chain_of(hops: Iterable[Hop]) -> list[str]:
    """Houses from the payer to the payee; empty where there is no chain."""
    hops = list(hops)
    return [hops[0].promisor, *(hop.promisee for hop in hops)] if hops else []


def expected_changes(hops: Iterable[Hop], amount: int) -> dict[str, int]:
    """What a committed payment does to everybody's balance."""
    hops = list(hops)
    changes = {hops[0].promisor: -hops[0].amount}
    changes |= {hop.promisor: hop.fee or 0 for hop in hops[1:]}
    return changes | {hops[-1].promisee: amount}
