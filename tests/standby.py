"""A PostgreSQL with a standby that it waits for: both real, both of the tests' own."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.cluster import Cluster, cluster
from tests.patience import PATIENCE_S

LOOK_S: Final = 0.02
# As subprocess's own `user` would, but that forks, and gRPC's threads do not survive a fork.
BECOME: Final = """
import os, pwd, sys
who = pwd.getpwnam(sys.argv[1])
os.setgroups([])
os.setgid(who.pw_gid)
os.setuid(who.pw_uid)
os.execv(sys.argv[2], sys.argv[2:])
"""


class Pair:
    """`primary` commits once the standby has what is committed."""

    def __init__(self, primary: Cluster, folder: Path) -> None:
        self.primary = primary
        self._folder = folder
        ((bindir,),) = primary.run("SELECT setting FROM pg_config WHERE name = 'BINDIR'")
        ((self._data,),) = primary.run("SHOW data_directory")
        ((self._socket,),) = primary.run("SHOW unix_socket_directories")
        self._bin = Path(str(bindir))
        self._user = Path(str(self._data)).owner()  # the server refuses to run as root

    def url_of_standby(self, url: str) -> str:
        """What is at `url` on the primary, on the standby."""
        assert f"host={self._socket}" in url, url
        return url.replace(f"host={self._socket}", f"host={self._folder}")

    def copy(self) -> None:
        """Makes the standby, and has the primary wait for it from now on."""
        shutil.chown(self._folder, self._user)
        source = ("-h", str(self._socket), "-U", "postgres", "-c", "fast")
        self._call("pg_basebackup", *source, "-D", str(self._folder / "data"), "-R")
        self.start()
        self.primary.run("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.primary.run("SELECT pg_reload_conf()")
        self.until("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'")

    def start(self) -> None:
        options = f'-h "" -k {self._folder}'
        self._control(self._folder / "data", "start", "-o", options, "-l", self._log())

    def stop(self) -> None:
        """As by a loss of power."""
        self._control(self._folder / "data", "stop", "-m", "immediate")

    def promote(self) -> None:
        self._control(self._folder / "data", "promote")

    def fail_primary(self) -> None:
        """As by a loss of power; `restart_primary` recovers what its own disk has."""
        self.primary.close()  # its connections are of no more use
        self._control(Path(str(self._data)), "stop", "-m", "immediate")

    def restart_primary(self) -> None:
        options = f'-h "" -k {self._socket}'
        self._control(Path(str(self._data)), "start", "-o", options, "-l", self._log())

    def until(self, query: str) -> None:
        """Looks at the primary until `query` finds something."""
        until_s = time.monotonic() + PATIENCE_S
        while not self.primary.run(query):
            assert time.monotonic() < until_s, query
            time.sleep(LOOK_S)

    def _log(self) -> str:
        return str(self._folder / "log")

    def _control(self, data: Path, *arguments: str) -> None:
        self._call("pg_ctl", "-w", "-D", str(data), *arguments)

    def _call(self, program: str, *arguments: str) -> None:
        become = [sys.executable, "-I", "-c", BECOME, self._user] if os.geteuid() == 0 else []
        # A server that is started would keep a pipe open: nothing of its output is waited for.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                [*become, str(self._bin / program), *arguments],
                stdout=output,
                stderr=output,
                cwd=self._folder,
                timeout=PATIENCE_S,
            )
            output.seek(0)
            assert done.returncode == 0, output.read().decode()


@contextmanager
def pair() -> Iterator[Pair]:
    """Skips the test where the server's binaries are missing or cannot run."""
    with cluster() as primary, tempfile.TemporaryDirectory(prefix="pg2-") as name:
        both = Pair(primary, Path(name))
        both.copy()
        try:
            yield both
        finally:
            primary.run("ALTER SYSTEM RESET synchronous_standby_names")
            primary.run("SELECT pg_reload_conf()")
            if (Path(name) / "data" / "postmaster.pid").exists():
                both.stop()
