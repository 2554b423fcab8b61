"""A word to whoever waits for long work of this process, on a terminal only."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.status import Status

from node.command.display import console
from node.command.exit_status import plain

if TYPE_CHECKING:
    from pathfinder.network import Network

PATIENCE_S: Final = 1.0  # after it a person wants to know what is going on


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """Shows the text on standard error once the block has run for `PATIENCE_S`, until it ends."""
    if not sys.stderr.isatty():
        yield
        return
    status = Status(plain(text), console=console(error=True))
    begin = threading.Timer(PATIENCE_S, status.start)
    begin.daemon = True
    begin.start()
    try:
        yield
    finally:
        begin.cancel()
        begin.join()
        status.stop()


def read_patiently(file: Path) -> "Network":
    """As `network_file.read_network`, and a large file says that it is being read."""
    from pathfinder.files.network_file import read_network

    with waiting(f"reading {file}"):
        return read_network(file)
