"""A `pledgeway` command under the profiler of the standard library."""

import cProfile
import pstats
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def run_profiled(main: Callable[[], None], file: Path) -> None:
    """Runs it and writes a file for `python -m pstats`, however it ends.

    All threads where the interpreter can watch several at a time (before 3.12), else the main one.
    """
    others: list[tuple[threading.Thread, cProfile.Profile]] = []

    def begin(frame: Any, event: str, argument: Any) -> None:
        sys.setprofile(None)
        profile = cProfile.Profile()
        others.append((threading.current_thread(), profile))
        profile.enable()

    if sys.version_info < (3, 12):
        threading.setprofile(begin)
    own = cProfile.Profile()
    own.enable()
    try:
        main()
    finally:
        own.disable()
        _write(own, [p for thread, p in others if not thread.is_alive()], file)


def _write(own: cProfile.Profile, others: Sequence[cProfile.Profile], file: Path) -> None:
    stats = pstats.Stats(own)
    for profile in others:
        # Reading it ends it: its thread is gone.
        if profile.getstats():
            stats.add(pstats.Stats(profile))
    stats.dump_stats(file)
