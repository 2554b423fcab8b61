"""Where in a text the thing stands that a JSON reader stumbled over without saying where.

Python's own reader is fast and says line and column of a syntax error, but not of what is valid
JSON and still unfit: a key given twice, NaN, a number of thousands of digits, ten thousand
brackets. This walks the text a second time, for the error's sake only.
"""

import json
import re
from typing import Final

MAX_LOCATED_CHARS: Final = 1 << 24  # a few seconds' walk; of a longer file nobody edits by hand
MAX_DEPTH: Final = 200  # a network has six; the reader gives up somewhat below a thousand
MAX_DIGITS: Final = 4300  # of an integer, as the language allows by default
_PLACE_CHARS: Final = 200  # of a place; an error has one line
_STEP_CHARS: Final = 80  # of one key of it
_TOKEN: Final = re.compile(
    r'"(?:[^"\\]|\\.)*+"|[{}\[\],:]|NaN|-?Infinity|-?\d++', re.ASCII | re.DOTALL
)


def unreadable_place(text: str) -> str:
    """The path of the first such thing, as ``lines[3].available``; "" where none is found, or where
    the text is too long to be walked. The text is otherwise JSON up to there."""
    if len(text) > MAX_LOCATED_CHARS:
        return ""
    path: list[str | int] = []  # a key or a number for each bracket that is open
    keys: list[set[str]] = []  # those of each object that is open; a list has none
    last = ""
    for match in _TOKEN.finditer(text):
        token = match.group()
        if token in "{[":
            if len(path) >= MAX_DEPTH:
                return _written(path)
            path.append("" if token == "{" else 0)
            keys.append(set())
        elif token in "}]":
            if not path:
                return ""
            path.pop()
            keys.pop()
        elif token == ":" and path:
            key = _step(last)
            path[-1] = key
            if key in keys[-1]:
                return _written(path)
            keys[-1].add(key)
        elif token == "," and path and isinstance(step := path[-1], int):
            path[-1] = step + 1
        elif token[-1] in "Ny" or (token[0] != '"' and len(token) > MAX_DIGITS):
            return _written(path)
        last = token
    return ""


def _step(token: str) -> str:
    """The key that a token spells."""
    return str(json.loads(token, strict=False)) if "\\" in token else token[1:-1]


def _written(path: list[str | int]) -> str:
    place = ""
    for step in path:
        if isinstance(step, int):
            place += f"[{step}]"
        else:
            cut = step if len(step) <= _STEP_CHARS else step[:_STEP_CHARS] + "…"
            cut = cut if cut.isprintable() else ascii(cut)[1:-1]
            place += f".{cut}" if place else cut
        if len(place) > _PLACE_CHARS:
            return place[:_PLACE_CHARS] + "…"
    return place
