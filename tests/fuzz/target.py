"""What a target of fuzzing is, and what must hold of every input, whatever it is.

A parser may refuse, with the exceptions that its callers expect and with one line that can be shown
to a person. What it accepts can be written again: to the same bytes where there is one form only,
else to bytes that read as the same.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tests.fuzz.mutate import Form

MAX_SAID_CHARS: Final = 1000  # a cause may quote what it met where that is short: logs are read


class Broken(AssertionError):
    """A parser did with some input what none may do."""


@dataclass(frozen=True)
class Target:
    """`parse` gives None where it refuses without an exception. `write`: the bytes of what `parse`
    gave; `exact`: they must be the bytes that were read. `seeds`: inputs that are accepted.

    `cost`: how many times the time of a usual one it takes.
    """

    name: str
    parse: Callable[[bytes], Any]
    raises: tuple[type[BaseException], ...]
    seeds: tuple[bytes, ...]
    write: Callable[[Any], bytes] | None = None
    exact: bool = False
    form: Form = Form.FIELDS
    cost: int = 1


def check(target: Target, data: bytes) -> bool:
    """Whether the input was accepted. Broken, or whatever it raised, where the parser failed."""
    try:
        value = target.parse(data)
    except target.raises as refused:
        _check_said(target, refused)
        return False
    if value is None:
        return False
    if target.write is None:
        return True
    written = target.write(value)
    if target.exact and written != data:
        raise Broken(f"{target.name}: accepted, and written otherwise: {written.hex()}")
    if not target.exact and (again := target.parse(written)) != value:
        raise Broken(f"{target.name}: {value} was written, and read as {again}")
    return True


def _check_said(target: Target, refused: BaseException) -> None:
    """A cause ends up in a terminal or a log: control characters could repaint the one and forge
    lines of the other."""
    said = str(refused)
    if not said.isprintable():
        raise Broken(f"{target.name}: refused with what cannot be shown: {said!r}")
    if len(said) > MAX_SAID_CHARS:
        raise Broken(f"{target.name}: refused with {len(said)} characters")
