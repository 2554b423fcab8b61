"""Reading a daemon's config.toml: bounded, and one line about whatever is wrong with it."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

MAX_CONFIG_BYTES: Final = 65_536  # ours have a thousand; a mistaken path must not fill our memory


class TomlFault(Exception):
    """What is wrong with the file as a whole, in one line that does not name it."""


def read_toml(path: Path) -> dict[str, Any]:
    """The table that the file holds. TomlFault."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise TomlFault(f"cannot be read: {error.strerror}") from error
    if len(data) > MAX_CONFIG_BYTES:
        raise TomlFault(f"more than {MAX_CONFIG_BYTES} bytes")
    try:
        return tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        # The parser quotes what it met, and that may be any character: one line must stay one.
        raise TomlFault(f"not TOML: {' '.join(str(error).split())}") from error
    except ValueError as error:  # the language's own bound on the digits of an integer
        raise TomlFault("not TOML: a number of too many digits") from error
    except RecursionError as error:
        raise TomlFault("not TOML: nested too deeply") from error


class TomlTable:
    """What a file says, as "key" and "section.key": taken key by key, what is left is unknown."""

    def __init__(self, table: Mapping[str, object]) -> None:
        self._left: dict[str, object] = {}
        for key, value in table.items():
            if isinstance(value, dict):
                self._left |= {f"{key}.{name}": v for name, v in value.items()}
            else:
                self._left[key] = value

    def take(self, key: str, default: object) -> object:
        """The value as it stands there, unchecked."""
        return self._left.pop(key, default)

    def number(self, key: str, least: int, most: int) -> int | None:
        """A whole number; None where the key is absent. TomlFault."""
        if key not in self._left:
            return None
        value = self._left.pop(key)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.fault(key, f"must be a whole number from {least} to {most}")
        return value

    def done(self) -> None:
        """TomlFault for a key that nobody took."""
        for key in self._left:
            # TOML lets a quoted key be any text: one line must stay one.
            raise self.fault(key if key.isprintable() else ascii(key), "unknown key")

    @staticmethod
    def fault(key: str, cause: str) -> TomlFault:
        """What is wrong with the value of a key; to be raised."""
        return TomlFault(f"{key}: {cause}")


def quoted(text: str) -> str:
    """A TOML basic string. The texts are printable, so two escapes suffice."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
