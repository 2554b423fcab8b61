"""Where a measurement was made: figures without their machine mean nothing."""

import os
import platform
import sqlite3
import statistics
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from time import perf_counter_ns
from typing import Any, Final

LIBRARIES: Final = ("grpcio", "protobuf", "pynacl", "cryptography", "trio", "sqlalchemy")
SYNCS: Final = 50  # enough for a median, and over within a second on a slow disk
SYNCED_BYTES: Final = 4096
UNKNOWN: Final = "unknown"


def machine(directory: Path) -> dict[str, Any]:
    """Processor, memory, disk under `directory`, and what else keeps the processors busy. OSError.

    `load_before` is the system's one-minute load average.
    """
    disk = {"filesystem": _filesystem(directory), "fsync_us": _fsync_us(directory)}
    return computer() | disk


def computer() -> dict[str, Any]:
    """The same without a disk, for what writes nothing."""
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "memory_mib": _memory_mib(),
        "system": f"{platform.system()} {platform.release()}",
        "load_before": round(os.getloadavg()[0], 2),
    }


def versions(libraries: Sequence[str] = LIBRARIES) -> dict[str, str]:
    """Of this program, Python and the libraries that the figures depend on."""
    found = {name: version(name) for name in ("pledgeway", *libraries)}
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return {"python": python, "sqlite": sqlite3.sqlite_version} | found


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    except OSError:
        pass  # another system: what Python knows has to do
    return platform.processor() or platform.machine() or UNKNOWN


def _memory_mib() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20


def _filesystem(directory: Path) -> str:
    """Type of the mount that holds the directory; a tmpfs would make every fsync free."""
    place, found, longest = str(directory.resolve()), UNKNOWN, -1
    try:
        mounts = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return UNKNOWN
    for mount in mounts:
        _, point, kind, *_ = mount.split(" ")
        inside = place == point or place.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= longest:
            found, longest = kind, len(point)
    return found


def _fsync_us(directory: Path) -> int:
    """Median of appending 4 KiB and syncing it."""
    path = directory / "fsync.probe"
    took = []
    with path.open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            began = perf_counter_ns()
            file.write(bytes(SYNCED_BYTES))
            os.fsync(file.fileno())
            took.append(perf_counter_ns() - began)
    path.unlink()
    return round(statistics.median(took) / 1000)
