"""Reading a daemon's config.toml: bounded, and one line about whatever is wrong with it."""

import tomllib
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
    except RecursionError as error:
        raise TomlFault("not TOML: nested too deeply") from error
