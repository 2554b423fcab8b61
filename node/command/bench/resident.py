"""Memory of other processes, where the system tells it."""

import os
from pathlib import Path


def resident_bytes(pid: int) -> int | None:
    """What a process has in memory now (Linux: VmRSS); None where it cannot be known."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
