"""Wildcards of templates: {"?": name}, with bounds, at the places where values may stand."""

import re
from dataclasses import dataclass, replace
from enum import Enum, unique
from typing import Any, Final

from node.escrow.faults import FaultCode, TemplateFault, shown
from proto.keys import KEY_BYTES, NodeId
from proto.limits import MAX_AMOUNT, MAX_BRAND_NAME_CHARS
from proto.money import BRAND_ID_BYTES, common_brand

NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,31}")
MAX_TEXT_CHARS: Final = 200  # attributes of a right have 512 bytes in all
MAX_CHOICES: Final = 32
MAX_WILDCARDS: Final = 64  # twice as many as legs; nobody would fill in more
MAX_TIMES: Final = 10**9  # as between the finest and the coarsest unit in use
ANY_REGISTRAR: Final = "any"  # whichever keeps a right of the description
KEYS: Final = frozenset({"?", "type", "min", "max", "one_of", "default", "times"})

Value = str | int


@unique
class Kind(Enum):
    """What may be filled in; the value is how people are told."""

    TEXT = "text"
    NUMBER = "whole number"
    EITHER = "text or whole number"
    AMOUNT = "amount"
    MONEY_BRAND = "brand: a common name such as USD, or a GUID of 32 hex digits"
    RIGHT_BRAND = "brand: a GUID of 32 hex digits"
    REGISTRAR = "registrar: a node id of 64 hex digits, or any"


NUMBERS: Final = (Kind.NUMBER, Kind.AMOUNT)
BOUNDED: Final = (*NUMBERS, Kind.EITHER)


@dataclass(frozen=True, slots=True)
class Fill:
    """What wildcard `name` stands for, `times` so much of it where it is an amount."""

    name: str
    times: int = 1


Slot = Fill | str | int
"""A literal, or what a wildcard stands for."""


@dataclass(frozen=True, slots=True)
class Wildcard:
    """`least` and `most` bound numbers; `one_of`: only these; `default`: where nothing is said."""

    name: str
    kind: Kind
    least: int | None = None
    most: int | None = None
    one_of: tuple[Value, ...] = ()
    default: Value | None = None

    def fault(self, value: Value) -> str | None:
        """Why this value may not be filled in; None where it may."""
        if unfit := unfit_for(self.kind, value):
            return unfit
        if self.one_of and value not in self.one_of:
            return f"{shown(value)} is none of {', '.join(shown(x) for x in self.one_of)}"
        if isinstance(value, int):
            if self.least is not None and value < self.least:
                return f"{value} is less than {self.least}"
            if self.most is not None and value > self.most:
                return f"{value} is more than {self.most}"
        elif self.least is not None or self.most is not None:
            return f"{shown(value)} is no whole number"
        return None


def unfit_for(kind: Kind, value: object) -> str | None:
    """Why a value is not of this kind at all; None where it is."""
    match kind:
        case Kind.AMOUNT:
            if not _is_number(value) or not 1 <= value <= MAX_AMOUNT:  # type: ignore[operator]
                return f"{shown(value)} is no amount from 1 to 2^63 - 1"
        case Kind.NUMBER:
            if not _is_number(value):
                return f"{shown(value)} is no whole number"
        case Kind.MONEY_BRAND:
            if money_brand(value) is None:
                return f"{shown(value)} is no brand: give its common name, or its GUID in hex"
        case Kind.RIGHT_BRAND:
            if hex_bytes(value, BRAND_ID_BYTES) is None:
                return f"{shown(value)} is no GUID of 32 hex digits (0-9, a-f)"
        case Kind.REGISTRAR:
            if value != ANY_REGISTRAR and hex_bytes(value, KEY_BYTES) is None:
                return f"{shown(value)} is no node id of 64 hex digits (0-9, a-f), nor 'any'"
        case Kind.TEXT | Kind.EITHER:
            number = kind is Kind.EITHER and _is_number(value)
            text = isinstance(value, str) and len(value) <= MAX_TEXT_CHARS and value.isprintable()
            if not number and not text:
                return f"{shown(value)} is no printable {kind.value}"
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_AMOUNT


def hex_bytes(value: object, size: int) -> bytes | None:
    """So many bytes in lower-case hex; each value has one spelling. None for anything else."""
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-f]+", value, re.ASCII):
        return None
    return bytes.fromhex(value) if len(value) == 2 * size else None


