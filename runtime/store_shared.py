"""A store on a PostgreSQL server that several processes of one daemon write in at a time.

The locks of `runtime.store_postgresql`, taken together: a daemon that wants the store alone is
turned away while they run, and they while it does. Whoever comes first raises the epoch, so that
a lone daemon that lost its connections before cannot write any more.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

from sqlalchemy import Connection

from runtime.schema import Schema, StoreTaken, prepare
from runtime.store_postgresql import (
    PRESENCE,
    WRITING,
    Claim,
    claim_writing,
    current_epoch,
    is_writer,
    lock_of,
    next_epoch,
    try_lock,
    unlock,
)

ATTEMPTS: Final = 50  # while the first of us makes the tables, the others wait
ATTEMPT_S: Final = 0.1

# Each statement sees what was committed before it: whoever waits for its turn reads what others did
# in theirs. (A writer of one alone has nobody to wait for.)
_EACH_TRANSACTION: Final = (
    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
    # A process that stands still in the middle of its turn does not hold up the others for long.
    "SET LOCAL idle_in_transaction_session_timeout = '5s'",
)


First = Callable[[Connection], None]
"""What the first process does, in a transaction, before any other can join."""


def take_together(first: First, guard: Connection, place: str, schema: Schema) -> Claim:
    """For `open_server_store`: the locks are shared with other processes that take them so."""
    lock = lock_of(guard, place, schema)
    for _ in range(ATTEMPTS):
        epoch = _join(guard, lock, place, schema, first)
        if epoch is not None:
            return partial(_claim, lock, epoch, place, schema)
        time.sleep(ATTEMPT_S)
    raise StoreTaken(f"{place}: another daemon is running on it alone")


def _join(guard: Connection, lock: int, place: str, schema: Schema, first: First) -> int | None:
    """The epoch to write in; None while somebody has the store alone."""
    with guard.begin():
        nobody = try_lock(guard, lock, PRESENCE)
        if not try_lock(guard, lock, PRESENCE, shared=True):
            return None
    if not nobody:
        # Others run: their program's schema must be ours, and `prepare` says so where it is not.
        prepare(guard, place, Schema(schema.kind, schema.metadata, schema.version))
        with guard.begin():
            return guard.scalar(current_epoch(schema))
    with guard.begin():
        alone = try_lock(guard, lock, WRITING)
    epoch = None
    if alone:  # else the connection of one that has just died is still known to the server
        prepare(guard, place, schema)
        epoch = next_epoch(guard, schema)
        with guard.begin():
            first(guard)
    with guard.begin():
        if alone:
            unlock(guard, lock, WRITING)
        unlock(guard, lock, PRESENCE)
    return epoch


def _claim(lock: int, epoch: int, place: str, schema: Schema, connection: Connection) -> None:
    if is_writer(connection):
        for statement in _EACH_TRANSACTION:
            connection.exec_driver_sql(statement)
        claim_writing(lock, epoch, place, schema, connection, shared=True)
