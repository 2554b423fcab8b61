"""Processor time of other processes, where the system tells it (Linux: /proc/PID/stat)."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

UTIME: Final = 11  # proc(5): fields 14 and 15, counted behind the name, which may hold spaces
STIME: Final = 12


def cpu_s(pid: int) -> float | None:
    """User and system time so far, all threads; None where it cannot be known."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[UTIME]) + int(fields[STIME])) / os.sysconf("SC_CLK_TCK")


def all_cpu_s(pids: Mapping[str, int]) -> dict[str, float]:
    """By name, without those that cannot be known."""
    found = {name: cpu_s(pid) for name, pid in pids.items()}
    return {name: seconds for name, seconds in found.items() if seconds is not None}
