"""What an input reaches: pairs of lines of our own packages, one executed after the other.

A tracer of Python's own, some twenty times slower than the parser alone: enough to choose what to
keep, and to be guided where no fuzzer with compiled-in coverage is installed.
"""

import sys
from collections.abc import Callable
from functools import _lru_cache_wrapper, cache
from pathlib import Path
from types import FrameType
from typing import Any, Final

import outcome

from tests.fuzz.target import Target, check

ROOT: Final = str(Path(__file__).parent.parent.parent)
PACKAGES: Final = ("proto", "runtime", "node", "registry", "pathfinder")
_PREFIXES: Final = tuple(f"{ROOT}/{package}/" for package in PACKAGES)

Arc = tuple[str, int, int]
"""(file below the root, line before, line)."""


def ours(name: str) -> bool:
    """Whether a file is the project's own and written by people."""
    return name.startswith(_PREFIXES) and not name.startswith(f"{ROOT}/proto/v1/")


@cache
def _memories() -> list[Any]:
    """Of functions and of classes' methods. Not by way of the collector: a daemon that ran here
    has frozen what there was."""
    rooms = [m for name, m in sys.modules.items() if name.split(".")[0] in PACKAGES]
    values = [value for room in rooms for value in vars(room).values()]
    kinds = [value for value in values if isinstance(value, type)]
    values += [value for kind in kinds for value in vars(kind).values()]
    plain = [getattr(value, "__func__", value) for value in values]
    return list({id(m): m for m in plain if isinstance(m, _lru_cache_wrapper)}.values())


def forget() -> None:
    """Empties the memories of the packages' functions: what is remembered is not executed."""
    for memory in _memories():
        memory.cache_clear()


def reach(target: Target, data: bytes) -> set[Arc]:
    """Runs the target under the tracer. Where it breaks, what was reached until then."""
    arcs: set[Arc] = set()
    before: dict[int, int] = {}

    def lines(frame: FrameType, event: str, _: Any) -> Callable[..., Any]:
        if event == "line":
            last = before.get(id(frame), 0)
            arcs.add((frame.f_code.co_filename[len(ROOT) + 1 :], last, frame.f_lineno))
            before[id(frame)] = frame.f_lineno
        return lines

    def calls(frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        if not ours(frame.f_code.co_filename):
            return None
        before[id(frame)] = -frame.f_code.co_firstlineno
        return lines

    forget()
    old = sys.gettrace()
    sys.settrace(calls)
    try:
        outcome.capture(check, target, data)
    finally:
        sys.settrace(old)
    return arcs


def called(target: Target, data: bytes) -> set[tuple[str, str]]:
    """(file, qualified name) of every function of ours that the input makes run."""
    found: set[tuple[str, str]] = set()

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and ours(frame.f_code.co_filename):
            name = frame.f_code.co_filename[len(ROOT) + 1 :]
            found.add((name, frame.f_code.co_qualname))

    forget()
    old = sys.getprofile()
    sys.setprofile(note)
    try:
        check(target, data)
    finally:
        sys.setprofile(old)
    return found
