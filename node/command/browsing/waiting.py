"""Waiting for what a page will show: the one place that asks again and again."""

import time
from collections.abc import Callable
from typing import Final, TypeVar

from node.command.browsing.wire import BrowserFault, BrowserGone

PATIENCE_S: Final = 60.0  # a busy machine; nobody waits that long unless something is wrong
PAUSE_S: Final = 0.03  # between two questions: shorter than anybody notices

T = TypeVar("T")


def until(question: Callable[[], T], what: str, within_s: float = PATIENCE_S) -> T:
    """The first answer that is true in Python's sense.

    BrowserFault: within the time none was; it names `what` and the last answer or fault. A fault
    of the browser's counts as "not yet", for a page that is being left cannot be asked, unless the
    browser itself is gone: BrowserGone.
    """
    give_up_s = time.monotonic() + within_s
    while True:
        try:
            answer = question()
            last = repr(answer)
        except BrowserGone:
            raise
        except BrowserFault as fault:
            answer, last = None, str(fault)
        if answer:
            return answer
        if time.monotonic() >= give_up_s:
            raise BrowserFault(f"not within {within_s:g} s: {what}; last: {last}")
        time.sleep(PAUSE_S)
