"""A whole registry on loopback: the real daemon's parts around a clock that tests move."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import trio

from node.command.sim.cast import NOW_US
from proto.commit import Commit
from proto.descriptor import Descriptor
from proto.policy import single
from proto.registry_record import RegistryRecord
from proto.v1 import registry_pb2 as rpb
from registry.config import Config, read_config
from registry.daemon import Daemon
from registry.home import Home, create
from registry.store import open_ledger
from runtime.bridge import Bridge
from runtime.clock import FakeClock
from runtime.rpc_client import RpcChannel
from tests.patience import PATIENCE_S
from tests.registry.build import DECLINE_HASH, ERROR_US, descriptor

METHOD = "/pledgeway.v1.Registry/"
ANY_PORT = "127.0.0.1:0"
CONFIG = Config(name="test", log_origin="", listen=ANY_PORT, archive=ANY_PORT)


@dataclass(frozen=True)
class Serving:
    """A registry that answers, and a gRPC channel to it."""

    daemon: Daemon
    clock: FakeClock
    channel: RpcChannel
    url: str

    @property
    def record(self) -> RegistryRecord:
        return self.daemon.record

    def descriptor(self, label: str, **changes: object) -> Descriptor:
        """A transaction that this registry decides, with a deadline 10 s from NOW_US."""
        return descriptor(label, **{"policy": single(self.record.registry)} | changes)

    def declinable(self, label: str) -> Descriptor:
        return self.descriptor(label, decline_hash=DECLINE_HASH)

    async def decide(self, *items: rpb.DecideItem) -> list[rpb.Answer]:
        request = rpb.DecideRequest(items=items, batch=7)
        answer = await self.channel.unary(METHOD + "Decide", request, rpb.DecideResponse, 20)
        assert answer.batch == 7
        return list(answer.answers)

    async def announce(self, *descriptors: Descriptor) -> list[rpb.Answer]:
        request = rpb.AnnounceRequest(descriptors=[d.encode() for d in descriptors])
        answer = await self.channel.unary(METHOD + "Announce", request, rpb.AnnounceResponse, 20)
        return list(answer.answers)


def bare(answer: rpb.Answer) -> rpb.Answer:
    """The answer without its log proof, which comes once the publisher has got there."""
    copy = rpb.Answer()
    copy.CopyFrom(answer)
    if copy.HasField("final"):
        copy.final.ClearField("tlog_proof")
    return copy


def commit_item(commit: Commit) -> rpb.DecideItem:
    return rpb.DecideItem(commit=commit.to_message())


def query_item(d: Descriptor) -> rpb.DecideItem:
    return rpb.DecideItem(query=rpb.Query(descriptor=d.encode()))


def decline_item(d: Descriptor, preimage: bytes) -> rpb.DecideItem:
    return rpb.DecideItem(decline=rpb.Decline(descriptor=d.encode(), preimage=preimage))


def id_item(commit_id: bytes) -> rpb.DecideItem:
    return rpb.DecideItem(query=rpb.Query(commit_id=commit_id))


@asynccontextmanager
async def serving(path: Path, **settings: object) -> AsyncIterator[Serving]:
    """Founds a registry in `path` unless there is one, and serves it around a block."""
    home = Home(path)
    if not home.config.exists():
        config = replace(CONFIG, **settings)  # type: ignore[arg-type]
        create(path, config, 1, 1, NOW_US, os.urandom)
    clock = FakeClock(NOW_US, ERROR_US)
    config = read_config(home.config)
    with open_ledger(config.database_in(path)) as store:
        daemon = Daemon(home, config, clock, store)
        ready, stop = trio.Event(), trio.Event()
        lines: list[str] = []

        def on_ready(line: str) -> None:
            lines.append(line)
            ready.set()

        with trio.fail_after(PATIENCE_S):
            async with Bridge.open() as bridge, trio.open_nursery() as nursery:
                nursery.start_soon(daemon.serve, bridge, on_ready, stop.wait)
                await ready.wait()
                words = dict(word.split("=", 1) for word in lines[0].split()[1:])
                certificate = daemon.record.tls_certificate
                async with RpcChannel.to_pinned(bridge, words["grpc"], certificate) as channel:
                    yield Serving(daemon, clock, channel, words["archive"])
                stop.set()
