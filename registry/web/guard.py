"""What stands before every route: how much is answered at once, and strict headers on all of it.

A look-up that is refused is only late. A commit that is refused becomes an abort: the desk alone
decides what of those it has room for.
"""

from collections.abc import Callable
from typing import Final

from starlette.types import ASGIApp, Scope

from runtime.buckets import Buckets
from runtime.looks.guard import Guard, network_of

MAX_AT_ONCE: Final = 256  # each holds a request of some 30 KB; decisions share the event loop
PER_SECOND: Final = 50  # a person's browser asks for three things to show one page
BURST: Final = 200  # a node that comes back after an hour asks for what it missed
NEVER_REFUSED: Final = ("POST", "/submit")
# Tiles and checkpoints are small files, immutable or two seconds old, and no database is asked for
# them. Who reads a whole log needs one request for 256 entries: ten million take a minute.
LOG_PER_SECOND: Final = 1000
LOG_BURST: Final = 4000
LOG_PATHS: Final = ("/log/", "/tile/", "/checkpoint")

# Pages are text and one stylesheet of our own. Nothing else is ever loaded, run, framed or sent.
POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)


def guarded(app: ASGIApp, monotonic_us: Callable[[], int]) -> ASGIApp:
    """The app behind its guard. `monotonic_us` is the clock that buckets refill by."""
    pages = Buckets(PER_SECOND, BURST)
    log = Buckets(LOG_PER_SECOND, LOG_BURST)  # so neither reader stops the other

    def wait_us(scope: Scope) -> int:
        if (scope["method"], scope["path"]) == NEVER_REFUSED:
            return -1
        prefix, now_us = network_of(scope), monotonic_us()
        buckets = log if scope["path"].startswith(LOG_PATHS) else pages
        if buckets.take(prefix, 1, now_us):
            return 0
        return max(1, buckets.wait_us(prefix, 1, now_us))

    return Guard(app, wait_us, {"Content-Security-Policy": POLICY}, MAX_AT_ONCE)
