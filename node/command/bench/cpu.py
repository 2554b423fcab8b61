"""Processor time of other processes, where the system tells it."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

SCHEDULED: Final = 2  # CPUCLOCK_SCHED of the kernel: user and system time of all threads, in ns


def cpu_s(pid: int) -> float | None:
    """Seconds so far, the process's ended threads included; None where it cannot be known.

    Linux has a clock for every process; its number is made as `clock_getcpuclockid`(3) does.
    """
    if sys.platform != "linux":
        return None
    try:
        return time.clock_gettime((~pid << 3) | SCHEDULED)
    except OSError:
        return None


def all_cpu_s(pids: Mapping[str, int]) -> dict[str, float]:
    """By name, with the children that run now; without processes that cannot be known."""
    found = {}
    for name, pid in pids.items():
        if (own := cpu_s(pid)) is not None:
            found[name] = own + sum(cpu_s(child) or 0.0 for child in _children(pid))
    return found


def _children(pid: int) -> list[int]:
    """Of all its threads: of a database server one for each connection, of a registry those that
    check signatures."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [int(word) for word in path.read_text().split()]
        except OSError:
            continue  # the thread has ended meanwhile; its children are another's now
    return found
