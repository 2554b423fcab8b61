"""Why a database did not do what it was asked, whichever it is."""

import enum
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError


class StoreFault(enum.Enum):
    """Why a group of writes was rolled back, or a row could not be read."""

    STALE_VERSION = "stale version"  # somebody else wrote
    DISK_FULL = "disk full"
    LOCKED = "database locked"
    SERIALISATION = "serialisation failure"  # two writers met; the same again may pass
    CONNECTION = "connection lost"  # a commit may have happened unseen: reload tells
    CONSTRAINT = "constraint violated"  # our bug, most likely
    DATABASE = "database error"


class StoreFailed(Exception):
    """Nothing of the group is on disk, nor of any group put after it and before `resume`.

    CONNECTION alone leaves that open, since the answer to a COMMIT was lost: memory is loaded from
    the disk before anything else happens, and finds out.
    """

    def __init__(self, kind: StoreFault) -> None:
        super().__init__(kind)
        self.kind = kind


class StoreLocked(Exception):
    """Somebody else writes there now: most likely our own connection that was lost."""


# PostgreSQL's SQLSTATE, longest first; a class of two characters stands for all of it.
_STATES: Final = (
    ("53100", StoreFault.DISK_FULL),
    ("53300", StoreFault.CONNECTION),  # too many connections
    ("40001", StoreFault.SERIALISATION),
    ("40P01", StoreFault.SERIALISATION),  # deadlock
    ("55P03", StoreFault.LOCKED),
    ("57014", StoreFault.LOCKED),  # a statement or a lock took longer than is allowed
    ("57P", StoreFault.CONNECTION),  # the server stops, starts or has cast us out
    ("08", StoreFault.CONNECTION),
    ("25006", StoreFault.LOCKED),  # read only: a standby that is not the primary yet
    ("23", StoreFault.CONSTRAINT),
)


def fault_of(error: DBAPIError) -> StoreFault:
    """What the driver's error comes to."""
    if isinstance(error, IntegrityError):
        return StoreFault.CONSTRAINT
    if hasattr(error.orig, "sqlstate"):
        # Without a state the server has said nothing at all.
        state = getattr(error.orig, "sqlstate", None)
        if state is None or error.connection_invalidated:
            return StoreFault.CONNECTION
        for prefix, fault in _STATES:
            if state.startswith(prefix):
                return fault
        return StoreFault.DATABASE
    code = getattr(error.orig, "sqlite_errorcode", None)
    match code & 0xFF if code is not None else None:  # the low byte is the primary code
        case sqlite3.SQLITE_FULL:
            return StoreFault.DISK_FULL
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return StoreFault.LOCKED
        case _:
            return StoreFault.DATABASE


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection to read with. StoreFailed, wherever in the block the database fails."""
    try:
        with engine.connect() as connection:
            yield connection
    except DBAPIError as error:
        raise StoreFailed(fault_of(error)) from error
