"""What `sim replay` prints: one table a share, from the payer's side and from everybody else's."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from node.command.display import flat_console, gap, say, table_of
from node.command.drawing.wording import many
from node.command.sim.replay.outcome import Verdict
from node.command.sim.replay.summary import SAFEST_FIRST, Summary, percent, permille, seconds
from node.command.sim.replay.terrain import Terrain
from node.command.sim.replay.wishes import Troubles, Wishes

EXPLAINED: Final = (
    "no path: lines that carry the amount have run out. no chain: there are some, but levels,",
    "registries and refused modes do not fit. failed: promised, and ended unpaid on the way.",
    "fee, 95 %: median and 95th percentile of the paid ones; same: median of what all paid.",
    "Levels: of all promises. risk: mean of those between (ATOMIC 0, SECURED 1, GATEWAY 2,",
    "BARE 3). held: for how long a unit was held, summed up over its promises, if paid, if",
    "failed; same: mean of what all promised. lost: paid ahead and not paid behind, of what was",
    "delivered; by: so many nodes. A regime that promises little is compared by `same` alone.",
)


@dataclass(frozen=True, slots=True)
class Ground:
    """What was played on, and with what."""

    source: str
    seed: int
    terrain: Terrain
    wishes: Wishes
    amounts: tuple[int, int]
    every_s: int
    troubles: Troubles

    def as_json(self) -> Mapping[str, Any]:
        nodes, lines = self.terrain.whole
        return {
            "source": self.source,
            "seed": self.seed,
            "nodes": nodes,
            "lines": lines,
            "passable_nodes": len(self.terrain.nodes),
            "passable_lines": len(self.terrain.lines),
            "cores": len(self.terrain.sample),
            "registries": len(self.terrain.registries),
            "payments": len(self.wishes.wishes),
            "pairs_drawn": self.wishes.drawn,
            "amounts": list(self.amounts),
            "every_s": self.every_s,
            "troubles_pct": asdict(self.troubles),
        }


def show_json(ground: Ground, summaries: Sequence[Summary]) -> None:
    """One object: the ground, and one entry for each share and regime."""
    cells = [summary.as_json() for summary in summaries]
    say(json.dumps(dict(ground.as_json()) | {"cells": cells}, ensure_ascii=False))


def show(ground: Ground, summaries: Sequence[Summary]) -> None:
    """For people."""
    nodes, lines = ground.terrain.whole
    found = len(ground.wishes.wishes)
    say(
        f"{ground.source}: {many(nodes, 'node')}, {many(lines, 'line')};"
        f" {many(found, 'payment')} between {len(ground.terrain.sample):,} of the nodes,"
        f" seed {ground.seed}."
    )
    say(
        f"Of {ground.wishes.drawn:,} pairs drawn, {percent(found, ground.wishes.drawn)} % were"
        " connected at their amount; these pay. The same payments and troubles for all."
    )
    for share in dict.fromkeys(s.share for s in summaries):
        gap()
        say(f"Each registry accepted by {share} % of the nodes")
        _tables([s for s in summaries if s.share == share])
    gap()
    for line in EXPLAINED:
        say(line)


def _tables(rows: Sequence[Summary]) -> None:
    out = flat_console()
    payer = [
        (
            s.regime,
            f"{s.success:.1f} %",
            *(s.verdicts[v] for v in (Verdict.NO_PATH, Verdict.NO_CHAIN, Verdict.FAILED)),
            f"{permille(s.fee_median):.2f} ‰",
            f"{permille(s.fee_p95):.2f} ‰",
            f"{permille(s.fee_common):.2f} ‰",
            f"{s.hops:.1f}",
        )
        for s in rows
    ]
    heads = (">paid", ">no path", ">no chain", ">failed", ">fee", ">95 %", ">same", ">hops")
    out.print(table_of(("regime", *heads), payer), crop=False)
    others = [(s.regime, *_levels(s), *_risks(s)) for s in rows]
    levels = tuple(f">{level.name}" for level in SAFEST_FIRST)
    more = (">risk", ">held paid", ">failed", ">same", ">lost", ">by")
    out.print(table_of(("regime", *levels, *more), others), crop=False)


def _levels(summary: Summary) -> tuple[str, ...]:
    whole = sum(summary.levels.values())
    return tuple(f"{percent(summary.levels[level], whole):.0f} %" for level in SAFEST_FIRST)


def _risks(summary: Summary) -> tuple[object, ...]:
    held = summary.held
    return (
        f"{summary.risk:.2f}",
        *(f"{seconds(us):.1f} s" for us in (held.paid, held.failed, held.common)),
        f"{permille(summary.lost_millionths):.2f} ‰",
        summary.robbed,
    )
