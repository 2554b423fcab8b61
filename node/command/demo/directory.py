"""Where a demo leaves its books: a folder of the user's that holds nothing yet."""

import os
from pathlib import Path
from typing import Final

from node.command.exit_status import REFUSED, UNUSABLE, fail

MAX_DIRECTORY_BYTES: Final = 80  # house00/control.sock behind it must fit into a socket's address


def require_usable(keep: Path) -> None:
    """Ends the program where it is in use, or its name too long."""
    length = len(os.fsencode(keep.absolute()))
    if length > MAX_DIRECTORY_BYTES:
        fail(UNUSABLE, f"{keep}: {length} bytes of path, more than {MAX_DIRECTORY_BYTES}:"
             " the sockets in it would have no address")  # fmt: skip
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        fail(REFUSED, f"{keep}: exists already, and is left as it is: name another directory")
