"""deploy/postgresql under a whole registry: what deploy/REGISTRY.md says of losing servers."""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import trio

from node.command.sim.cast import SECOND
from proto.descriptor import Descriptor
from proto.policy import single
from proto.registry_record import RegistryRecord, read_record
from proto.statement import Statement
from proto.v1 import registry_pb2 as rpb
from registry.health import State
from registry.home import Home, create
from runtime.rpc_client import RpcChannel, RpcError
from tests.deployed_servers import deployed
from tests.patience import PATIENCE_S
from tests.proto.build import make_commit
from tests.registry.build import descriptor
from tests.registry.serving import CONFIG, commit_item, query_item
from tests.registry.test_daemon import channel_to, decide, process
from tests.registry.test_standby import WAITING

pytestmark = [pytest.mark.edge, pytest.mark.e2e]

LOOK_AGAIN_S = 0.1
PASSING = {rpb.LOG_STALLED, rpb.CLOCK_UNSAFE}


class Asker:
    """Whoever asks keeps every statement, and sees whether it is ever another one."""

    def __init__(self, registry: bytes) -> None:
        self._registry = registry
        self._soon_us = time.time_ns() // 1000 + 600 * SECOND
        self.told: dict[bytes, bytes] = {}
        self.asked: list[Descriptor] = []

    def new(self, label: str, many: int) -> list[Descriptor]:
        made = [
            descriptor(f"{label} {i}", policy=single(self._registry), deadline_us=self._soon_us + i)
            for i in range(many)
        ]
        self.asked += made
        return made

    async def commit(self, channel: RpcChannel, ds: Sequence[Descriptor]) -> bool:
        """Whether all of it is final now. RpcError where nobody answers."""
        return self._heard(await decide(channel, [commit_item(make_commit(d)) for d in ds]))

    def _heard(self, answers: list[rpb.Answer]) -> bool:
        for answer in answers:
            if answer.HasField("final"):
                data = answer.final.statement
                assert self.told.setdefault(answer.commit_id, data) == data, "two answers"
            else:
                assert answer.refusal.reason in PASSING, answer
        return all(answer.HasField("final") for answer in answers)

    async def until_final(self, channel: RpcChannel) -> None:
        """Every transaction there ever was; what was told is told again, word by word."""
        for start in range(0, len(self.asked), 64):
            part = self.asked[start : start + 64]
            while not await self.commit(channel, part):
                pass
        queries = [query_item(d) for d in self.asked[:256]]
        assert self._heard(await decide(channel, queries))


async def until_state(record: RegistryRecord, wanted: State) -> None:
    """Looks at its health until it says so of itself."""
    url = record.archive_url.replace("/commit/%s", "/health")
    async with httpx.AsyncClient(trust_env=False) as http:
        while True:
            answer = await http.get(url)
            state = State(answer.json()["state"])
            assert (answer.status_code == 200) == (state is State.DECIDING)
            if state is wanted:
                return
            await trio.sleep(LOOK_AGAIN_S)


async def test_no_standby_no_answer_and_a_lost_primary_loses_nothing(tmp_path: Path) -> None:
    with deployed() as servers:
        url = servers.primary.fresh()
        config = replace(CONFIG, examiners=0, database=servers.url_of_any(url))
        create(tmp_path / "r", config, 1, 1, time.time_ns() // 1000, os.urandom)
        home = Home(tmp_path / "r")
        with trio.fail_after(60), process(home):
            record = read_record(home.record.read_bytes())
            asker = Asker(record.registry)
            async with channel_to(record) as channel:
                assert await asker.commit(channel, asker.new("both", 40))
                servers.stop_standby("registry_b")
                assert await asker.commit(channel, asker.new("one away", 20))
                servers.stop_standby("registry_a")
                before = dict(asker.told)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(asker.commit, channel, asker.new("both away", 20))
                    await trio.to_thread.run_sync(servers.until, WAITING)
                    await until_state(record, State.STORE_SILENT)
                    assert asker.told == before, "signed, and no standby has it"
                    servers.start_standby("registry_a")
                assert len(asker.told) == 80
                await until_state(record, State.DECIDING)

                enough = trio.Event()

                async def load() -> None:
                    for number in range(10**6):
                        ds = asker.new(f"load {number}", 4)
                        try:
                            if not await asker.commit(channel, ds):
                                return
                        except RpcError:
                            return
                        if number == 9:
                            enough.set()

                async with trio.open_nursery() as nursery:
                    nursery.start_soon(load)
                    await enough.wait()
                    await trio.to_thread.run_sync(servers.fail_primary)
                servers.start_standby("registry_b")
                assert servers.position("registry_b") < servers.position("registry_a")
                assert await trio.to_thread.run_sync(servers.promote_highest) == "registry_a"
                await asker.until_final(channel)
                assert await asker.commit(channel, asker.new("after", 20))
        with trio.fail_after(PATIENCE_S), process(home):
            async with channel_to(read_record(home.record.read_bytes())) as channel:
                await asker.until_final(channel)
        indices = sorted(Statement.decode(data).log_index for data in asker.told.values())
        assert indices == list(range(indices[0], indices[0] + len(asker.asked))), "no gap"
