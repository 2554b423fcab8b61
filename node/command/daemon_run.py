"""How `node run` and `pathfinder run` begin and end: what they log, and one line that says why."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node.command.exit_status import REFUSED, UNUSABLE, fail


def log_to_stderr(verbose: bool) -> None:
    """What is wrong; `verbose`: what happens, too."""
    logging.basicConfig(
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        level=logging.INFO if verbose else logging.WARNING,
    )
    # gRPC reports every failed handshake by itself, in a form of its own; ours say whose it was.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")


@contextmanager
def ended_in_one_line(directory: Path, *unusable: type[Exception]) -> Iterator[None]:
    """Ends the command where the daemon in this directory cannot run, or had to stop. `unusable`:
    what says that the directory is no good, each in one line."""
    # Here, so that no other command loads the machinery of a daemon.
    from runtime.handover import DaemonCrash
    from runtime.identity import IdentityFault
    from runtime.rpc_server import BindFailed
    from runtime.store import StoreUnusable

    no_good: tuple[type[Exception], ...] = (*unusable, IdentityFault)
    try:
        yield
    except no_good as fault:
        fail(UNUSABLE, str(fault))
    except BindFailed as fault:
        fail(REFUSED, f"{fault}: is another program there? config.toml says where to listen")
    except (StoreUnusable, DaemonCrash) as fault:
        fail(REFUSED, str(fault))
    except OSError as error:
        fail(REFUSED, f"{directory}: {error.strerror or error}: see its config.toml")
