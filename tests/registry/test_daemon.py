"""The real process: kill -9 under load, restart, signals, one line where it cannot run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from node.command.sim.cast import SECOND
from proto.descriptor import Descriptor, commit_id
from proto.policy import single
from proto.registry_record import RegistryRecord, read_record
from proto.statement import Statement
from proto.v1 import registry_pb2 as rpb
from registry.home import Home, create
from registry.publishing.tile_files import CHECKPOINT
from runtime.bridge import Bridge
from runtime.rpc_client import RpcChannel, RpcError
from tests.patience import PATIENCE_S
from tests.proto.build import make_commit
from tests.registry.build import DECLINE_HASH, PREIMAGE, descriptor
from tests.registry.publishing.reading import read_log
from tests.registry.serving import CONFIG, METHOD, commit_item, decline_item, query_item

pytestmark = [pytest.mark.edge, pytest.mark.e2e]

STOP_WITHIN_S = 10.0  # on a busy machine; systemd kills after ninety
IDS = 240
FRAME = 12


@pytest.fixture
def home(tmp_path: Path) -> Home:
    create(tmp_path / "r", CONFIG, 1, 1, time.time_ns() // 1000, os.urandom)
    return Home(tmp_path / "r")


@contextmanager
def process(
    home: Home, module: str = "registry", *arguments: str
) -> Iterator[subprocess.Popen[str]]:
    """A running registry, after its ready line; killed at the end unless it has ended."""
    with subprocess.Popen(
        [sys.executable, "-m", module, str(home.path), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            assert running.stdout is not None
            line = running.stdout.readline()
            if not line.startswith("ready "):
                assert running.stderr is not None
                raise AssertionError(running.stderr.read())
            yield running
        finally:
            running.kill()


@asynccontextmanager
async def channel_to(record: RegistryRecord) -> AsyncIterator[RpcChannel]:
    async with (
        Bridge.open() as bridge,
        RpcChannel.to_pinned(bridge, record.grpc_target, record.tls_certificate) as channel,
    ):
        yield channel


async def decide(channel: RpcChannel, items: list[rpb.DecideItem]) -> list[rpb.Answer]:
    request = rpb.DecideRequest(items=items)
    response = await channel.unary(METHOD + "Decide", request, rpb.DecideResponse, 20)
    return list(response.answers)


class Load:
    """Commits and declines of the same transactions, from several callers at once."""

    def __init__(self, registry: bytes, ids: int = IDS) -> None:
        soon_us = time.time_ns() // 1000 + 60 * SECOND
        self.descriptors: list[Descriptor] = [
            descriptor(
                f"{i}", policy=single(registry), decline_hash=DECLINE_HASH, deadline_us=soon_us + i
            )
            for i in range(ids)
        ]
        # commit_id -> the final answer that arrived, without its signature: that depends on the
        # frame in which the statement travelled, the statement and its Commit never do.
        self.told: dict[bytes, bytes] = {}

    async def race(self, channel: RpcChannel, enough: trio.Event) -> None:
        async with trio.open_nursery() as nursery:
            for backwards in (False, True):
                for declines in (False, True):
                    nursery.start_soon(self._caller, channel, backwards, declines, enough)

    async def _caller(
        self, channel: RpcChannel, backwards: bool, declines: bool, enough: trio.Event
    ) -> None:
        order = self.descriptors[::-1] if backwards else self.descriptors
        for start in range(0, len(order), FRAME):
            part = order[start : start + FRAME]
            items = [
                decline_item(d, PREIMAGE) if declines else commit_item(make_commit(d)) for d in part
            ]
            try:
                answers = await decide(channel, items)
            except RpcError:
                return  # the process is gone: whether these were decided nobody knows
            for answer in answers:
                self.heard(answer)
            if len(self.told) > len(order) // 3:
                enough.set()

    def heard(self, answer: rpb.Answer) -> None:
        assert answer.HasField("final"), answer
        del answer.final.signatures[:]
        answer.final.ClearField("tlog_proof")  # it comes later, and does not change what is said
        data = answer.SerializeToString()
        assert self.told.setdefault(answer.commit_id, data) == data, "two answers about one id"


async def test_killed_under_load_it_loses_and_contradicts_nothing(home: Home) -> None:
    with trio.fail_after(PATIENCE_S):
        with process(home) as running:
            record = read_record(home.record.read_bytes())
            load, enough = Load(record.registry), trio.Event()
            async with channel_to(record) as channel, trio.open_nursery() as nursery:
                nursery.start_soon(load.race, channel, enough)
                await enough.wait()
                running.kill()
        require_sound_log(home, record, load)
        before = dict(load.told)
        assert len(before) > IDS // 3
        with process(home) as running:
            again = read_record(home.record.read_bytes())
            assert (again.registry, again.grpc_target) == (record.registry, record.grpc_target)
            async with channel_to(again) as channel:
                for answer in await decide(channel, [query_item(d) for d in load.descriptors]):
                    if answer.HasField("final"):
                        load.heard(answer)
                    else:
                        assert answer.commit_id not in before, "a decision was lost"
                await load.race(channel, trio.Event())
            assert set(load.told) == {commit_id(d.encode()) for d in load.descriptors}
            assert before.items() <= load.told.items()
            answers = [rpb.Answer.FromString(data) for data in load.told.values()]
            indices = sorted(Statement.decode(a.final.statement).log_index for a in answers)
            assert indices == list(range(3, IDS + 3)), "two keys and a fence; no gap after them"
            assert stop(running, signal.SIGTERM) == 0
        require_sound_log(home, record, load)


def require_sound_log(home: Home, record: RegistryRecord, load: Load) -> None:
    """Whenever the process ended: what it had published is whole, and says what was told."""
    told = [rpb.Answer.FromString(data).final.statement for data in load.told.values()]
    statements = [Statement.decode(data) for data in told]
    (origin,) = {statement.log_origin for statement in statements}
    folder = home.log / origin.rpartition("/")[-1]
    if not (folder / CHECKPOINT).exists():
        return  # it did not come so far
    checkpoint, _, leaves = read_log(folder, record.log_note_keys(origin))
    assert checkpoint.origin == origin
    for statement in statements:
        if statement.log_index < len(leaves):
            assert leaves[statement.log_index] == statement.leaf


def stop(running: subprocess.Popen[str], how: signal.Signals) -> int:
    running.send_signal(how)
    return running.wait(timeout=STOP_WITHIN_S)


async def test_it_stops_in_time_while_somebody_watches(home: Home) -> None:
    with trio.fail_after(PATIENCE_S), process(home) as running:
        record = read_record(home.record.read_bytes())
        far_us = time.time_ns() // 1000 + 3600 * SECOND
        d = descriptor("a", policy=single(record.registry), deadline_us=far_us)
        request = rpb.WatchRequest(descriptors=[d.encode()])
        async with (
            channel_to(record) as channel,
            channel.stream(METHOD + "Watch", request, rpb.Answer) as stream,
        ):
            assert await stream.receive() is not None
            started_s = time.monotonic()
            assert await trio.to_thread.run_sync(stop, running, signal.SIGINT) == 0
            assert time.monotonic() - started_s < STOP_WITHIN_S
            with pytest.raises(RpcError):
                await stream.receive()
        assert running.stderr is not None
        assert "Traceback" not in running.stderr.read()


def refused(home: Home) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "registry", str(home.path)],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = [x for x in done.stderr.splitlines() if not x.startswith(("INFO", "WARNING"))]
    return line


def test_a_second_process_is_refused(home: Home) -> None:
    with process(home):
        assert (
            refused(home)
            == f"registry: {home.path}/decisions.sqlite: another daemon is running on it"
        )


def test_without_root_keys_a_new_address_cannot_be_signed(home: Home) -> None:
    text = home.config.read_text().replace('listen = "127.0.0.1:0"', 'listen = "localhost:0"')
    home.config.write_text(text)
    for key in home.root_keys():
        key.unlink()
    assert "needs 1 root keys in root/, 0 are there" in refused(home)


def test_other_keys_than_the_record_certifies(home: Home) -> None:
    other = replace(home, path=home.path.with_name("other"))
    create(other.path, CONFIG, 1, 1, time.time_ns() // 1000, os.urandom)
    home.statement_key.write_bytes(other.statement_key.read_bytes())
    assert refused(home).endswith("does not certify it for now")


def test_a_taken_address_is_named(home: Home) -> None:
    with process(home):
        port = read_record(home.record.read_bytes()).grpc_target
    other = replace(home, path=home.path.with_name("other"))
    config = replace(CONFIG, listen=port)
    create(other.path, config, 1, 1, time.time_ns() // 1000, os.urandom)
    with process(home):
        assert refused(other).startswith(f"registry: cannot listen on {port}: ")
