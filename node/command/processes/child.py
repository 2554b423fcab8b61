"""A `pledgeway` command that does not outlive the process that started it.

`python -m node.command.processes.child PARENT COMMAND...`: the command line of `pledgeway` behind
the id of the process that waits for it.
"""

import ctypes
import os
import signal
import sys
from typing import Final

PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


def tie_to(parent: int) -> None:
    """Lets the kernel kill this process when `parent` dies, where the kernel can."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # It may have died before we asked; nobody will tell us any more.
    if os.getppid() != parent:
        os._exit(1)


def main() -> None:
    tie_to(int(sys.argv[1]))
    from node.command.__main__ import main as pledgeway

    pledgeway(sys.argv[2:], prog_name="pledgeway")


if __name__ == "__main__":
    main()
