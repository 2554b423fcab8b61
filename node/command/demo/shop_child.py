"""The example shop as a child of the demo: `python -m node.command.demo.shop_child PARENT DIR`.

It is the program of deploy/examples/shop as it stands there, and ends with its parent.
"""

import runpy
import sys
from pathlib import Path
from typing import Final

from node.command.processes.child import tie_to

PROGRAM: Final = Path(__file__).parents[3] / "deploy" / "examples" / "shop" / "shop.py"


def main() -> None:
    """Runs until it is told to end, or its parent dies."""
    tie_to(int(sys.argv[1]))
    sys.path.insert(0, str(PROGRAM.parent))
    sys.argv = [str(PROGRAM), sys.argv[2]]
    runpy.run_path(str(PROGRAM), run_name="__main__")


if __name__ == "__main__":
    main()
