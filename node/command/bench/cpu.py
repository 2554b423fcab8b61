"""Processor time of other processes, where the system tells it."""

import sys
import time
from collections.abc import Mapping
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
    """By name, without those that cannot be known."""
    found = {name: cpu_s(pid) for name, pid in pids.items()}
    return {name: seconds for name, seconds in found.items() if seconds is not None}
