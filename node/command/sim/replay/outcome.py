"""What became of one payment."""

from dataclasses import dataclass
from enum import Enum, unique

from proto.levels import Level
from proto.modes import Mode


@unique
class Verdict(Enum):
    """How far it came. The value is its name in JSON."""

    PAID = "paid"  # the payee has what it asked for
    NO_PATH = "no_path"  # by now no path at all carries the amount, whatever the levels
    NO_CHAIN = "no_chain"  # a path does, but its nodes' levels, prices and registries do not fit
    FAILED = "failed"  # promised, and ended unpaid on the way


@dataclass(frozen=True, slots=True)
class Loss:
    """Somebody between paid ahead and was not paid behind, and in which mode."""

    mode: Mode
    amount: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """One payment. `cost`: what its payer promised; levels and modes are of its chain, all empty
    where there was none. `held`: over all its promises, amount × µs until each ended. `because`:
    the payer's reason where it failed."""

    amount: int
    verdict: Verdict
    cost: int = 0
    levels: tuple[Level, ...] = ()
    modes: tuple[Mode, ...] = ()
    held: int = 0
    losses: tuple[Loss, ...] = ()
    because: str = ""

    @property
    def paid(self) -> bool:
        return self.verdict is Verdict.PAID

    @property
    def fee_millionths(self) -> int:
        """Of the amount, rounded up."""
        return -(-(self.cost - self.amount) * 1_000_000 // self.amount)
