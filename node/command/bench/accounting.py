"""What a daemon's processor time goes to: cryptography, database, gRPC, and the rest.

Cryptography is what libsodium is called for; TLS belongs to gRPC. Database is what turns writes
into a durable transaction. gRPC is asyncio's thread and those of the library itself. The rest is
the engine: reading and making messages, the core, rows, hashes, waiting tasks.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import trio

CATEGORIES: Final = ("crypto", "database", "grpc", "rest")
INTERVAL_S: Final = 0.1  # a hundredth of the window that is usual, so the edges do not matter
MOST_WAIT_S: Final = 10.0  # a hundred intervals: on a machine that busy no figure means anything

METERED: Final = (
    "crypto_aead_chacha20poly1305_ietf_encrypt",
    "crypto_scalarmult",
    "crypto_scalarmult_base",
    "crypto_sign",
    "crypto_sign_open",
    "crypto_sign_seed_keypair",
)
_DECIDER: Final = "decider"  # the registry's thread, which does nothing but its database
_WORKING: Final = ("MainThread", "writer", _DECIDER)  # all others serve gRPC


class _Meter:
    """Processor time inside some functions, by thread. Never inside one of them twice."""

    def __init__(self) -> None:
        self._spent_ns: dict[int, int] = {}

    def measured(self, function: Callable[..., Any]) -> Callable[..., Any]:
        spent_ns, clock, own = self._spent_ns, time.thread_time_ns, threading.get_ident

        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            began_ns = clock()
            try:
                return function(*args, **kwargs)
            finally:
                thread = own()
                spent_ns[thread] = spent_ns.get(thread, 0) + clock() - began_ns

        return timed

    def of(self, thread: int | None) -> int:
        return self._spent_ns.get(thread or 0, 0)

    @property
    def total_ns(self) -> int:
        return sum(list(self._spent_ns.values()))


class Accounts:
    """The meters of this process. Made before anything else imports what they measure."""

    def __init__(self) -> None:
        self._crypto, self._database = _Meter(), _Meter()
        sodium = import_module("nacl.bindings")
        for name in METERED:
            setattr(sodium, name, self._crypto.measured(getattr(sodium, name)))
        writer: Any = import_module("runtime.writer")
        writer.Committer.commit = self._database.measured(writer.Committer.commit)

    def read(self) -> dict[str, int]:
        """Nanoseconds so far, by category. A part is read before its whole: none is too large."""
        crypto_ns, database_ns = self._crypto.total_ns, self._database.total_ns
        threads = _working_threads()
        deciding_ns = self._crypto.of(threads.get(_DECIDER))
        spent_ns = {name: _thread_ns(ident) for name, ident in threads.items()}
        total_ns = time.process_time_ns()
        database_ns += spent_ns.get(_DECIDER, 0) - deciding_ns
        grpc_ns = total_ns - sum(spent_ns.values())
        rest_ns = total_ns - crypto_ns - database_ns - grpc_ns
        return dict(zip(CATEGORIES, (crypto_ns, database_ns, grpc_ns, rest_ns), strict=True))


def _working_threads() -> dict[str, int]:
    """By name. A thread that is about to start is listed already, but has no number yet."""
    threads = [(t.name, t.ident) for t in threading.enumerate()]
    return {name: ident for name, ident in threads if name in _WORKING and ident is not None}


def _thread_ns(ident: int) -> int:
    return time.clock_gettime_ns(time.pthread_getcpuclockid(ident))


def run_accounted(main: Callable[[], None], file: Path) -> None:
    """Runs it, and keeps in `file` what its time has gone to so far."""
    accounts = Accounts()

    def keep() -> None:
        fresh = file.with_suffix(".new")
        while True:
            time.sleep(INTERVAL_S)
            at_ns = time.monotonic_ns()  # one clock for all processes of a machine
            fresh.write_text(json.dumps({"at_ns": at_ns, "spent_ns": accounts.read()}))
            fresh.replace(file)  # whoever reads meanwhile finds all of it

    threading.Thread(target=keep, name="accounts", daemon=True).start()
    main()


async def read_accounts(
    files: Mapping[str, str], most_s: float = MOST_WAIT_S
) -> dict[str, dict[str, int]]:
    """By process, nanoseconds by category, as of a moment after this call.

    Left out is who keeps no account, or, dead or starved, says nothing new within `most_s`.
    """
    now_ns = time.monotonic_ns()
    found: dict[str, dict[str, int]] = {}
    with trio.move_on_after(most_s):
        while len(found) < len(files):
            for name in files.keys() - found.keys():
                if (spent_ns := _as_of(Path(files[name]), now_ns)) is not None:
                    found[name] = spent_ns
            await trio.sleep(INTERVAL_S / 4)
    return found


def _as_of(file: Path, at_least_ns: int) -> dict[str, int] | None:
    with suppress(FileNotFoundError):
        read = json.loads(file.read_text())
        if read["at_ns"] >= at_least_ns:
            spent_ns: dict[str, int] = read["spent_ns"]
            return spent_ns
    return None


def spent_us(
    before: Mapping[str, Mapping[str, int]], after: Mapping[str, Mapping[str, int]], payments: int
) -> dict[str, dict[str, float]]:
    """By process and category, µs per payment between two readings."""
    return {
        name: {
            category: (spent_ns - before[name][category]) / payments / 1000
            for category, spent_ns in spent.items()
        }
        for name, spent in after.items()
        if name in before
    }