def node_in_hex(value: object) -> NodeId | None:
    """A node id of 64 lower-case hex digits; None for anything else."""
    found = hex_bytes(value, KEY_BYTES)
    return None if found is None else NodeId(found)


def money_brand(value: object) -> bytes | None:
    """The GUID of a brand of credit: a common brand's name (unit 1), or the GUID in hex."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_BRAND_NAME_CHARS:
        return None
    if found := hex_bytes(value, BRAND_ID_BYTES):
        return found
    # A GUID in capitals would else be a name that nobody means.
    if hex_bytes(value.lower(), BRAND_ID_BYTES) or not value.isprintable():
        return None
    return common_brand(value).guid


class Slots:
    """Collects the wildcards of one template while it is read."""

    def __init__(self) -> None:
        self._found: dict[str, Wildcard] = {}

    @property
    def wildcards(self) -> tuple[Wildcard, ...]:
        """In the order in which they first appear."""
        return tuple(self._found.values())

    def read(self, value: Any, kind: Kind, place: str) -> Slot:
        """A literal of this kind, or a wildcard. Raises TemplateFault."""
        if not isinstance(value, dict):
            if unfit := unfit_for(kind, value):
                raise TemplateFault(FaultCode.SHAPE, place, unfit)
            assert isinstance(value, str | int)
            return value
        name, times = value.get("?"), value.get("times", 1)
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise _bad(place, 'a wildcard is {"?": name}, its name letters, digits and _')
        if unknown := sorted(value.keys() - KEYS):
            raise _bad(place, f"wildcard {name} has an unknown key {shown(unknown[0])}")
        many = _is_number(times) and 1 <= times <= MAX_TIMES
        if not many or (kind is not Kind.AMOUNT and "times" in value):
            raise _bad(place, f"times of {name} is a number from 1 on, and for amounts alone")
        self._note(_wildcard(name, kind, value, place), value, place)
        return Fill(name, times)

    def _note(self, new: Wildcard, value: dict[str, Any], place: str) -> None:
        old = self._found.get(new.name)
        if old is None:
            self._found[new.name] = new
            return
        kind = _both(old.kind, new.kind)
        if kind is None:
            cause = f"{new.name} stands for a {old.kind.value} elsewhere"
            raise _bad(place, cause)
        if not value.keys() <= {"?", "times"} and replace(new, kind=old.kind) != old:
            raise _bad(place, f"{new.name} has other bounds elsewhere: say them once")
        joint = replace(old, kind=kind)
        _check_bounds(joint, place)
        self._found[new.name] = joint


def _both(one: Kind, other: Kind) -> Kind | None:
    """What fits at both places: an attribute may repeat an amount or the name of a brand."""
    if one is other or other is Kind.EITHER:
        return one
    return other if one is Kind.EITHER else None


def _wildcard(name: str, kind: Kind, value: dict[str, Any], place: str) -> Wildcard:
    said = value.get("type")
    if "type" in value:
        if kind is not Kind.EITHER or said not in ("text", "number"):
            raise _bad(place, f"type of {name} is text or number, and for attributes alone")
        kind = Kind.TEXT if said == "text" else Kind.NUMBER
    for key in ("min", "max"):
        if key in value and (kind not in BOUNDED or not _is_number(value[key])):
            raise _bad(place, f"{key} of {name} is a whole number, and for numbers alone")
    choices = value.get("one_of", [])
    if not isinstance(choices, list) or len(choices) > MAX_CHOICES:
        raise _bad(place, f"one_of of {name} is a list of at most {MAX_CHOICES} values")
    if "one_of" in value and not choices:
        raise _bad(place, f"one_of of {name} leaves nothing to choose")
    for x in (*choices, *([value["default"]] if "default" in value else ())):
        if unfit := unfit_for(kind, x):
            raise _bad(place, f"{name}: {unfit}")
    made = Wildcard(
        name, kind, value.get("min"), value.get("max"), tuple(choices), value.get("default")
    )
    _check_bounds(made, place)
    return made


def _check_bounds(w: Wildcard, place: str) -> None:
    if w.least is not None and w.most is not None and w.least > w.most:
        raise _bad(place, f"{w.name} would lie between {w.least} and {w.most}")
    for value in (*w.one_of, *(() if w.default is None else (w.default,))):
        if fault := w.fault(value):
            raise _bad(place, f"{w.name}: {fault}")


def _bad(place: str, cause: str) -> TemplateFault:
    return TemplateFault(FaultCode.BAD_WILDCARD, place, cause)
