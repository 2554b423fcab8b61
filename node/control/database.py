"""What the store holds and what it costs: rows and bytes of each table, archive, log, free disk."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import trio
from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import DBAPIError

from node.control.context import Context
from node.core.rows import Promise, Row
from node.store import archive, metadata
from runtime.faults import reading


async def look(context: Context) -> dict[str, Any]:
    """The answer of `status --db`. StoreFailed. Bytes are None where the database cannot tell.

    It reads every page of a large store once, so it does that beside everything else.
    """
    rows = list(context.engine.memory.rows.values())
    counted = await trio.to_thread.run_sync(_count, context.store_engine)
    oldest_us = await trio.to_thread.run_sync(_oldest_us, rows)
    age_us = None if oldest_us is None else context.clock.now_us() - oldest_us
    return counted | {
        "oldest_pending_s": None if age_us is None else age_us // 1_000_000,
        "ageing": len(context.engine.memory.ageing),
        "rows_in_memory": len(context.engine.memory.rows),
        "wal_bytes": _wal_bytes(context),
        "free_disk_bytes": _free_bytes(context),
    }


def _oldest_us(rows: Sequence[Row]) -> int | None:
    """When the oldest promise that waits was made. Rows are frozen: any thread may read them."""
    return min((p.made_at_us for p in rows if isinstance(p, Promise) and p.pending), default=None)


def _count(engine: Engine) -> dict[str, Any]:
    with reading(engine) as connection:
        sizes = _sizes(connection)
        tables = [
            {"name": t.name, "rows": connection.scalar(select(func.count()).select_from(t)),
             "bytes": sizes.get(t.name)}
            for t in metadata.sorted_tables
        ]  # fmt: skip
        columns = (
            func.count(), func.sum(archive.c.entries), func.sum(func.length(archive.c.data)),
            func.min(archive.c.archived_at_us),
        )  # fmt: skip
        blocks, entries, data, oldest = connection.execute(select(*columns)).one()
    index = sizes.get("archive_key") or 0
    whole = (sizes.get("archive") or int(data or 0)) + index
    return {
        "tables": tables,
        "archive": {
            "blocks": blocks,
            "entries": int(entries or 0),
            "bytes": whole,
            "bytes_per_entry": whole // int(entries) if entries else None,
            "oldest_us": oldest,
        },
    }


def _sizes(connection: Connection) -> dict[str, int]:
    """Bytes of each table with its indices, as far as the database says."""
    if connection.dialect.name == "postgresql":
        query = (
            "SELECT relname, pg_total_relation_size(oid) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
        )
    else:
        query = (
            "SELECT m.tbl_name, sum(s.pgsize) FROM dbstat s"
            " JOIN sqlite_master m ON m.name = s.name GROUP BY m.tbl_name"
        )
    try:
        return {name: int(size) for name, size in connection.exec_driver_sql(query)}
    except DBAPIError:
        return {}  # SQLite without its dbstat table


def store_bytes(context: Context) -> int | None:
    """The whole store, its log included; None where it is not a file of ours."""
    path = context.database_file
    if path is None:
        return None
    return path.stat().st_size + (_wal_bytes(context) or 0)


def _wal_bytes(context: Context) -> int | None:
    path = context.database_file
    if path is None:
        return None
    wal = path.with_name(path.name + "-wal")
    return wal.stat().st_size if wal.exists() else 0


def _free_bytes(context: Context) -> int | None:
    """Of the disk that the store lies on; None where that is a server's."""
    path: Path | None = context.database_file
    if path is None:
        return None
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize
