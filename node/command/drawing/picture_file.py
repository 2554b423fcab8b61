"""The file of a picture: what it may be called, and how it is written. Loads nothing heavy."""

from pathlib import Path
from typing import Any, Final

import click

from node.command.argument_types import require_new_file
from node.command.exit_status import UNUSABLE, fail, plain

SVG: Final = ".svg"
PNG: Final = ".png"
KINDS: Final = (SVG, PNG)


def kind_of(path: Path) -> str | None:
    """SVG or PNG by the name's end; None = neither."""
    suffix = path.suffix.lower()
    return suffix if suffix in KINDS else None


class PictureFile(click.ParamType[Path]):
    """A new file whose name says what kind of picture it is to be."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(str(value))
        if kind_of(path) is None:
            kinds = " or ".join(KINDS)
            self.fail(f"{plain(str(value)[:200])!r} does not end in {kinds}", param, ctx)
        return path


PICTURE: Final = PictureFile()


def require_place(path: Path | None) -> None:
    """Ends the command, before it does anything, where the picture could not be written."""
    try:
        require_new_file(path)
    except OSError as error:  # a name longer than the disk takes, a folder that nobody may enter
        fail(UNUSABLE, f"{path}: cannot be written: {error.strerror}")


def write_picture(path: Path, data: bytes) -> None:
    """Writes a new file. Ends the command where the disk refuses, and then leaves no half of it."""
    try:
        with path.open("xb") as file:
            try:
                file.write(data)
            except OSError:
                path.unlink(missing_ok=True)
                raise
    except FileExistsError:
        fail(UNUSABLE, f"{path}: exists already, and is left as it is: name another file")
    except OSError as error:
        fail(UNUSABLE, f"{path}: cannot be written: {error.strerror}")
