"""python -m pathfinder DIR: runs the path finder that `pledgeway pathfinder init` made."""

import logging
import sys
from pathlib import Path

from pathfinder.config import ConfigFault
from pathfinder.serving.daemon import run
from pathfinder.serving.home import HomeFault
from runtime.handover import DaemonCrash
from runtime.identity import IdentityFault
from runtime.store import StoreUnusable


def main(arguments: list[str]) -> int:
    """Exit status: 0 stopped by a signal, 1 cannot run, 2 wrong arguments."""
    if len(arguments) != 1:
        print("usage: python -m pathfinder DIR", file=sys.stderr)
        return 2
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.INFO)
    try:
        run(Path(arguments[0]), lambda line: print(line, flush=True))
    except (ConfigFault, HomeFault, IdentityFault, StoreUnusable, DaemonCrash, OSError) as fault:
        print(f"pathfinder: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
