"""Time as an injected thing: POSIX microseconds UTC, with the bound on how wrong they may be."""

import time
from typing import Protocol


class Clock(Protocol):
    """What a daemon knows about time; integers in microseconds (protocol 2, registry 4)."""

    def now_us(self) -> int:
        """Wall clock, POSIX microseconds UTC; may step."""
        ...

    def error_us(self) -> int:
        """Bound on the wall clock's error: true time lies in now_us() +- error_us()."""
        ...

    def monotonic_us(self) -> int:
        """Never goes back, counts pauses of the machine too; only differences mean something."""
        ...


class SystemClock:
    """The machine's clock with an error bound that the operator declares.

    Raises ValueError where the declared bound is negative.
    """

    def __init__(self, declared_error_us: int) -> None:
        if declared_error_us < 0:
            raise ValueError(f"a clock's error bound cannot be negative: {declared_error_us}")
        self._error_us = declared_error_us

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def error_us(self) -> int:
        return self._error_us

    def monotonic_us(self) -> int:
        # BOOTTIME counts a suspended machine, so that comparing it with the wall clock shows a
        # step of the clock and not a closed lid (registry 4.6).
        if hasattr(time, "CLOCK_BOOTTIME"):
            return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
        return time.monotonic_ns() // 1000


class FakeClock:
    """A clock that moves only when told to; wall and monotonic time can be moved apart."""

    def __init__(self, now_us: int = 0, error_us: int = 0) -> None:
        self._now_us = now_us
        self._error_us = error_us
        self._monotonic_us = 0

    def now_us(self) -> int:
        return self._now_us

    def error_us(self) -> int:
        return self._error_us

    def monotonic_us(self) -> int:
        return self._monotonic_us

    def advance(self, by_us: int) -> None:
        """Lets time pass: both clocks move on by `by_us` >= 0."""
        assert by_us >= 0, by_us
        self._now_us += by_us
        self._monotonic_us += by_us

    def set_now(self, now_us: int) -> None:
        """Steps the wall clock, backwards too; no time passes."""
        self._now_us = now_us

    def set_error(self, error_us: int) -> None:
        """Declares another error bound."""
        assert error_us >= 0, error_us
        self._error_us = error_us
