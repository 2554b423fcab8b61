"""The records of the registries that decide beside us: read anew when their folder changes.

Each certifies itself, so a newer one may come from the member itself as well as by hand: it must
have the same id and continue the same chain of roots (RegistryRecord.replaces).
"""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import trio

from proto.registry_record import RegistryRecord, read_record
from proto.wire import WireFault
from registry.home import Home, HomeFault, load_members, write_public

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 1.0  # an operator who has added a member waits no longer
NAME_DIGITS: Final = 16  # of a registry's id, in the name of its file


class Members:
    """`records` is one mapping for ever, changed in place: whoever holds it sees the newest.

    Owned by trio; the examining thread only looks things up in it. HomeFault at first reading.
    """

    def __init__(self, home: Home, own: bytes) -> None:
        self._home = home
        self._own = own
        self.records: dict[bytes, RegistryRecord] = {}
        self._stamp = self._look()
        self._take_all()

    async def follow(self, changed: Callable[[], None]) -> None:
        """Tells of every change in the folder, for ever."""
        while True:
            await trio.sleep(LOOK_EVERY_S)
            if self.reread():
                changed()

    def reread(self) -> bool:
        """Whether the folder had changed, and every file in it could be read."""
        stamp = self._look()
        if stamp == self._stamp:
            return False
        try:
            self._take_all()
        except HomeFault as fault:
            log.warning("%s", fault)  # what was known stays known
            return False
        self._stamp = stamp
        return True

    def offer(self, data: bytes) -> bool:
        """A record that a member handed out (SignedRegistryRecord): kept if it is news of one that
        the operator has added. Nobody gets in this way who was not in before."""
        try:
            fresh = read_record(data)
        except WireFault as fault:
            log.warning("a member hands out a record that does not hold: %s", fault)
            return False
        known = self.records.get(fresh.registry)
        if known is None or not fresh.replaces(known):
            return False
        self.records[fresh.registry] = fresh
        try:
            keep_member(self._home, fresh)
        except OSError as error:
            log.warning("%s: cannot be written: %s", self._home.members, error.strerror)
        self._stamp = self._look()
        return True

    def _take_all(self) -> None:
        found = load_members(self._home)
        found.pop(self._own, None)  # the record that an operator hands to all lies here too
        for registry in self.records.keys() - found.keys():
            del self.records[registry]
        for registry, record in found.items():
            known = self.records.get(registry)
            if known is None or record.replaces(known):
                self.records[registry] = record

    def _look(self) -> tuple[tuple[str, int, int], ...]:
        files = sorted(self._home.members.glob("*.record"))
        return tuple((f.name, s.st_mtime_ns, s.st_size) for f in files if (s := _stat(f)))


def keep_member(home: Home, record: RegistryRecord) -> Path:
    """Writes a member's record where the registry looks for it, instead of an older one. OSError,
    HomeFault where the one that is there is newer or of another chain of roots."""
    home.members.mkdir(mode=0o700, exist_ok=True)
    path = home.members / f"{record.registry.hex()[:NAME_DIGITS]}.record"
    known = load_members(home).get(record.registry)
    if known is not None and known.signed != record.signed and not record.replaces(known):
        raise HomeFault(f"{home.members}: holds a newer record of {known.name!r}")
    for file in home.members.glob("*.record"):
        if file != path and _registry_in(file) == record.registry:
            file.unlink()  # an operator gave it a name of his own: one registry, one file
    write_public(path, record.signed)
    return path


def _registry_in(path: Path) -> bytes | None:
    try:
        return read_record(path.read_bytes()).registry
    except (OSError, WireFault):
        return None


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
