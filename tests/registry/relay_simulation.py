"""python -m tests.registry.relay_simulation: the relay rule against adversarial schedules.

Prints, for each collective, in how many schedules honest members split without the rule and with
it, and what longer delays than delta covers lead to. Exit status 1 where the rule fails.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.registry.relay_world import (
    DELTA_US,
    HARD_BOUND_US,
    Count,
    judge,
    make_world,
    plain_count,
    policy_of,
    subject_under,
)

COLLECTIVES: Final = ((3, 0), (4, 1), (7, 2))  # (n, f)
SLOW_US: Final = DELTA_US * 3 // 2


@dataclass(frozen=True)
class Tally:
    """Of so many schedules, so many in which it happened."""

    schedules: int
    split: int
    undecided: int
    contradictory: int
    relays: int


def tally(
    n: int,
    f: int,
    schedules: int,
    seed: int,
    *,
    rule: bool = True,
    delay_us: int = HARD_BOUND_US,
    count: Count = plain_count,
) -> Tally:
    """Runs them; the same seed gives the same schedules."""
    random = Random(f"{seed}/{n}/{f}")
    subject = subject_under(policy_of(n, f))
    split = undecided = contradictory = relays = 0
    for _ in range(schedules):
        world = make_world(subject, random, rule=rule, delay_us=delay_us, count=count)
        world.attack()
        world.run()
        verdict = judge(world)
        split += verdict.split
        undecided += verdict.undecided
        contradictory += verdict.contradictory
        relays += world.relays
    return Tally(schedules, split, undecided, contradictory, relays)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.registry.relay_simulation")
    parser.add_argument("--schedules", type=int, default=40_000, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    print(f"{options.schedules} schedules of each kind, seed {options.seed}")
    failed = False
    for n, f in COLLECTIVES:
        began = time.monotonic()
        without = tally(n, f, options.schedules, options.seed, rule=False)
        within = tally(n, f, options.schedules, options.seed)
        slow = tally(n, f, options.schedules, options.seed, delay_us=SLOW_US)
        print(
            f"n={n} f={f}: honest members split without the rule {without.split}, with it"
            f" {within.split} ({within.relays} relays); with delays of 1.5 delta"
            f" {slow.undecided} undecided and {slow.contradictory} contradictory"
            f"  [{time.monotonic() - began:.1f} s]"
        )
        failed |= bool(within.split or within.contradictory or slow.contradictory)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
