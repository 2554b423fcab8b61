"""python -m tests.registry.dying DIR POINT NTH: the real daemon, which kills itself at a point.

SIGKILL between two steps of a decision, at the NTH time it gets there; POINT "-" never. Its clock
is the machine's, moved by what DIR/clock.offset holds (µs), looked up at each reading.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trio

import registry.daemon as daemon_room
from registry.config import read_config
from registry.daemon import Daemon
from registry.home import Home
from registry.signer import Signer
from registry.store import Ledger, open_ledger
from registry.store_postgresql import PostgresqlStatements
from registry.store_sqlite import SqliteStatements
from runtime.clock import SystemClock

OFFSET = "clock.offset"

# Where -> the methods after which it dies.
POINTS: dict[str, list[tuple[Any, str]]] = {
    "inserted": [
        (SqliteStatements, "insert_decisions"),
        (PostgresqlStatements, "insert_decisions"),
    ],
    "with the lease": [(PostgresqlStatements, "take_lease")],
    "logged": [
        (SqliteStatements, "insert_entries"),
        (PostgresqlStatements, "insert_entries"),
    ],
    "committed": [(Ledger, "decide")],
    "signed": [(Signer, "statements_bytes")],
}


class MovedClock(SystemClock):
    """The machine's clock, moved by a file."""

    def __init__(self, path: Path, error_us: int) -> None:
        super().__init__(error_us)
        self._path = path

    def now_us(self) -> int:
        moved = int(self._path.read_text()) if self._path.exists() else 0
        return super().now_us() + moved


def arm(point: str, nth: int) -> None:
    """From here on the process dies there."""
    left = [nth]
    for owner, name in POINTS.get(point, []):
        setattr(owner, name, _deadly(getattr(owner, name), left))


def _deadly(method: Callable[..., object], left: list[int]) -> Callable[..., object]:
    def dying(*arguments: Any, **named: Any) -> object:
        left[0] -= 1
        result = method(*arguments, **named)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return dying


def main(directory: Path, point: str, nth: int) -> None:
    home = Home(directory)
    config = read_config(home.config)
    clock = MovedClock(directory / OFFSET, config.declared_error_us)
    arm(point, nth)
    with open_ledger(config.database_in(directory)) as store:
        daemon = Daemon(home, config, clock, store)
        trio.run(daemon_room._until_signalled, daemon, lambda line: print(line, flush=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
