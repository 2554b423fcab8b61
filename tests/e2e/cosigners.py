"""Witnesses in processes of their own, and a registry whose log they cosign."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from node.command.processes.town import run_registry_command
from proto.limits import US
from proto.note import NoteKey
from proto.record_parts import RecordWitness
from registry.config import config_text, read_config
from registry.home import Home
from registry.witness.config import WitnessConfig
from registry.witness.home import WitnessHome, create_witness
from registry.witness.trust import add_log
from tests.processes import end, ready

MMD_US = 4 * US  # so that nodes come back for the proof after a second
RUN = "from node.command.__main__ import main; main()"


@contextmanager
def witness(path: Path) -> Iterator[RecordWitness]:
    """A witness in a process of its own; it ends cleanly."""
    config = WitnessConfig(name=f"{path.name}.example", listen="127.0.0.1:0")
    create_witness(path, config, lambda size: path.name.encode().ljust(size))
    with ready("-c", RUN, "witness", "run", str(path)) as (process, words):
        yield RecordWitness(NoteKey.decode(words["key"]), words["witness"])
        end(process, 5)


def cosigned_registry(
    witnesses: tuple[RecordWitness, ...], homes: list[WitnessHome]
) -> Callable[[Path], tuple[str, ...]]:
    """The `registry_command` of a town whose registry needs all these witnesses, and they know."""

    def command(path: Path) -> tuple[str, ...]:
        home = Home(path)
        config = replace(
            read_config(home.config),
            witnesses=witnesses,
            witness_quorum=len(witnesses),
            mmd_us=MMD_US,
        )
        home.config.write_text(config_text(config))
        for own in homes:
            add_log(own.logs, home.record)
        return run_registry_command(path)

    return command
