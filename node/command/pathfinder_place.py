"""Which path finder a command means: a directory that really is one's."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from node.command.exit_status import UNUSABLE, fail
from node.command.session import Kind, Session
from pathfinder.config import ConfigFault, read_config

if TYPE_CHECKING:
    from pathfinder.serving.home import Home

PATH_FINDER: Final = Kind("path finder", "pathfinder", "name yours")


def home_of(directory: Path) -> "Home":
    """Ends the command where there is none: a slip of the pen must not make another."""
    # Here, because keys come with gRPC.
    from pathfinder.serving.home import Home

    home = Home(directory.expanduser())
    if not home.config.is_file():
        step = f"make one with `pledgeway pathfinder init {directory}`"
        fail(UNUSABLE, f"{directory}: holds no path finder: {step}")
    try:
        read_config(home.config)
    except ConfigFault as fault:
        fail(UNUSABLE, f"{fault}: is this the folder of a path finder?")
    return home


def session_of(directory: Path, as_json: bool) -> Session:
    """A conversation with the path finder that runs in the directory; another daemon that does is
    not asked. Ends the command where there is none."""
    return Session(home_of(directory).path, as_json, PATH_FINDER)
