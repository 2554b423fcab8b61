"""A log key is changed while a witness runs: the log is cosigned again, and nobody did anything."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import trio
from click.testing import CliRunner

from node.command.registry import registry
from proto.checkpoint import cosignature_times_s, log_note_key, read_checkpoint
from proto.note import Note
from proto.registry_record import RegistryRecord
from proto.shard import shard_of
from proto.wire import WireFault
from registry.home import Home, create, load_record
from registry.witness.home import WitnessHome
from registry.witness.trust import add_log
from runtime.clock import SystemClock
from tests.e2e.cosigners import RUN, witness
from tests.e2e.houses import until
from tests.registry.serving import CONFIG

pytestmark = [pytest.mark.edge, pytest.mark.e2e]


@contextmanager
def serving(home: Home) -> Iterator[str]:
    """`registry run` in a process of its own; gives the URL of its archive."""
    with subprocess.Popen(
        [sys.executable, "-c", RUN, "registry", "run", str(home.path)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            words = dict(w.split("=", 1) for w in process.stdout.readline().split()[1:])
            yield words["archive"]
            process.terminate()
            assert process.wait(10) == 0
        finally:
            process.kill()


async def until_cosigned(url: str, record: RegistryRecord, key: bytes) -> None:
    """Until the archive shows a checkpoint by this key that the witness has cosigned."""
    shard = shard_of(SystemClock(0).now_us())
    name = f"{record.log_origin}/{shard}"

    async def cosigned() -> bool:
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.get(f"{url}/log/{shard}/checkpoint")
        try:
            read_checkpoint(answer.content, log_note_key(name, key))
            note = Note.decode(answer.content)
        except WireFault:
            return False
        return bool(cosignature_times_s(note, [w.key for w in record.witnesses]))

    await until("the log is cosigned", cosigned)


async def test_a_new_log_key_needs_nobodys_hand(tmp_path: Path) -> None:
    home = Home(tmp_path / "r")
    with witness(tmp_path / "w") as shown:
        config = replace(CONFIG, witnesses=(shown,), witness_quorum=1)
        create(home.path, config, 1, 1, SystemClock(0).now_us(), os.urandom)
        with serving(home) as url:
            first = load_record(home.record)
            add_log(WitnessHome(tmp_path / "w").logs, home.record)
            await until_cosigned(url, first, first.log_keys[0].key)
        command = ["keys", "rotate", str(home.path), "--now", "--purpose", "log", "--json"]
        done = await trio.to_thread.run_sync(CliRunner().invoke, registry, command)
        assert done.exit_code == 0, done.output
        record = load_record(home.record)
        (new,) = [c.key for c in record.log_keys if c.key != first.log_keys[0].key]
        with serving(home) as url:
            await until_cosigned(url, record, new)
