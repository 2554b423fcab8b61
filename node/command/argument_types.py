"""What may stand on the command line: amounts, rates, spans of time, files."""

import sys
from pathlib import Path
from typing import Any, Final

import click

from node.command.exit_status import UNUSABLE, fail
from proto.fees import check_fee_rate
from proto.levels import Level
from proto.modes import Mode
from proto.money import Rate

MAX_DIGITS: Final = 40  # of a number on the command line: anything longer is out of range anyway
MAX_AMOUNT_DIGITS: Final = 19  # of 2^63 - 1
SPAN_UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
MAX_SPAN_S: Final = 10 * 366 * 86_400
RISK_HELP: Final = (
    "Most that the risks of the modes of all in between may add up to: ATOMIC 0, SECURED 1,"
    " GATEWAY 2, BARE 3. 0: everybody is safe whatever fails; 1: one of them has to reach either"
    " its neighbour or the registry in time."
)
AVOID_HELP: Final = (
    "Keep clear of a node in between, or of a line as FROM→TO (FROM->TO; FROM-TO: in both"
    " directions); repeatable."
)
LEVELS: Final = tuple(Level.__members__)
MODES: Final = tuple(mode.name for mode in sorted(Mode, key=lambda mode: mode.risk))


class Natural(click.ParamType[int]):
    """Plain decimal digits: what `int` would also take ("1_0", "٣") is more likely an accident."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        digits = text.removeprefix("-")
        if not digits.isascii() or not digits.isdigit():
            self.fail(f"{text[:MAX_DIGITS]!r} is not a whole number", param, ctx)
        if len(digits) > MAX_DIGITS:
            self.fail("a number of too many digits", param, ctx)
        return int(text)


class CountType(click.ParamType[int]):
    """A whole number in plain digits, within bounds."""

    name = "integer"

    def __init__(self, least: int, most: int) -> None:
        self._least, self._most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        digits = text.isascii() and text.isdigit() and len(text) <= len(str(self._most))
        if not digits or not self._least <= int(text) <= self._most:
            self.fail(
                f"{text!r} is no whole number between {self._least} and {self._most}", param, ctx
            )
        return int(text)


class AmountType(click.ParamType[int]):
    """A whole number of a brand's smallest units. Plain digits: "1_0" or "1e3" is an accident."""

    name = "amount"

    def __init__(self, least: int = 1) -> None:
        self._least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        if not text.isascii() or not text.isdigit():
            self.fail(f"{text!r} is not a whole number of smallest units", param, ctx)
        number = int(text) if len(text) <= MAX_AMOUNT_DIGITS else 1 << 63
        if not self._least <= number < 1 << 63:
            self.fail(f"an amount lies between {self._least} and {(1 << 63) - 1}", param, ctx)
        return number


class RateType(click.ParamType[str]):
    """A decimal such as 1.0005; the node checks its bounds."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return str(check_fee_rate(Rate.parse(str(value))))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class SpanType(click.ParamType[int]):
    """A span in seconds: 90, 90s, 15min, 2h or 7d."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value).strip()
        digits = text.rstrip("smindh")
        unit = SPAN_UNITS.get(text[len(digits) :] or "s")
        if unit is None or not digits.isascii() or not digits.isdigit() or len(digits) > 10:
            self.fail(f"{text!r} is no span of time: say 90s, 15min, 2h or 7d", param, ctx)
        seconds = int(digits) * unit
        if not 1 <= seconds <= MAX_SPAN_S:
            self.fail(f"{text!r} is not between 1 s and ten years", param, ctx)
        return seconds


class NameType(click.ParamType[str]):
    """One of a few names, in any case; shown as the protocol writes them."""

    def __init__(self, name: str, names: tuple[str, ...]) -> None:
        self.name = name
        self._names = names

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value).upper()
        if text not in self._names:
            self.fail(f"{str(value)!r} is none of {', '.join(self._names)}", param, ctx)
        return text


AMOUNT: Final = AmountType()
FLAT_FEE: Final = AmountType(least=0)
LIMIT: Final = AmountType(least=0)
RATE: Final = RateType()
SPAN: Final = SpanType()
LEVEL: Final = NameType("level", LEVELS)
MODE: Final = NameType("mode", MODES)
PATH: Final = click.Path(path_type=Path)


def text_or_file(given: str, prefix: str, what: str, at_most: int) -> str:
    """A text that begins with `prefix`: `given` itself, or in the file of that name.

    "-" is standard input. Ends the command where it is neither.
    """
    if given.startswith(prefix):
        return given
    data = read_file(given, what, at_most)
    try:
        text = data.decode().strip()
    except UnicodeDecodeError:
        text = ""
    if not text.startswith(prefix):
        fail(UNUSABLE, f"{given}: holds no {what}: one begins with {prefix}")
    return text


def read_file(name: str, what: str, at_most: int) -> bytes:
    """The bytes of a file. Ends the command where it cannot be read or is too long to be one."""
    try:
        if name == "-":
            data = sys.stdin.buffer.read(at_most + 1)
        else:
            with Path(name).open("rb") as file:
                data = file.read(at_most + 1)
    except FileNotFoundError:
        fail(UNUSABLE, f"{name}: neither a {what} nor a file that exists")
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) else str(error)
        fail(UNUSABLE, f"{name}: cannot be read: {cause}")
    if len(data) > at_most:
        fail(UNUSABLE, f"{name}: too long for a {what}: more than {at_most} bytes")
    return data


def require_new_file(path: Path | None) -> None:
    """Ends the command, before it does anything, where its result could not be written."""
    if path is None:
        return
    if path.exists():
        fail(UNUSABLE, f"{path}: exists already, and is left as it is: name another file")
    if not path.absolute().parent.is_dir():
        fail(UNUSABLE, f"{path}: its folder does not exist: make it first")


def write_new_file(path: Path, data: bytes) -> None:
    """OSError where the disk refuses; an existing file is not overwritten."""
    with path.open("xb") as file:
        file.write(data)
