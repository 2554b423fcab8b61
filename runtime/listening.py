"""Hearing from a PostgreSQL server that another process has written: LISTEN and NOTIFY.

What is heard is only that there is news; what it is says a table. Each connection that is made
anew counts as news, since nobody knows what was said meanwhile.
"""

import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import outcome
import trio
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from runtime.handover import Fuse, wake_trio

log = logging.getLogger(__name__)

RETRY_S: Final = 1.0  # a server that is away is asked again this often
LOOK_S: Final = 0.2  # how soon the end of the daemon is noticed

# Channels belong to the whole database, and a schema's name may be too long for one.
_CHANNEL: Final = text("SELECT 'pledgeway_' || md5(current_schema())")
_NOTIFY: Final = text("SELECT pg_notify('pledgeway_' || md5(current_schema()), '')")


def announce(connection: Connection) -> None:
    """Whoever listens to this schema hears of the transaction, once it is committed."""
    connection.execute(_NOTIFY)


@asynccontextmanager
async def listening(engine: Engine, heard: Callable[[], None]) -> AsyncIterator[None]:
    """Calls `heard` on trio, once for several announcements that come together.

    DaemonCrash where the thread meets a bug of ours.
    """
    fuse = Fuse()
    wake = wake_trio(trio.lowlevel.current_trio_token())
    closing = threading.Event()

    def run() -> None:
        ended = outcome.capture(_listen, engine, lambda: wake(heard), closing)
        if isinstance(ended, outcome.Error):
            fuse.blow("the listening thread", ended.error)

    thread = threading.Thread(target=run, name="listening", daemon=True)
    thread.start()
    with fuse.guard():
        try:
            yield
        finally:
            closing.set()
            with trio.CancelScope(shield=True):  # bounded by LOOK_S, or by a connection's timeout
                await trio.to_thread.run_sync(thread.join)


def _listen(engine: Engine, heard: Callable[[], object], closing: threading.Event) -> None:
    errors: Any = engine.dialect.loaded_dbapi.Error
    while not closing.is_set():
        try:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                driver: Any = connection.connection.driver_connection
                connection.detach()  # it must not go on listening in the pool
                channel = connection.scalar(_CHANNEL)
                connection.exec_driver_sql(f'LISTEN "{channel}"')
                heard()
                while not closing.is_set():
                    for _ in driver.notifies(timeout=LOOK_S, stop_after=1):
                        heard()
        except (DBAPIError, errors) as error:
            log.warning("cannot listen to the store: %s", " ".join(str(error).split()))
            if not closing.is_set():
                time.sleep(RETRY_S)
