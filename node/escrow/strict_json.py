"""JSON as templates and instances use it: no key twice, no fractions, nothing that Python adds.

The sketch in which templates began repeats a key; a plain reader drops the first half silently.
"""

import json
from typing import Any, Final, NoReturn

from node.escrow.faults import FaultCode, TemplateFault, shown
from proto.limits import MAX_AMOUNT

MAX_NUMBER_CHARS: Final = 20  # of -(2^63 - 1); Python itself would read thousands of digits


class _Refused(ValueError):
    """Why the text is refused; becomes a TemplateFault, which knows the place."""


def read_json(data: bytes, place: str, at_most: int) -> dict[str, Any]:
    """The object in `data`, at most so many bytes. Raises TemplateFault."""
    if len(data) > at_most:
        raise TemplateFault(FaultCode.TOO_LONG, place, f"has more than {at_most} bytes")
    try:
        value = json.loads(
            data.decode(),
            object_pairs_hook=_once,
            parse_float=_no_fraction,
            parse_int=_whole,
            parse_constant=_no_fraction,
        )
    except json.JSONDecodeError as error:
        cause = f"is not JSON: line {error.lineno}, column {error.colno}: {error.msg}"
        raise TemplateFault(FaultCode.UNREADABLE, place, cause) from error
    except UnicodeDecodeError as error:
        raise TemplateFault(FaultCode.UNREADABLE, place, "is not UTF-8") from error
    except RecursionError as error:
        raise TemplateFault(FaultCode.UNREADABLE, place, "is nested too deeply") from error
    except _Refused as error:
        raise TemplateFault(FaultCode.UNREADABLE, place, str(error)) from error
    if not isinstance(value, dict):
        raise TemplateFault(FaultCode.SHAPE, place, "is not a JSON object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Refused(f"names {shown(key)} twice in one object")
        found[key] = value
    return found


def _whole(text: str) -> int:
    if len(text) > MAX_NUMBER_CHARS or abs(int(text)) > MAX_AMOUNT:
        raise _Refused("holds a number beyond 2^63 - 1")
    return int(text)


def _no_fraction(text: str) -> NoReturn:
    raise _Refused(f"holds {shown(text)}: only whole numbers count here")
