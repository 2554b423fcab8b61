"""`python -m tests.sim.find_seed NAME...`: the first seed that catches each mutation (all: none).

For whoever changes what a run draws: the seeds in `tests.sim.mutations` are kept from here.
"""

import sys
from collections.abc import Sequence
from typing import Final

from tests.sim.mutations import MUTATIONS, NAMED, Mutation

SEEDS: Final = range(1, 41)  # half a second each; what bites more rarely wants another scene


def find_seed(mutation: Mutation, seeds: Sequence[int] = SEEDS) -> int | None:
    """The first seed in which it is caught, and which is sound without it."""
    for seed in seeds:
        if mutation.caught(mutation.run(seed)) and mutation.sound(mutation.control(seed)):
            return seed
    return None


def main(names: Sequence[str]) -> int:
    """Says what it found, a line each; 1 where a mutation stays unseen, 2 for an unknown name."""
    unknown = [name for name in names if name not in NAMED]
    if unknown:
        print(f"no mutation is called {unknown[0]}; there are: {', '.join(NAMED)}", file=sys.stderr)
        return 2
    missed = 0
    for mutation in [NAMED[name] for name in names] or MUTATIONS:
        seed = find_seed(mutation)
        missed += seed is None
        print(f"{mutation.name}: {'not caught' if seed is None else f'seed {seed}'}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
