"""What lies on the disks when everybody has ended: all rows of all nodes, all decisions."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from node.archive import Archive
from node.command.processes.town import Town
from node.config import CONFIG_NAME, read_config
from node.core.rows import Incident, Line, Payment, Promise, Request, Row, Transaction
from node.daemon import DATABASE
from node.store import SCHEMA_VERSION, STORE_KIND, load_rows, metadata
from registry.config import DEFAULTS
from runtime.faults import reading
from runtime.store import open_store

R = TypeVar("R", bound=Row)


@dataclass(frozen=True, slots=True)
class Ledger:
    """One node's books: what is live and what has settled into the archive, in one."""

    name: str
    node: bytes
    lines: tuple[Line, ...]
    promises: Mapping[tuple[bytes, bytes], Promise]  # by (promisor, id)
    transactions: Mapping[bytes, Transaction]  # by commit_id
    payments: tuple[Payment, ...]
    requests: Mapping[bytes, Request]  # by id
    incidents: tuple[Incident, ...]


@dataclass(frozen=True, slots=True)
class Court:
    """One registry's decisions: commit_id -> leaf, and the ids that stand in its log, each as
    often as it stands there."""

    name: str
    registry: bytes
    leaves: Mapping[bytes, bytes]
    logged: tuple[bytes, ...]


def read_ledgers(town: Town) -> list[Ledger]:
    """After every process has ended: a store that is still taken is StoreUnusable."""
    return [
        ledger_of(name, bytes.fromhex(house.node), _rows(_database(house.daemon.directory)))
        for name, house in town.houses.items()
    ]


def ledger_of(name: str, node: bytes, rows: Iterable[Row]) -> Ledger:
    """The books that these rows are."""
    all_rows = list(rows)

    def kept(kind: type[R]) -> list[R]:
        return [row for row in all_rows if isinstance(row, kind)]

    return Ledger(
        name,
        node,
        tuple(kept(Line)),
        {(bytes(p.promisor), p.id): p for p in kept(Promise)},
        {t.commit: t for t in kept(Transaction)},
        tuple(kept(Payment)),
        {r.id: r for r in kept(Request)},
        tuple(kept(Incident)),
    )


def _database(home: Path) -> Path:
    found = read_config(home / CONFIG_NAME).data_path(home) / DATABASE
    # Opened where it is not, it would be made, and an empty book has no faults.
    assert found.exists(), found
    return found


def _rows(path: Path) -> Iterator[Row]:
    with open_store(path, STORE_KIND, metadata, SCHEMA_VERSION) as store:
        with reading(store.engine) as connection:
            yield from (row for row, _ in load_rows(connection))
        for bundle in Archive(store.engine).bundles():
            yield from bundle.rows


def read_courts(town: Town, ids: Mapping[str, bytes]) -> list[Court]:
    """`ids`: registry's name -> its id. With SQLite's own reader: not one line of the registry's
    code has a say in what it finds."""
    courts = []
    for name, daemon in town.registries.items():
        with closing(sqlite3.connect(daemon.directory / DEFAULTS.database)) as connection:
            leaves = dict(connection.execute("SELECT commit_id, leaf FROM decision"))
            logged = connection.execute(
                "SELECT commit_id FROM log_entry WHERE commit_id IS NOT NULL"
            )
            courts.append(Court(name, ids[name], leaves, tuple(row[0] for row in logged)))
    return courts
