"""How much of their stores the daemons have filled."""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from node.config import CONFIG_NAME, read_config
from node.daemon import DATABASE
from registry.config import read_config as read_registry_config
from registry.home import Home


def node_database(home: Path) -> Path:
    """Where a node keeps its books."""
    return read_config(home / CONFIG_NAME).data_path(home) / DATABASE


def registry_database(home: Path) -> Path:
    """Where a registry keeps its decisions."""
    return home / read_registry_config(Home(home).config).database


def used_bytes(database: Path) -> int:
    """Pages in use, those that are still in the write-ahead log included. OSError."""
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            size, count, free = (
                connection.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_size", "page_count", "freelist_count")
            )
    except sqlite3.Error as error:
        raise OSError(0, str(error), str(database)) from error
    return int(size) * (int(count) - int(free))


def used_by(stores: Mapping[str, Callable[[], int]]) -> dict[str, int]:
    """By name, whatever says how much it is. OSError, ServerFault."""
    return {name: used() for name, used in stores.items()}
