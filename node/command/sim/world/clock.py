"""The clocks of a simulated machine: trio's virtual time, off by what a fault makes of it."""

import trio

from node.command.sim.cast import NOW_US
from proto.limits import US


def elapsed_us() -> int:
    """Virtual microseconds since the run began."""
    return round(trio.current_time() * US)


class SkewedClock:
    """See `runtime.clock.Clock`. `skew_us` may be changed at any time: then the clock steps."""

    def __init__(self, declared_error_us: int, skew_us: int = 0) -> None:
        self._error_us = declared_error_us
        self.skew_us = skew_us

    def now_us(self) -> int:
        return NOW_US + elapsed_us() + self.skew_us

    def error_us(self) -> int:
        return self._error_us

    def monotonic_us(self) -> int:
        return elapsed_us()
