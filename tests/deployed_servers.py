"""A PostgreSQL primary with its two standbys, set up by deploy/postgresql/ as an operator would."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sqlalchemy import create_engine, text

from tests.cluster import Cluster, cluster
from tests.patience import PATIENCE_S
from tests.standby import LOOK_S, Pair

SETTINGS: Final = Path(__file__).resolve().parent.parent / "deploy" / "postgresql"
NAMES: Final = ("registry_a", "registry_b")
CONNINFO: Final = (
    "host=db1.example user=replicator application_name=registry_a"
    " sslmode=verify-full sslrootcert=system"
)


class Trio(Pair):
    """`primary` commits once one of the standbys has what is committed."""

    def __init__(self, primary: Cluster, folder: Path) -> None:
        super().__init__(primary, folder)
        shutil.chown(folder, self._user)
        self._own = Path(str(self._data))

    def data(self, name: str) -> Path:
        return self._folder / name / "data"

    def url_of_any(self, url: str) -> str:
        """`url`, wherever the primary is."""
        hosts = ",".join(str(h) for h in (self._socket, *(self._folder / x for x in NAMES)))
        moved = url.replace(f"host={self._socket}", f"host={hosts}")
        return f"{moved}&target_session_attrs=read-write"

    def build(self) -> None:
        """The primary's settings, a slot and a copy for each standby, and its own settings."""
        own = (SETTINGS / "primary.conf").read_text()
        own = own.replace("shared_buffers = '1GB'", "shared_buffers = '16MB'")
        (self._own / "primary.conf").write_text(own)
        with (self._own / "postgresql.conf").open("a") as file:
            file.write("\ninclude 'primary.conf'\n")
        self.fail_primary()
        self.restart_primary()
        for name in NAMES:
            self._slot(self.primary.run, name)
            (self._folder / name).mkdir()
            shutil.chown(self._folder / name, self._user)
            source = ("-h", str(self._socket), "-U", "postgres", "-c", "fast")
            self._call("pg_basebackup", *source, "-D", str(self.data(name)))
            with (self.data(name) / "postgresql.conf").open("a") as file:
                file.write("\ninclude 'standby.conf'\n")
            (self.data(name) / "standby.signal").touch()
            self.follow(name, str(self._socket))
            self.start_standby(name)
        self.until("SELECT count(*) FROM pg_stat_replication HAVING count(*) = 2")

    def _slot(self, run: Callable[[str], object], name: str) -> None:
        run(f"SELECT pg_create_physical_replication_slot('{name}')")

    def follow(self, name: str, primary: str) -> None:
        """Writes its standby.conf: whom it follows at its next start."""
        standby = (SETTINGS / "standby.conf").read_text()
        assert CONNINFO in standby, "adapt the test"
        where = f"host={primary} user=postgres application_name={name}"
        standby = standby.replace(CONNINFO, where)
        standby = standby.replace("slot_name = 'registry_a'", f"slot_name = '{name}'")
        (self.data(name) / "standby.conf").write_text(standby)

    def start_standby(self, name: str) -> None:
        options = f'-h "" -k {self._folder / name}'
        self._control(self.data(name), "start", "-o", options, "-l", self._log())

    def stop_standby(self, name: str) -> None:
        """As by a loss of power."""
        self._control(self.data(name), "stop", "-m", "immediate")

    def ask(self, name: str, statement: str) -> list[tuple[object, ...]]:
        """As the administrator of that standby."""
        host = f"host={self._folder / name}"
        url = f"postgresql+psycopg://postgres@/postgres?{host}"
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            found = [tuple(row) for row in connection.execute(text(statement))]
        engine.dispose()
        return found

    def position(self, name: str) -> int:
        """How many bytes of the primary's log it has on its disk."""
        received = "coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())"
        ((bytes_,),) = self.ask(name, f"SELECT pg_wal_lsn_diff({received}, '0/0')")
        return int(str(bytes_))

    def promote_highest(self) -> str:
        """Reads every standby's position, promotes the highest, lets the other follow it."""
        highest = max(NAMES, key=self.position)
        (other,) = (name for name in NAMES if name != highest)
        self._control(self.data(highest), "promote")
        self._slot(lambda statement: self.ask(highest, statement), other)
        self.follow(other, str(self._folder / highest))
        self.stop_standby(other)
        self.start_standby(other)
        until_s = time.monotonic() + PATIENCE_S
        while not self.ask(
            highest, "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'quorum'"
        ):
            assert time.monotonic() < until_s
            time.sleep(LOOK_S)
        return highest


@contextmanager
def deployed() -> Iterator[Trio]:
    """Skips the test where the server's binaries are missing or cannot run."""
    with cluster() as primary, TemporaryDirectory(prefix="pg3-") as name:
        servers = Trio(primary, Path(name))
        try:
            servers.build()
            yield servers
        finally:
            for each in NAMES:
                if (servers.data(each) / "postmaster.pid").exists():
                    servers.stop_standby(each)
            if not (servers._own / "postmaster.pid").exists():
                servers.restart_primary()
