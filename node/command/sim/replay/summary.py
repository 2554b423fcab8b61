"""Figures of one regime at one share, out of the outcomes of its payments."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.command.sim.replay.outcome import Outcome, Verdict
from proto.levels import Level
from proto.modes import Mode

SAFEST_FIRST: Final = (Level.ATOMIC, Level.SECURED, Level.PROXY, Level.BARE)
MODES: Final = tuple(sorted(Mode, key=lambda mode: mode.risk))


@dataclass(frozen=True, slots=True)
class Held:
    """µs for which a unit of a payment was held, summed up over its promises: the mean of all
    payments that were promised, of the paid ones, of the failed ones, and of those that every
    regime promised at this share. Each payment counts the same, whatever its amount."""

    every: int
    paid: int
    failed: int
    common: int


@dataclass(frozen=True, slots=True)
class Common:
    """Numbers of the payments that every regime paid, and that every regime promised, at one
    share: over others the regimes cannot be compared, since the hard ones fall out of some."""

    paid: tuple[int, ...]
    promised: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """`verdicts` count payments, `levels` promises and `modes` intermediaries of those that were
    promised; `because` the reasons of those that failed. Fees in millionths of the amount: of the
    paid ones, and (`fee_common`) the median of those that every regime paid at this share.
    `lost` by mode, beside `delivered`, in smallest units; `robbed` counts those who lost."""

    regime: str
    share: int
    verdicts: Mapping[Verdict, int]
    because: Mapping[str, int]
    hops: float
    levels: Mapping[Level, int]
    modes: Mapping[Mode, int]
    fee_median: int
    fee_p95: int
    fee_common: int
    held: Held
    delivered: int
    lost: Mapping[Mode, int]
    robbed: int

    @property
    def payments(self) -> int:
        return sum(self.verdicts.values())

    @property
    def success(self) -> float:
        """Per cent of all payments."""
        return percent(self.verdicts[Verdict.PAID], self.payments)

    @property
    def risk(self) -> float:
        """Mean of the risks of all intermediaries: 0 = all ATOMIC, 3 = all BARE."""
        people = sum(self.modes.values())
        return round(sum(m.risk * n for m, n in self.modes.items()) / people, 3) if people else 0.0

    @property
    def lost_millionths(self) -> int:
        """All losses, of what was delivered."""
        return sum(self.lost.values()) * 1_000_000 // self.delivered if self.delivered else 0

    def as_json(self) -> Mapping[str, Any]:
        """Shares in per cent, fees and losses in per mille, times in seconds."""
        held = self.held
        return {
            "regime": self.regime,
            "accepting_pct": self.share,
            "payments": {"all": self.payments} | {v.value: n for v, n in self.verdicts.items()},
            "success_pct": self.success,
            "failed_because": dict(sorted(self.because.items())),
            "hops_mean": self.hops,
            "fee_permille": {
                "median": permille(self.fee_median),
                "p95": permille(self.fee_p95),
                "median_of_those_all_regimes_paid": permille(self.fee_common),
            },
            "levels": {level.name: n for level, n in self.levels.items()},
            "modes": {mode.name: n for mode, n in self.modes.items()},
            "risk_mean": self.risk,
            "held_s_per_unit": {
                "all": seconds(held.every),
                "paid": seconds(held.paid),
                "failed": seconds(held.failed),
                "those_all_regimes_promised": seconds(held.common),
            },
            "delivered": self.delivered,
            "lost": {mode.name: n for mode, n in self.lost.items()},
            "lost_permille": permille(self.lost_millionths),
            "robbed": self.robbed,
        }


def percent(part: int, whole: int) -> float:
    """To a tenth; 0 of nothing."""
    return round(100 * part / whole, 1) if whole else 0.0


def permille(millionths: int) -> float:
    """To a hundredth."""
    return round(millionths / 1000, 2)


def seconds(us: int) -> float:
    """To a hundredth."""
    return round(us / 1_000_000, 2)


def common_to(outcomes: Iterable[Sequence[Outcome]]) -> Common:
    """Of runs of the same payments, at least one."""
    runs = list(outcomes)
    numbers = range(len(runs[0]))
    return Common(
        tuple(i for i in numbers if all(run[i].paid for run in runs)),
        tuple(i for i in numbers if all(run[i].levels for run in runs)),
    )


def summarise(regime: str, share: int, outcomes: Sequence[Outcome], common: Common) -> Summary:
    """The outcomes of one run, and what its share's other runs have in common with it."""
    paid = [o for o in outcomes if o.paid]
    failed = [o for o in outcomes if o.verdict is Verdict.FAILED]
    verdicts = Counter(o.verdict for o in outcomes)
    levels = Counter(level for o in outcomes for level in o.levels)
    modes = Counter(mode for o in outcomes for mode in o.modes)
    losses = [loss for o in outcomes for loss in o.losses]
    lost = Counter[Mode]()
    for loss in losses:
        lost[loss.mode] += loss.amount
    chains = len(paid) + len(failed)
    fees = [o.fee_millionths for o in paid]
    return Summary(
        regime,
        share,
        {verdict: verdicts[verdict] for verdict in Verdict},
        Counter(o.because or "UNKNOWN" for o in failed),
        round(sum(len(o.levels) for o in outcomes) / chains, 2) if chains else 0.0,
        {level: levels[level] for level in SAFEST_FIRST},
        {mode: modes[mode] for mode in MODES},
        quantile(fees, 50),
        quantile(fees, 95),
        quantile([outcomes[i].fee_millionths for i in common.paid], 50),
        Held(
            _held(paid + failed),
            _held(paid),
            _held(failed),
            _held([outcomes[i] for i in common.promised]),
        ),
        sum(o.amount for o in paid),
        {mode: lost[mode] for mode in MODES},
        len(losses),
    )


def quantile(values: Iterable[int], percent: int) -> int:
    """The least value that so many per cent do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)] if ordered else 0


def _held(outcomes: Sequence[Outcome]) -> int:
    """Mean µs; 0 of none."""
    if not outcomes:
        return 0
    return sum(o.held // o.amount for o in outcomes) // len(outcomes)
