"""A witness in a process of its own, for all the registries of one town."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.command.processes.founding import TownFault, found_registry
from node.command.processes.ports import HOST
from node.command.processes.process import Daemon, Processes
from proto.note import NoteKey
from proto.record_parts import RecordWitness
from proto.wire import WireFault
from registry.home import Home, HomeFault
from registry.witness.config import WitnessConfig
from registry.witness.home import WitnessHome, create_witness
from registry.witness.trust import add_log

PROCESS: Final = "town/witness"  # no house is called so: a house's name holds no slash


@dataclass(frozen=True, slots=True)
class Watchman:
    """A running witness, and what registries must know of it.

    `covered`: they give no statement away before he has cosigned it, so that every certificate has
    its proof from the beginning. It takes them half a second.
    """

    home: WitnessHome
    known: RecordWitness
    covered: bool

    def found_registry(self, home: Path, name: str, ports: Iterator[int]) -> None:
        """A registry that needs this witness, and that he knows. TownFault, NoPort."""
        found_registry(home, name, ports, witness=self.known, covered=self.covered)
        try:
            add_log(self.home.logs, Home(home).record)
        except HomeFault as fault:
            raise TownFault(f"{name}: {fault}") from fault


async def start_watchman(
    directory: Path, name: str, running: Processes, *, covered: bool
) -> Watchman:
    """`name` stands in his cosignatures. TownFault, StartFailed."""
    home = WitnessHome(directory / "witness")
    try:
        create_witness(home.path, WitnessConfig(name, f"{HOST}:0"), os.urandom)
    except HomeFault as fault:
        raise TownFault(f"{name}: {fault}") from fault
    daemon = Daemon(PROCESS, ("witness", "run", str(home.path)), home.path)
    await running.start(daemon)
    said = dict(word.split("=", 1) for word in daemon.ready.read_text().split()[1:])
    try:
        key = NoteKey.decode(said["key"])
    except (KeyError, WireFault) as fault:
        raise TownFault(f"{name}: does not say its key where it is ready") from fault
    return Watchman(home, RecordWitness(key, said["witness"]), covered)
