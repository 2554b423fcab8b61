"""Reading a stranger's JSON: every value knows its place, every complaint names it."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from pathfinder.files.json_locate import unreadable_place
from pathfinder.network import name_fault
from proto.fees import check_fee_rate
from proto.limits import MAX_AMOUNT
from proto.money import Rate

MAX_FIELDS: Final = 16  # no object of fixed keys has more than six
_SHOWN_CHARS: Final = 80  # of a name in an error: more would break the one line it has
_NOTHING: Final[Mapping[str, Collection[str]]] = MappingProxyType({})
# A million lines with all fees of their own hold 8 objects and 16 commas each, a hundred thousand
# nodes 9 and 30. More would fill gigabytes of memory before anybody has looked at one value.
MAX_BRACKETS: Final = 10_000_000
MAX_COMMAS: Final = 24_000_000
_HINTS: Final = {
    b"\xff\xfe": " (it looks like UTF-16)",
    b"\xfe\xff": " (it looks like UTF-16)",
    b"\x1f\x8b": " (it looks like gzip)",
}
_MARK: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"  # what editors write at the start of a file


class NetworkFileError(Exception):
    """The file is no network. `place` is a path such as ``nodes.A.fees.ATOMIC.rate``."""

    def __init__(self, place: str, cause: str, file: str = "") -> None:
        super().__init__(place, cause, file)
        self.place, self.cause, self.file = place, cause, file

    def __str__(self) -> str:
        return ": ".join(part for part in (self.file, self.place, self.cause) if part)


def shown(text: str) -> str:
    """A stranger's text, fit for one line of an error."""
    cut = text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…"
    return cut if cut.isprintable() else ascii(cut)[1:-1]


@dataclass(frozen=True, slots=True)
class At:
    """A value of the file and the place where it stands; `cause` raises for that place."""

    place: str
    value: Any

    def fail(self, cause: str) -> NetworkFileError:
        return NetworkFileError(self.place, cause)

    def down(self, key: str, value: Any) -> "At":
        return At(f"{self.place}.{shown(key)}" if self.place else shown(key), value)

    def entries(self, *, limit: int, what: str) -> Iterator[tuple[str, "At"]]:
        """The entries of an object whose keys are names. Nothing is checked before it is asked."""
        if not isinstance(self.value, dict):
            raise self.fail(f"is an object, not {_kind(self.value)}")
        if len(self.value) > limit:
            raise self.fail(f"holds at most {limit} {what}, not {len(self.value)}")
        for key, value in self.value.items():
            yield key, self.down(key, value)

    def fields(self, *allowed: str, required: tuple[str, ...] = ()) -> dict[str, "At"]:
        """The fields of an object whose keys are known."""
        found = dict(self.entries(limit=MAX_FIELDS, what="keys"))
        for key, at in found.items():
            if key not in allowed:
                raise at.fail("unknown key")
        for key in required:
            if key not in found:
                raise self.down(key, None).fail("is missing")
        return found

    def values(self, *, limit: int, what: str) -> list[Any]:
        """The members of a list, without their places; `item` gives the one of each."""
        if not isinstance(self.value, list):
            raise self.fail(f"is a list, not {_kind(self.value)}")
        if len(self.value) > limit:
            raise self.fail(f"holds at most {limit} {what}, not {len(self.value)}")
        return self.value

    def item(self, i: int) -> "At":
        """One member of a list."""
        return At(f"{self.place}[{i}]", self.value[i])

    def items(self, *, limit: int, what: str) -> Iterator["At"]:
        """The members of a list. Nothing is checked before the first is asked for."""
        for i in range(len(self.values(limit=limit, what=what))):
            yield self.item(i)

    def text(self) -> str:
        if not isinstance(self.value, str):
            raise self.fail(f"is a string, not {_kind(self.value)}")
        return self.value

    def name(self) -> str:
        name = self.text()
        if cause := name_fault(name):
            raise self.fail(cause)
        return name

    def flag(self) -> bool:
        if not isinstance(self.value, bool):
            raise self.fail(f"is true or false, not {_kind(self.value)}")
        return self.value

    def natural(self, limit: int = MAX_AMOUNT) -> int:
        value = self.value
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.fail(f"is an integer, not {_kind(value)}")
        if not 0 <= value <= limit:
            raise self.fail(f"lies between 0 and {limit}, not {_number(value)}")
        return value

    def fee_rate(self) -> Rate:
        text = self.text()
        try:
            return check_fee_rate(Rate.parse(text))
        except ValueError as error:
            raise self.fail(shown(str(error))) from error


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a string", bool: "true or false"}
    kinds |= {int: "an integer", float: "a fraction", type(None): "null"}
    return kinds[type(value)]


def _number(value: int) -> str:
    # An integer of thousands of digits cannot even be printed without a look at its size first.
    return str(value) if abs(value) < 10**30 else "a number beyond all limits"


def read_text(data: bytes) -> str:
    """The characters of a file. Raises NetworkFileError where it is not UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        hint = _HINTS.get(data[:2], "")
        raise NetworkFileError(f"byte {error.start}", f"not UTF-8{hint}") from error


def read_json(text: str, one_copy: Mapping[str, Collection[str]] = _NOTHING) -> Any:
    """The value that the text stands for. Raises NetworkFileError.

    `one_copy`: by the first key of an object, its keys under which the same few texts stand again
    and again. A million lines would otherwise hold three million texts.
    """
    if text.startswith(_MARK):
        cause = "begins with a byte order mark: save it as UTF-8 without one"
        raise NetworkFileError("line 1 column 1", cause)
    brackets, commas = text.count("{") + text.count("["), text.count(",")
    if brackets > MAX_BRACKETS:
        raise NetworkFileError("", f"holds more than {MAX_BRACKETS} objects and lists")
    if commas > MAX_COMMAS:
        raise NetworkFileError("", f"holds more than {MAX_COMMAS} values")
    try:
        return json.loads(text, object_pairs_hook=_maker(one_copy), parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise NetworkFileError(place, f"not JSON: {error.msg}") from error
    except _Unreadable as error:
        raise NetworkFileError(unreadable_place(text) or shown(error.near), error.cause) from error
    except RecursionError as error:
        raise NetworkFileError(unreadable_place(text), "nested too deeply") from error
    except ValueError as error:  # the language's own bound on the digits of an integer
        cause = "a number of too many digits"
        raise NetworkFileError(unreadable_place(text), cause) from error


class _Unreadable(Exception):
    """The reader knows what is wrong, and of the place only what is near it."""

    def __init__(self, near: str, cause: str) -> None:
        super().__init__(near, cause)
        self.near, self.cause = near, cause


def _maker(
    one_copy: Mapping[str, Collection[str]],
) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    copies: dict[str, str] = {}

    def make(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            counts = Counter(key for key, _ in pairs)
            twice = next(key for key, count in counts.items() if count > 1)
            raise _Unreadable(twice, "the same key twice in one object")
        if pairs and (keys_of := one_copy.get(pairs[0][0])):
            for key in keys_of:
                if type(text := made.get(key)) is str:
                    made[key] = copies.setdefault(text, text)
        return made

    return make


def _no_constant(text: str) -> Any:
    raise _Unreadable("", f"{text} is no number of a network")
