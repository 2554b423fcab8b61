"""A clean no to the owner, and arguments that are checked before anything else."""

from collections.abc import Mapping
from typing import Any

from proto.limits import MAX_AMOUNT
from proto.reason import Refusal

MAX_TEXT = 65_536  # a card or a request is a few kilobytes


class ControlFailure(Exception):
    """Travels as Failure. `code` is stable: a Reason's name, BAD_ARGUMENT, NOT_FOUND, …"""

    def __init__(self, code: str, message: str = "", next_step: str = "", figure: int = 0) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.next_step = next_step
        self.figure = figure


def refuse(refusal: Refusal | None) -> None:
    """Raises where the core refused."""
    if refusal is not None:
        raise ControlFailure(refusal.reason.name, figure=refusal.figure)


def bad_argument(name: str, cause: str) -> ControlFailure:
    """An argument that cannot be used; to be raised."""
    return ControlFailure("BAD_ARGUMENT", f"{name}: {cause}")


class Arguments:
    """A JSON object whose keys are taken one by one; what is left over is unknown."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._left = dict(given)

    def done(self) -> None:
        """BAD_ARGUMENT for a key that the verb does not have."""
        for name in self._left:
            raise bad_argument(name, "unknown argument")

    def _take(self, name: str, kind: type, default: Any) -> Any:
        value = self._left.pop(name, None)
        if value is None:
            if default is ...:
                raise bad_argument(name, "missing")
            return default
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise bad_argument(name, f"must be {kind.__name__}")
        return value

    def text(self, name: str, default: Any = ..., most: int = MAX_TEXT) -> str:
        value: str = self._take(name, str, default)
        if value is not None and len(value) > most:
            raise bad_argument(name, f"more than {most} characters")
        return value

    def maybe_text(self, name: str) -> str | None:
        value: str | None = self.text(name, None)
        return value

    def number(self, name: str, default: Any = ..., least: int = 0, most: int = MAX_AMOUNT) -> int:
        value: int = self._take(name, int, default)
        if value is not None and not least <= value <= most:
            raise bad_argument(name, f"must lie between {least} and {most}")
        return value

    def maybe_number(self, name: str, least: int = 0, most: int = MAX_AMOUNT) -> int | None:
        value: int | None = self.number(name, None, least, most)
        return value

    def flag(self, name: str, default: Any = ...) -> bool:
        value: bool = self._take(name, bool, default)
        return value

    def texts(self, name: str, most: int = 64) -> list[str] | None:
        value = self._take(name, list, None)
        if value is None:
            return None
        if len(value) > most or not all(isinstance(v, str) for v in value):
            raise bad_argument(name, f"must be a list of at most {most} texts")
        return list(value)

    def mapping(self, name: str) -> dict[str, Any] | None:
        value: dict[str, Any] | None = self._take(name, dict, None)
        return value
