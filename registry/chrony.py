"""The clock's error as chrony measures it (registry section 4.2). Fails closed."""

import logging
import math
import subprocess
from decimal import Decimal, InvalidOperation
from typing import Final

import trio

from runtime.clock import SystemClock

log = logging.getLogger(__name__)

ASK_EVERY_S: Final = 4.0
ANSWER_WITHIN_S: Final = 3.0
STALE_US: Final = 20_000_000  # a measurement older than this says nothing about now
DRIFT_PPM: Final = 100  # how fast a clock may run away between two measurements
UNKNOWN_US: Final = 2**40  # twelve days: above every max_error
TRACKING_FIELDS: Final = 14  # of `chronyc -c tracking`


def tracking_error_us(line: str) -> int | None:
    """|offset| + root dispersion + root delay / 2, rounded up, of `chronyc -c tracking`.

    None where it is no such line or chrony is not synchronised (leap status "Not synchronised").
    """
    fields = line.strip().split(",")
    if len(fields) != TRACKING_FIELDS:
        return None
    try:
        stratum = int(fields[2])
        offset, delay, dispersion = (Decimal(fields[i]) for i in (4, 10, 11))
    except (ValueError, InvalidOperation):
        return None
    # Stratum 0 and 16 and above mean: no source. No word of chrony's needs to be matched.
    if not 1 <= stratum <= 15 or not all(x.is_finite() for x in (offset, delay, dispersion)):
        return None
    if delay < 0 or dispersion < 0:
        return None
    return math.ceil((abs(offset) + dispersion + delay / 2) * 1_000_000)


class ChronyClock(SystemClock):
    """The machine's clock; its error is chrony's, growing until chrony is asked again."""

    def __init__(self) -> None:
        super().__init__(UNKNOWN_US)
        # Written by trio as one tuple, read by the deciding thread: never half a measurement.
        self._measured: tuple[int, int] | None = None  # error_us, monotonic_us

    def error_us(self) -> int:
        if self._measured is None:
            return UNKNOWN_US
        error_us, at_us = self._measured
        age_us = self.monotonic_us() - at_us
        if age_us > STALE_US:
            return UNKNOWN_US
        return error_us + age_us * DRIFT_PPM // 1_000_000 + 1

    def measured(self, error_us: int | None) -> None:
        """Takes a measurement; None: there is none, and the last one counts no longer."""
        self._measured = None if error_us is None else (error_us, self.monotonic_us())

    async def follow(self) -> None:
        """Asks chrony for ever."""
        while True:
            error_us = await _ask()
            if (error_us is None) != (self._measured is None):
                log.warning("chrony: %s", "not synchronised" if error_us is None else "usable")
            self.measured(error_us)
            await trio.sleep(ASK_EVERY_S)


async def _ask() -> int | None:
    with trio.move_on_after(ANSWER_WITHIN_S):
        try:
            done = await trio.run_process(
                ["chronyc", "-c", "tracking"],
                capture_stdout=True,
                stderr=subprocess.DEVNULL,
                check=False,
            )
        except OSError:
            return None
        if done.returncode != 0:
            return None
        return tracking_error_us(done.stdout.decode(errors="replace"))
    return None
